package passkey

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestKeys: what is stored reads back as it was.
func TestKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all keys
		for range rapid.IntRange(0, MaxKeys).Draw(t, "keys") {
			k := key{
				ID:     rapid.SliceOfN(rapid.Byte(), 1, maxID).Draw(t, "id"),
				Public: rapid.SliceOfN(rapid.Byte(), 1, maxPublic).Draw(t, "public"),
				Count:  rapid.Uint32().Draw(t, "count"), Synced: rapid.Bool().Draw(t, "synced"),
				Name: rapid.String().Draw(t, "name"), Created: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "created"), 0).UTC(),
			}
			if rapid.Bool().Draw(t, "used") {
				k.Used = k.Created.Add(time.Hour)
			}
			all = append(all, k)
		}
		blob, err := all.marshal()
		if err != nil {
			t.Fatal(err)
		}
		if len(blob) > 64<<10 {
			t.Fatalf("%d octets: more than an account keeps", len(blob))
		}
		back, err := parse(blob)
		if err != nil || !reflect.DeepEqual(back, all) {
			t.Fatalf("%+v, %v", back, err)
		}
		for i := range all {
			if j := back.find(all[i].name()); j < 0 || !bytes.Equal(back[j].ID, all[i].ID) {
				t.Fatalf("key %d is found as %d", i, j)
			}
		}
	})
}

// FuzzStored: what does not parse is an error, and what does is within bounds.
func FuzzStored(f *testing.F) {
	one, err := keys{{ID: []byte{1}, Public: []byte{2}, Name: "n"}}.marshal()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{string(one), `{"v":1,"keys":[]}`, `{"v":2}`, "", "null", `{"v":1,"keys":[{}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		if blob == nil {
			return
		}
		all, err := parse(blob)
		if err != nil {
			return
		}
		if len(all) == 0 || len(all) > MaxKeys {
			t.Fatalf("%d keys", len(all))
		}
		again, err := all.marshal()
		if err != nil {
			t.Skip() // a time beyond what JSON can say
		}
		if back, err := parse(again); err != nil || len(back) != len(all) {
			t.Fatalf("%s: %v", again, err)
		}
	})
}

// TestNames: a name shows as what it is.
func TestNames(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for given, want := range map[string]string{"": "passkey of 2027-01-15", "  phone ": "phone", "Büro ✓": "Büro ✓", "my key": "my key"} {
		if got, err := checkName(given, now); err != nil || got != want {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
	for _, bad := range []string{"a\x00b", "a\tb", "\u202eabc", "\xc3", strings.Repeat("ü", MaxName/2+1)} {
		if got, err := checkName(bad, now); err == nil {
			t.Errorf("%q is taken as %q", bad, got)
		}
	}
}

// TestOrigins: what is no origin of a page that can have passkeys.
func TestOrigins(t *testing.T) {
	for good, id := range map[string]string{
		"https://example.org": "example.org", "https://example.org:8443": "example.org", "https://a.b.example.org": "example.org",
		"http://localhost:8080": "localhost", "http://localhost": "localhost",
	} {
		if err := checkOrigin(good, id); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "example.org", "https://", "https://example.org/", "https://example.org/x", "http://example.org", "http://127.0.0.1:80", "https://u@example.org", "https://example.org?", "null", "*", "https://example.com", "https://evilexample.org", "https://org", "http://localhost"} {
		if err := checkOrigin(bad, "example.org"); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
