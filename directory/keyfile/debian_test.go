package keyfile

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/proto/label"
)

// debianKeyrings is where the package debian-keyring puts its keys.
var debianKeyrings = []string{"/usr/share/keyrings/debian-keyring.pgp", "/usr/share/keyrings/debian-keyring.gpg"}

// missing skips a test whose tools are absent, and fails it where they must not be.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: apt-get install debian-keyring gnupg", what)
	}
	t.Skipf("%s is missing: apt-get install debian-keyring gnupg", what)
}

func gpg(t *testing.T, stdin []byte, args ...string) string {
	t.Helper()
	cmd := exec.Command("gpg", append([]string{"--homedir", t.TempDir(), "--batch", "--no-auto-check-trustdb", "--with-colons"}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gpg %v: %v\n%s", args, err, errs.String())
	}
	return string(out)
}

// A listed key is what gpg says of one key.
type listed struct {
	good    bool // neither revoked nor expired nor invalid
	primary string
	subkeys []string // fingerprints, ascending
	users   []string // the good ones
}

func list(out string) []listed {
	var keys []listed
	sub := false
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSpace(line), ":")
		good := len(f) > 1 && !strings.ContainsAny(f[1], "reidn")
		switch f[0] {
		case "pub":
			keys, sub = append(keys, listed{good: good}), false
		case "sub":
			sub = true
		case "fpr":
			k := &keys[len(keys)-1]
			if sub {
				k.subkeys = append(k.subkeys, f[9])
			} else {
				k.primary = f[9]
			}
		case "uid":
			if good {
				k := &keys[len(keys)-1]
				k.users = append(k.users, unescape(f[9]))
			}
		}
	}
	for i := range keys {
		slices.Sort(keys[i].subkeys)
		slices.Sort(keys[i].users)
	}
	return keys
}

// unescape reads gpg's \x3a.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		var c byte
		if i+3 < len(s) && s[i] == '\\' && s[i+1] == 'x' {
			if _, err := fmt.Sscanf(s[i+2:i+4], "%02x", &c); err == nil {
				b.WriteByte(c)
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// The keyring of Debian's developers: exactly the addresses that gpg thinks
// valid are published, and gpg reads from each stripped key the same primary key, the
// same subkeys and the user id.
func TestDebianKeyring(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 28 MB of keys")
	}
	if _, err := exec.LookPath("gpg"); err != nil {
		missing(t, "gpg")
	}
	i := slices.IndexFunc(debianKeyrings, func(p string) bool { _, err := os.Stat(p); return err == nil })
	if i < 0 {
		missing(t, debianKeyrings[0])
	}
	f, err := os.Open(debianKeyrings[i])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := Collect(OpenPGP(f, time.Now()))
	if err != nil {
		t.Fatal(err)
	}

	whole := map[string]listed{} // by primary fingerprint
	want := map[string]bool{}    // label and primary fingerprint
	all := list(gpg(t, nil, "--no-default-keyring", "--keyring", debianKeyrings[i], "--list-keys"))
	for _, k := range all {
		whole[k.primary] = k
		for _, u := range k.users {
			if a, ok := address(u); ok && k.good {
				if l, err := label.Canonical(a); err == nil {
					want[l+" "+k.primary] = true
				}
			}
		}
	}

	var concatenated []byte
	var order []string // label and fingerprint of each stripped key
	for _, it := range c.Items {
		for _, k := range it.Keys {
			concatenated = append(concatenated, k.Data...)
			order = append(order, it.Label+" "+k.Fingerprint())
		}
	}
	stripped := list(gpg(t, concatenated, "--show-keys"))
	if len(stripped) != len(order) {
		t.Fatalf("gpg reads %d keys, published are %d", len(stripped), len(order))
	}
	got := map[string]bool{}
	subkeys, dropped := 0, 0
	for n, s := range stripped {
		got[order[n]] = true
		l, fpr, _ := strings.Cut(order[n], " ")
		before := whole[fpr]
		if s.primary != fpr || !s.good {
			t.Errorf("%s: gpg reads the key %s, good %v", order[n], s.primary, s.good)
		}
		subkeys += len(s.subkeys)
		if !slices.Equal(s.subkeys, before.subkeys) {
			dropped++
			t.Logf("%s: subkeys %v, before %v", order[n], s.subkeys, before.subkeys)
		}
		for _, sub := range s.subkeys {
			if !slices.Contains(before.subkeys, sub) {
				t.Errorf("%s: a subkey that was not there: %s", order[n], sub)
			}
		}
		if len(s.users) == 0 {
			t.Errorf("%s: no user id", order[n])
		}
		for _, u := range s.users {
			a, _ := address(u)
			if canonical, err := label.Canonical(a); err != nil || canonical != l || !slices.Contains(before.users, u) {
				t.Errorf("%s: user id %q", order[n], u)
			}
		}
	}
	// Two differences are meant. An address whose own self-signature lets the
	// key expire, while another address's does not, would be published as an
	// expired key. And go-crypto does not verify RIPEMD-160.
	lapsed, weak := 0, 0
	for w := range want {
		if got[w] {
			continue
		}
		_, fpr, _ := strings.Cut(w, " ")
		has := func(where string, why Reason) bool {
			return slices.ContainsFunc(c.Skipped, func(e Entry) bool { return strings.HasPrefix(e.Where, where) && e.Skipped == why })
		}
		switch {
		case has("key "+fpr+", user id", Expired):
			lapsed++
		case has("key "+fpr, Unverified):
			weak++
		default:
			t.Errorf("gpg thinks %s valid, and it is not published", w)
		}
	}
	if lapsed+weak > len(want)/100 {
		t.Errorf("%d and %d of %d valid addresses are not published", lapsed, weak, len(want))
	}
	for g := range got {
		if !want[g] {
			t.Errorf("gpg does not think %s valid, and it is published", g)
		}
	}
	t.Logf("%d keys in the file; %d labels, %d keys, %d bytes, %d subkeys published; %d with other subkeys than gpg lists; "+
		"%d lapsed, %d signed with RIPEMD-160; skipped %v",
		len(all), len(c.Items), len(order), len(concatenated), subkeys, dropped, lapsed, weak, c.Reasons())
	if dropped > 0 {
		t.Errorf("%d keys have lost a subkey", dropped)
	}
}
