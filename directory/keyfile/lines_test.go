package keyfile

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/record"
)

func newReader(b []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(b)) }

// check holds what every reader promises of every file.
func check(t *testing.T, entries iter.Seq2[Entry, error]) {
	t.Helper()
	ended := false
	for e, err := range entries {
		if ended {
			t.Fatal("something follows the error")
		}
		if err != nil {
			ended = true
			if !errors.Is(err, ErrUnreadable) {
				t.Fatal(err)
			}
			continue
		}
		if e.Skipped == Fault {
			t.Fatalf("%+v", e)
		}
		if e.Where == "" || e.Skipped == "" && !label.IsCanonical(e.Label) || e.Skipped == "" && (e.Keys == nil) == (e.Value == nil) {
			t.Fatalf("%+v", e)
		}
		for _, k := range e.Keys {
			if err := k.Check(); err != nil {
				t.Fatalf("%+v: %v", e, err)
			}
		}
		if e.Keys != nil {
			if _, err := record.NewImported("example.org", e.Label, nil, e.Keys); err != nil && !slices.ContainsFunc(e.Keys, func(k record.PublishedKey) bool { return len(e.Keys) > 1 }) {
				t.Fatalf("%+v: %v", e, err)
			}
		}
	}
}

func sshKey(seed byte) string {
	k, err := ssh.NewPublicKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32)).Public())
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k)))
}

func TestSSH(t *testing.T) {
	k1, k2 := sshKey(1), sshKey(2)
	in := strings.Join([]string{
		"# people",
		"",
		"Ann@Example.org,ann@work.example " + k1 + " ann's laptop",
		"ann@example.org\t" + k2 + "\r",
		`bob valid-after="20250101",valid-before="20270101Z" ` + k1,
		"ann@example.org " + k1, // line 6, again
		`carol valid-before="20260101" ` + k1,
		`carol valid-after="202701010000" ` + k1,
		`carol valid-after="soon" ` + k1,
		`carol namespaces="git" ` + k1,
		`carol cert-authority ` + k1,
		"*@example.org,dan " + k1,
		k1,
		"erin",
		"erin ssh-ed25519 AAAA",
		"erin ssh-rsa " + strings.Fields(k1)[1],
		"er in " + k1,
		"änn@example.org " + k1,
		strings.Repeat("x", MaxLine+1),
		"frank " + k2,
	}, "\n")
	c, err := Collect(SSH(strings.NewReader(in), now))
	if err != nil {
		t.Fatal(err)
	}
	if got := labels(c); !slices.Equal(got, []string{"ann@example.org", "ann@work.example", "bob", "dan", "frank"}) {
		t.Errorf("%v", got)
	}
	if ann := c.Items[0].Keys; len(ann) != 2 || ann[0].Type != record.SSH || !slices.ContainsFunc(ann, func(k record.PublishedKey) bool { return k.Text() == k2 }) {
		t.Errorf("%v", ann)
	}
	var got []string
	for _, s := range c.Skipped {
		got = append(got, fmt.Sprintf("%s: %s", s.Where, s.Skipped))
	}
	want := []string{
		"line 6: given twice", "line 7: expired", "line 8: not valid yet", "line 9: malformed", "line 10: unsupported", "line 11: unsupported",
		"line 12: label without one form", "line 13: no e-mail address", "line 14: malformed", "line 15: malformed", "line 16: malformed",
		"line 17: unsupported", "line 18: label without one form", "line 19: too large",
	}
	if !slices.Equal(got, want) {
		t.Errorf("skipped\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestJSONL(t *testing.T) {
	key := serialize(t, entity(t, at(born), "ann@example.org", "ann@work.example"))
	b64 := base64.StdEncoding.EncodeToString
	armor := strings.ReplaceAll(string(armored(t, key, "PGP PUBLIC KEY BLOCK")), "\n", `\n`)
	k1 := sshKey(1)
	blob := strings.Fields(k1)[1]
	mini := b64(append([]byte("Ed"), make([]byte, 40)...))
	line := func(label, rest string) string { return fmt.Sprintf(`{"label":%q,%s}`, label, rest) }
	keys := func(kind, data string) string { return fmt.Sprintf(`"keys":[{"type":"%s","data":"%s"}]`, kind, data) }
	in := strings.Join([]string{
		line("Ann@Example.org", keys("openpgp", b64(key))),
		line("ann@work.example", keys("openpgp", armor)),
		line("ann", keys("openpgp", b64(key))),
		line("bob", keys("ssh", k1)),
		line("carol", keys("ssh", blob)),
		line("dan", keys("age", "age1qqqq")),
		line("erin", keys("minisign", mini)),
		line("frank", keys("type-0x9000", "AQ==")),
		line("grace", `"value":"AAEC"`),
		"",
		line("bob", `"keys":[{"type":"age","data":"age1bob"},{"type":"age","data":"age1bob2"}]`),
		line("big", `"value":"`+b64(make([]byte, MaxValue))+`"`),
		// skipped, from line 13
		line("x", `"value":"`+b64(make([]byte, MaxValue+1))+`"`),
		line("x", `"value":""`),
		line("x", `"keys":[]`),
		line("x", `"keys":null`),
		line("x", `"value":"AA==","keys":[{"type":"age","data":"age1x"}]`),
		line("x", `"value":"AA=="`) + "}",
		line("x", `"value":"AA==","value":"AA=="`),
		line("x", `"Value":"AA=="`),
		line("", `"value":"AA=="`),
		line("x", keys("pgp", "AA==")),
		line("x", keys("ssh", "ssh-ed25519 AAAA")),
		line("x", keys("age", "AGE-SECRET-KEY-1X")),
		line("bob@example.org", keys("openpgp", b64(key))),
		line("ann@example.org", keys("openpgp", b64(append(bytes.Clone(key), serialize(t, entity(t, at(born), "ann@example.org"))...)))),
		line("grace", `"value":"AAED"`),
		line("grace", keys("age", "age1x")),
		line("grace", `"value":"AAEC"`),
		"not json",
	}, "\n")
	c, err := Collect(JSONL(strings.NewReader(in), now))
	if err != nil {
		t.Fatal(err)
	}
	if got := labels(c); !slices.Equal(got, []string{"ann", "ann@example.org", "ann@work.example", "big", "bob", "carol", "dan", "erin", "frank", "grace"}) {
		t.Errorf("%v", got)
	}
	by := map[string]Item{}
	for _, i := range c.Items {
		by[i.Label] = i
	}
	if d := by["ann@example.org"].Keys[0].Data; bytes.Contains(d, []byte("work.example")) || bytes.Equal(d, key) {
		t.Error("the key is not stripped")
	}
	if !bytes.Equal(by["carol"].Keys[0].Data, by["bob"].Keys[0].Data) || len(by["bob"].Keys) != 3 || by["bob"].Keys[0].Type != record.SSH {
		t.Errorf("%v", by["bob"].Keys)
	}
	if len(by["big"].Value) != MaxValue || string(by["grace"].Value) != "\x00\x01\x02" || by["grace"].Keys != nil {
		t.Error("values are wrong")
	}
	var got []string
	for _, s := range c.Skipped {
		got = append(got, fmt.Sprintf("%s: %s", s.Where, s.Skipped))
	}
	want := []string{
		"line 13: too large", "line 14: malformed", "line 15: malformed", "line 16: malformed", "line 17: malformed", "line 18: malformed",
		"line 19: malformed", "line 20: malformed", "line 21: label without one form", "line 22: unsupported", "line 23: malformed",
		"line 24: malformed", "line 25: key is not for this label", "line 26: malformed", "line 27: given twice", "line 28: given twice",
		"line 29: given twice", "line 30: malformed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("skipped\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func FuzzSSH(f *testing.F) {
	f.Add([]byte("ann@example.org " + sshKey(1) + "\n# x\nbob valid-before=\"20270101\" " + sshKey(2)))
	f.Fuzz(func(t *testing.T, b []byte) { check(t, Read(FormatSSH, bytes.NewReader(b), now)) })
}

func FuzzJSONL(f *testing.F) {
	f.Add([]byte(`{"label":"ann","keys":[{"type":"age","data":"age1x"},{"type":"ssh","data":"` + sshKey(1) + `"}]}` + "\n" + `{"label":"x","value":"AA=="}`))
	f.Fuzz(func(t *testing.T, b []byte) { check(t, Read(FormatJSONL, bytes.NewReader(b), now)) })
}

// TestSkippedWithoutEnd: a file of nothing is counted, and not kept.
func TestSkippedWithoutEnd(t *testing.T) {
	const lines = 3 * 10_000
	c, err := Collect(SSH(strings.NewReader(strings.Repeat("x\n", lines)), now))
	if err != nil || len(c.Skipped) != 10_000 || c.Reasons()[Malformed] != lines {
		t.Errorf("%d kept, %v counted, %v", len(c.Skipped), c.Reasons(), err)
	}
}
