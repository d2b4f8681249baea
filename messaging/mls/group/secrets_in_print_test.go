package group

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

var printVerbs = []string{"%v", "%+v", "%#v", "%x", "%X", "%s", "%q", "%d", "%o", "%c", "%U"}

// printed is v as careless lines print it, by how they do.
func printed(v any) map[string]string {
	out := map[string]string{}
	for _, verb := range printVerbs {
		out[verb] = fmt.Sprintf(verb, v)
	}
	encoded, err := json.Marshal(v)
	out["JSON"] = fmt.Sprintf("%s %v", encoded, err)
	for how, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("here", "it", v)
		out[how] = b.String()
	}
	return out
}

// shapes are how the first bytes of a secret look in print.
func shapes(secret []byte) []string {
	var out []string
	for _, verb := range printVerbs {
		s := fmt.Sprintf(verb, secret[:6])
		out = append(out, strings.Trim(strings.TrimPrefix(s, "[]byte"), "[]{}\""))
	}
	return append(out, base64.StdEncoding.EncodeToString(secret[:6]))
}

// TestSecretsAreNotPrinted: whatever holds secrets says nothing of them in print, alone,
// in a list, or in a field of somebody else's.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	for _, id := range []suite.ID{testSuite, suite.P256_AES128GCM_SHA256_P256, suite.X448_AES256GCM_SHA512_Ed448} {
		w := newWorld(t, id, 90)
		s := w.suite
		known := bytes.Repeat([]byte{0xa7, 0xb9, 0x4e, 0x6c, 0x7a, 0x6b, 0x71, 0x57}, 8)
		all := w.group("alice bob", CreateOptions{})
		alice := all[0]
		key, signer, err := s.GenerateSigner(w.rand)
		if err != nil {
			t.Fatal(err)
		}
		message1, err := all[1].Protect([]byte("text"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := alice.Process(message1); err != nil { // ratchets
			t.Fatal(err)
		}
		w.commit(alice, all, CommitOptions{})
		pending, err := alice.Commit(CommitOptions{})
		if err != nil {
			t.Fatal(err)
		}
		secretTree := schedule.NewSecretTree(s, known[:s.HashSize()], 4)
		roots, _, _ := strings.Cut(fmt.Sprintf("%x", secretTree.InteriorRecord()), "\x00")
		if !strings.Contains(roots, fmt.Sprintf("%x", known[:32])) {
			t.Fatal("the tree does not have what is looked for")
		}
		opening, err := secretTree.Peek(0, schedule.Application, 0)
		if err != nil {
			t.Fatal(err)
		}
		path, err := treekem.Create(s, alice.Tree().Clone(), 0, *alice.current.leaf(), alice.cfg.Signer, alice.GroupID(), w.rand)
		if err != nil {
			t.Fatal(err)
		}
		alice.keyPackage()
		type held struct {
			what    string
			value   any
			secrets [][]byte
		}
		for _, h := range []held{
			{"signer", signer, [][]byte{key}},
			{"pointer to a signer", &signer, [][]byte{key}},
			{"signer in a field", struct{ Signer suite.Signer }{signer}, [][]byte{key}},
			{"signer in an unexported field", struct{ cfg Config }{Config{Signer: signer}}, [][]byte{key}},
			{"Config", Config{Signer: signer}, [][]byte{key}},
			{"LeafChange", &LeafChange{Signer: signer}, [][]byte{key}},
			{"Secrets", schedule.Secrets{Init: known}, [][]byte{known}},
			{"Secrets of a group", alice.current.secrets, [][]byte{alice.current.secrets.Exporter, alice.current.secrets.Init}},
			{"Key", schedule.Key{Key: known}, [][]byte{known}},
			{"list of keys", []schedule.Key{{Nonce: known}}, [][]byte{known}},
			{"PSK", schedule.PSK{Secret: known}, [][]byte{known}},
			{"SecretTree", secretTree, [][]byte{known}},
			{"SecretTree's value", struct{ T *schedule.SecretTree }{secretTree}, [][]byte{known}},
			{"Opening", opening, [][]byte{opening.Key().Key}},
			{"Private", treekem.NewPrivate(0, known), [][]byte{known}},
			{"Private's value", *treekem.NewPrivate(0, known), [][]byte{known}},
			{"Created", path, [][]byte{path.CommitSecret()}},
			{"GroupSecrets", &message.GroupSecrets{JoinerSecret: known}, [][]byte{known}},
			{"GroupSecrets' value", message.GroupSecrets{PathSecret: known}, [][]byte{known}},
			{"KeyPackagePrivate", message.KeyPackagePrivate{InitKey: known}, [][]byte{known}},
			{"KeyPackage", KeyPackage{Private: &message.KeyPackagePrivate{EncryptionKey: known}}, [][]byte{known}},
			{"State", alice.State, [][]byte{alice.psks[0].secret, alice.current.secrets.Init}},
			{"State's value", struct{ S State }{State{psks: []resumptionPSK{{secret: known}}}}, [][]byte{known}},
			{"Pending", pending, [][]byte{pending.next.secrets.Init}},
			{"KeyPackage of ours", alice.kp, [][]byte{alice.kp.Private.InitKey}},
		} {
			for how, text := range printed(h.value) {
				for _, secret := range h.secrets {
					for _, shape := range shapes(secret) {
						if strings.Contains(text, shape) {
							t.Errorf("%v: %s by %s: %.300s", id, h.what, how, text)
						}
					}
				}
			}
		}
		// That what is looked for would be seen.
		for how, text := range printed(struct{ Bytes []byte }{known}) {
			seen := false
			for _, shape := range shapes(known) {
				seen = seen || strings.Contains(text, shape)
			}
			if !seen {
				t.Errorf("by %s: %s", how, text)
			}
		}
	}
}
