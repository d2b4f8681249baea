package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/strictjson"
	"github.com/kith-kt/kith/proto/wire"
)

// TestFollowAProvider offers one document after another to somebody who pinned
// the first.
func TestFollowAProvider(t *testing.T) {
	w := &world{dir: filepath.Join(t.TempDir(), "world")}
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	defer w.close()
	other := newDocument(t, w) // of another log
	first := newDocument(t, w)
	_, root, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(version uint64, key ed25519.PrivateKey, change func(*provider.Document)) []byte {
		t.Helper()
		d := *first
		d.Version = version
		d.RootKeys = []strictjson.Bytes{strictjson.Bytes(key.Public().(ed25519.PublicKey))}
		if change != nil {
			change(&d)
		}
		payload, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		b, err := provider.Sign(payload, key)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	same := sign(2, root, nil)
	tighter := func(d *provider.Document) { d.Limits.MaxValueBytes-- }
	looser := func(d *provider.Document) { d.Limits.MaxValueBytes++ }
	anotherLog := func(d *provider.Document) { d.Configuration = other.Configuration }
	for _, c := range []struct {
		name     string
		offered  []byte
		accepted bool
		code     int
		says     string
		pinned   bool // the offered one, afterwards
	}{
		{"the same", same, false, exitFine, "", true},
		{"nothing looser", sign(3, root, tighter), false, exitFine, "change: limits change", true},
		{"looser", sign(3, root, looser), false, exitFailed, "kith use --accept", false},
		{"looser and accepted", sign(3, root, looser), true, exitFine, "limits change", true},
		{"another log", sign(3, root, anotherLog), false, exitFailed, "this is another log", false},
		{"another log and accepted", sign(3, root, anotherLog), true, exitFine, "your contacts are first contacts again", true},
		{"older", sign(1, root, nil), true, exitMisbehaved, "goes back", false},
		{"two of one version", sign(2, root, tighter), true, exitMisbehaved, "goes back", false},
		{"signed by others", sign(3, stranger, nil), true, exitMisbehaved, "not signed by enough root keys", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _, stderr := newProgram(t, filepath.Join(t.TempDir(), "home"))
			home, err := p.openHome()
			if err != nil {
				t.Fatal(err)
			}
			ring, err := home.Open(t.Context(), domain)
			if err != nil {
				t.Fatal(err)
			}
			defer ring.Close()
			if err := ring.SetProvider(same); err != nil {
				t.Fatal(err)
			}
			state := filepath.Join(ring.Dir(), "state")
			if err := os.WriteFile(state, []byte("state"), 0o600); err != nil {
				t.Fatal(err)
			}
			pinned, err := provider.Reopen(same)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.accept(ring, pinned, c.offered, c.accepted)
			if code := p.report(err); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if said := stderr.all.String(); !strings.Contains(said, c.says) {
				t.Errorf("it does not say %q: %s", c.says, said)
			}
			if c.code == exitMisbehaved && !strings.Contains(stderr.all.String(), "kith: evidence: ") {
				t.Error("no evidence is named")
			}
			check(t, ring, c.offered, c.pinned, state, c.name == "another log and accepted")
			caught, err := ring.Convictions()
			if err != nil || (len(caught) == 1) != (c.name == "two of one version") {
				t.Errorf("convictions: %+v, %v", caught, err)
			}
		})
	}
}

func check(t *testing.T, ring *keyring.Ring, offered []byte, want bool, state string, retired bool) {
	t.Helper()
	b, err := ring.Provider()
	if err != nil {
		t.Fatal(err)
	}
	if got := string(b) == string(offered); got != want {
		t.Errorf("the offered document is pinned: %v, want %v", got, want)
	}
	if _, err := os.Stat(state); os.IsNotExist(err) != retired {
		t.Errorf("the state was put aside: %v, want %v", os.IsNotExist(err), retired)
	}
}

// newDocument returns the document of a new log.
func newDocument(t *testing.T, w *world) *provider.Document {
	t.Helper()
	if _, err := w.start(operator.Options{}); err != nil {
		t.Fatal(err)
	}
	pinned, err := provider.Open(w.op.Document(), domain, time.Now(), skew)
	if err != nil {
		t.Fatal(err)
	}
	return pinned.Document
}

// TestAddressOfADomain names the addresses that may speak for a domain on their own word.
func TestAddressOfADomain(t *testing.T) {
	for address, want := range map[string]bool{
		"https://example.org": true, "https://kt.example.org": true, "https://kt.example.org:8443": true,
		"http://127.0.0.1:8080": true, // remote lets plain http go to loopback only
		"https://example.net":   false, "https://badexample.org": false, "https://example.org.evil.net": false,
		"https://127.0.0.1": false,
	} {
		if got := belongs(address, "example.org"); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// TestAnotherAuditor: who follows a log keeps all it knows when the log gets another
// auditor, once that is accepted; and nothing else of the log's rules changes.
func TestAnotherAuditor(t *testing.T) {
	w := &world{dir: filepath.Join(t.TempDir(), "world")}
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	defer w.close()
	key := func() []byte {
		public, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return public
	}
	first := newDocument(t, w)
	config, err := first.Config()
	if err != nil {
		t.Fatal(err)
	}
	audited := *config
	audited.Mode, audited.AuditorPublicKey, audited.MaxAuditorLag = wire.ThirdPartyAuditing, key(), 60_000
	another, slower := audited, audited
	another.AuditorPublicKey = key()
	slower.MaxBehind++
	_, root, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(version uint64, c *wire.Configuration, former ...*wire.Configuration) []byte {
		t.Helper()
		encode := func(c *wire.Configuration) []byte {
			b, err := c.Append(nil, c.Format())
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		d := *first
		d.Version, d.Configuration = version, encode(c)
		d.Auditors = []provider.Auditor{{Name: "a", PublicKey: strictjson.Bytes(c.AuditorPublicKey)}}
		d.RootKeys = []strictjson.Bytes{strictjson.Bytes(root.Public().(ed25519.PublicKey))}
		for _, f := range former {
			d.Former = append(d.Former, encode(f))
		}
		payload, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		b, err := provider.Sign(payload, root)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	before := sign(2, &audited)
	log, err := client.NewLog(audited)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		offered  []byte
		accepted bool
		code     int
		says     string
	}{
		{"another auditor", sign(3, &another, &audited), false, exitFailed, "kith use --accept"},
		{"another auditor, accepted", sign(3, &another, &audited), true, exitFine, "another auditor signs the heads"},
		{"another rule, accepted", sign(3, &slower, &audited), true, exitFailed, "more than the auditor has changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _, stderr := newProgram(t, filepath.Join(t.TempDir(), "home"))
			home, err := p.openHome()
			if err != nil {
				t.Fatal(err)
			}
			ring, err := home.Open(t.Context(), domain)
			if err != nil {
				t.Fatal(err)
			}
			defer ring.Close()
			if err := ring.SetProvider(before); err != nil {
				t.Fatal(err)
			}
			if err := ring.Save(client.NewState(log)); err != nil {
				t.Fatal(err)
			}
			pinned, err := provider.Reopen(before)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.accept(ring, pinned, c.offered, c.accepted)
			if code := p.report(err); code != c.code || !strings.Contains(stderr.all.String(), c.says) {
				t.Errorf("exit code %d, want %d: %s", code, c.code, stderr.all.String())
			}
			check(t, ring, c.offered, c.code == exitFine, filepath.Join(ring.Dir(), "state"), false)
		})
	}
}
