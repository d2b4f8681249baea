package systemtest

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory/keyfile"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/proto/wire"
)

// need skips a test whose service is absent, or fails it where CI is set.
func need(t *testing.T, there bool, service string) {
	t.Helper()
	if there {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is required when CI is set", service)
	}
	t.Skipf("no %s", service)
}

// TestDebianKeyring imports the keys of Debian's developers, serves them, looks
// every address up with one client, and has gpg read what kith writes.
func TestDebianKeyring(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of labels")
	}
	keyring := debianKeyring()
	need(t, keyring != "", "debian-keyring")
	t.Parallel()
	reading := make(chan map[string][][]byte, 1)
	go func() { reading <- addressesOf(t, keyring) }()
	dir := filepath.Join(t.TempDir(), "data")
	initData(t, dir)
	imported := works(t, "kithd", "import", "--data", dir, "--format", "openpgp", keyring)
	if again := fine(t, "kithd", "import", "--data", dir, "--format", "openpgp", keyring); !strings.Contains(again, "nothing new") {
		t.Errorf("a second import says %q", again)
	}
	want := <-reading
	if len(want) < 1000 {
		t.Fatalf("the keyring has %d addresses", len(want))
	}

	d := start(t, dir, "")
	began := time.Now()
	sizeBefore := lookEveryAddressUp(t, d, want)
	looked := time.Since(began)
	t.Logf("%d labels in %d log entries: import %v, look-ups %v", len(want), sizeBefore, imported.Round(time.Millisecond), looked.Round(time.Millisecond))
	if total := imported + looked; total > time.Minute {
		t.Errorf("it took %v", total)
	}
	t.Run("audit", func(t *testing.T) { strangersAudit(t, d, len(want)) })
	t.Run("gpg", func(t *testing.T) { gpgReadsThem(t, d, keyring, want) })
	d.stop()
}

// addressesOf returns what an import should publish: the data of the keys at each label.
func addressesOf(t *testing.T, keyring string) map[string][][]byte {
	t.Helper()
	want := map[string][][]byte{}
	f, err := os.Open(keyring)
	if err != nil {
		t.Error(err)
		return want
	}
	defer f.Close()
	for e, err := range keyfile.OpenPGP(f, time.Now()) {
		if err != nil {
			t.Error(err)
			return want
		}
		if e.Skipped == "" {
			for _, k := range e.Keys {
				want[e.Label] = append(want[e.Label], k.Data)
			}
		}
	}
	return want
}

func sorted(keys [][]byte) []string {
	var out []string
	for _, k := range keys {
		out = append(out, string(k))
	}
	slices.Sort(out)
	return out
}

// lookEveryAddressUp verifies every label with one client that remembers, and
// returns the size of the log.
func lookEveryAddressUp(t *testing.T, d *daemon, want map[string][][]byte) uint64 {
	ctx := context.Background()
	log, document := d.log()
	// One request a label.
	asked := 0
	r := d.remote()
	c := client.New(client.Config{
		Service: serviceFunc(func(ctx context.Context, call wire.Call) ([]byte, error) {
			asked++
			return r.Do(ctx, call)
		}),
		State: client.NewState(log), Domain: siteDomain, Provider: document,
	})
	for _, label := range slices.Sorted(maps.Keys(want)) {
		l, err := c.Lookup(ctx, label, client.Options{})
		if err != nil {
			t.Fatalf("%s: %v", label, err)
		}
		if l.Record == nil || l.Record.Kind != record.Imported || l.Record.Label != label || l.Version != 0 {
			t.Fatalf("%s: version %d is %+v", label, l.Version, l.Record)
		}
		var got [][]byte
		for _, k := range l.Record.Keys {
			if k.Type != record.OpenPGP {
				t.Errorf("%s: a key of type %v", label, k.Type)
			}
			got = append(got, k.Data)
		}
		if !slices.Equal(sorted(got), sorted(want[label])) {
			t.Errorf("%s: other keys than in the keyring", label)
		}
	}
	if _, err := c.Lookup(ctx, "nobody-of-this-name@debian.org", client.Options{}); !isNoAnswer(err) {
		t.Errorf("an address that is not in the keyring: %v", err)
	}
	if asked != len(want)+1 {
		t.Errorf("%d requests for %d labels", asked, len(want))
	}
	return c.State().Head().Tree.TreeSize
}

// gpgReadsThem writes keys with kith and reads them with gpg.
func gpgReadsThem(t *testing.T, d *daemon, keyring string, want map[string][][]byte) {
	gpg, err := exec.LookPath("gpg")
	need(t, err == nil, "gnupg")
	home := t.TempDir()
	must(t, os.Mkdir(filepath.Join(home, "gnupg"), 0o700))
	kith := func(args ...string) {
		t.Helper()
		if _, stderr, code := runIn(t, []string{"KITH_HOME=" + filepath.Join(home, "kith")}, "kith", args...); code != 0 {
			t.Fatalf("kith %s: exit code %d\n%s", strings.Join(args, " "), code, stderr)
		}
	}
	kith("use", "http://"+d.address)
	list := func(args ...string) []byte {
		cmd := exec.Command(gpg, append([]string{"--batch", "--no-auto-check-trustdb", "--with-colons"}, args...)...)
		cmd.Env = append(os.Environ(), "GNUPGHOME="+filepath.Join(home, "gnupg"))
		out, err := cmd.Output()
		must(t, err)
		return out
	}
	labels := slices.Sorted(maps.Keys(want))
	for i := range 20 {
		label := labels[i*len(labels)/20]
		out := filepath.Join(home, "key")
		kith("lookup", "-o", out, label)
		got := fingerprints(list("--show-keys", out))
		if len(got) == 0 {
			t.Fatalf("%s: gpg reads nothing", label)
		}
		all := slices.Sorted(maps.Keys(got))
		theirs := fingerprints(list(append([]string{"--no-default-keyring", "--keyring", keyring, "--list-keys"}, all...)...))
		for _, primary := range all {
			k, original := got[primary], theirs[primary]
			if original == nil {
				t.Errorf("%s: gpg does not know key %s", label, primary)
				continue
			}
			if !slices.Equal(k.subkeys, original.subkeys) {
				t.Errorf("%s: key %s has subkeys %s, not %s", label, primary, k.subkeys, original.subkeys)
			}
			if len(k.uids) == 0 || !slices.ContainsFunc(k.uids, func(uid string) bool {
				return strings.Contains(strings.ToLower(uid), strings.Split(label, "@")[0])
			}) {
				t.Errorf("%s: key %s has the user ids %q", label, primary, k.uids)
			}
			for _, uid := range k.uids {
				if !slices.Contains(original.uids, uid) {
					t.Errorf("%s: key %s has a user id %q of nobody", label, primary, uid)
				}
			}
		}
	}
}

// A listed key is what gpg says of one key.
type listed struct{ subkeys, uids []string }

// fingerprints reads gpg's listing with colons, by primary fingerprint. Subkeys
// that are revoked or expired are left out: gpg would not use them.
func fingerprints(listing []byte) map[string]*listed {
	all := map[string]*listed{}
	var k *listed
	kind := ""
	for line := range strings.Lines(string(listing)) {
		f := strings.Split(line, ":")
		switch f[0] {
		case "pub", "sub":
			kind = f[0]
			if kind == "sub" && strings.ContainsAny(f[1], "rei") {
				kind = ""
			}
		case "fpr":
			if kind == "pub" {
				k = new(listed)
				all[f[9]] = k
			} else if kind == "sub" {
				k.subkeys = append(k.subkeys, f[9])
			}
			kind = ""
		case "uid":
			k.uids = append(k.uids, f[9])
		}
	}
	return all
}

func isNoAnswer(err error) bool { return is(problem.ErrNoAnswer)(err) }
