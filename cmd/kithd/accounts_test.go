package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"

	"github.com/kith-kt/kith/client/account"
	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/login"
)

// A house is a log with its accounts, without HTTP.
type house struct {
	*testing.T
	*accounts
	dir string
}

// withAccounts runs f on a new log with accounts.
func withAccounts(t *testing.T, o operator.Options, f func(h *house)) {
	t.Helper()
	h := &house{t, new(accounts), filepath.Join(t.TempDir(), "log")}
	o.Domain = "example.org"
	if o.Accounts == nil {
		o.Accounts = &operator.Accounts{Registration: operator.RegistrationOpen}
	}
	_, err := operator.Init(h.dir, o)
	h.must(err)
	h.must(makeAccounts(h.dir))
	h.must(withOperator(t.Context(), h.dir, true, func(op *operator.Operator) error {
		h.must(h.open(h.dir, op, accountOptions{}))
		defer h.close()
		f(h)
		return nil
	}))
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// register makes an account of which nobody knows the password.
func (h *house) register(name, invite string) (*login.Grant, error) {
	kdf := login.DefaultKDF
	kdf.Salt = bytes.Repeat([]byte("s"), srp.MinSalt)
	verifier := make([]byte, 384)
	rand.Read(verifier[1:])
	return h.service.Register(h.Context(), login.Requester{}, &login.Registration{
		Name: name, Invite: invite,
		Password: login.Credential{Protocol: "srp", KDF: kdf.String(), Salt: kdf.Salt, Verifier: verifier},
	})
}

// token is that of a new account.
func (h *house) token(name string) string {
	h.Helper()
	g, err := h.register(name, "")
	h.must(err)
	return g.Token
}

// publish makes value the newest version of a name's label.
func (h *house) publish(name string, make func(last *record.Link) ([]byte, error)) {
	h.Helper()
	now := h.now(name)
	value, err := make(now.link())
	h.must(err)
	_, err = h.op.Publish(h.Context(), []byte(h.names.label(name)), value)
	h.must(err)
}

func (h *house) now(name string) *standing {
	h.Helper()
	s, err := h.labels().standing(name)
	h.must(err)
	return s
}

func (h *house) labels() *accountLabels { return &accountLabels{h.names, h.op} }

func seed(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
}

// claims has the holder of a key take a name's label.
func (h *house) claims(name string, key ed25519.PrivateKey, c record.Content) {
	h.Helper()
	h.publish(name, func(last *record.Link) ([]byte, error) {
		return record.NewClaim("example.org", h.names.label(name), last, c, key)
	})
}

func TestAccountNames(t *testing.T) {
	n := accountNames{"example.org"}
	for _, given := range []string{"alice", "Alice", "alice@example.org", "ALICE@Example.ORG", "alice@example.org."} {
		if name, err := n.canonical(given); err != nil && !strings.HasSuffix(given, ".") || err == nil && name != "alice" {
			t.Errorf("%q: %q, %v", given, name, err)
		}
	}
	for _, given := range []string{"", "@", "alice@", "@example.org", "alice@example.com", "alice@sub.example.org", "a b", "a@b@example.org", "a\x00b", "аlice", strings.Repeat("a", 65), "alice@example.org@"} {
		if name, err := n.canonical(given); err == nil {
			t.Errorf("%q is %q", given, name)
		}
	}
	if !slices.IsSorted(officialNames) || !isOfficial("postmaster") || isOfficial("alice") {
		t.Error("official names")
	}
}

func TestOriginsOf(t *testing.T) {
	got := originsOf("example.org", []string{"https://example.org", "https://kt.example.org:8443/", "http://example.org", "https://example.org/kt", "https://badexample.org", "https://example.com", "::"})
	if !slices.Equal(got, []string{"https://example.org", "https://kt.example.org:8443"}) {
		t.Errorf("%q", got)
	}
}

// TestSessionsHoldTheirOwnLabel: a session updates its holder's label, and no other;
// what it is told of others is the same whether or not they exist.
func TestSessionsHoldTheirOwnLabel(t *testing.T) {
	withAccounts(t, operator.Options{Search: operator.SearchToken}, func(h *house) {
		ctx := t.Context()
		mine, theirs := h.token("alice"), h.token("bob")
		secret, _, err := h.op.Tokens().Create(ctx, directory.ScopeUpdate, []byte("carol@example.org"))
		h.must(err)
		h.claims("bob", seed(1), record.Content{})
		a := h.authorizer(&directory.TokenAuthorizer{Tokens: h.op.Tokens()})
		for _, c := range []struct {
			label, token string
			want         error
		}{
			{"alice@example.org", mine, nil},
			{"bob@example.org", mine, problem.ErrForbidden},
			{"nobody@example.org", mine, problem.ErrForbidden},
			{"alice", mine, problem.ErrForbidden},
			{"alice@example.com", mine, problem.ErrForbidden},
			{"Alice@example.org", mine, problem.ErrForbidden},
			{"bob@example.org", theirs, nil},
			{"carol@example.org", secret, nil},
			{"alice@example.org", secret, problem.ErrForbidden},
			{"alice@example.org", "", problem.ErrUnauthorized},
			{"alice@example.org", "kith_" + strings.Repeat("A", 43), problem.ErrUnauthorized},
		} {
			for what, may := range map[string]func(context.Context, []byte, string) error{"update": a.MayUpdate, "search": a.MaySearch} {
				if err := may(ctx, []byte(c.label), c.token); !errors.Is(err, c.want) {
					t.Errorf("%s %s: %v, want %v", what, c.label, err, c.want)
				}
			}
		}
		if first, ok := h.bearer(mine); !ok || first != "account alice" {
			t.Errorf("budget of %q", first)
		}
		if _, ok := h.bearer(secret); ok {
			t.Error("a token of the log is taken for a session")
		}
		session, err := h.service.Session(ctx, mine)
		h.must(err)
		h.must(h.service.Revoke(ctx, session, session.ID))
		if err := a.MayUpdate(ctx, []byte("alice@example.org"), mine); !errors.Is(err, problem.ErrUnauthorized) {
			t.Errorf("after it was revoked: %v", err)
		}
		if _, ok := h.bearer(mine); ok {
			t.Error("a revoked session has a budget")
		}
	})
}

// TestNamesOfOthersCannotBeHad: who registers first does not get the label of
// somebody who is in the log, nor of who runs the domain; who was invited by name does.
func TestNamesOfOthersCannotBeHad(t *testing.T) {
	withAccounts(t, operator.Options{}, func(h *house) {
		ssh, err := newSSHKey()
		h.must(err)
		h.claims("claimed", seed(1), record.Content{})
		h.publish("imported", func(last *record.Link) ([]byte, error) {
			return record.NewImported("example.org", "imported@example.org", last, []record.PublishedKey{ssh})
		})
		h.claims("closed", seed(2), record.Content{})
		h.publish("closed", func(last *record.Link) ([]byte, error) {
			return record.NewClosed("example.org", "closed@example.org", *last, "", seed(2))
		})
		for _, name := range []string{"claimed", "Imported", "postmaster", "no-reply"} {
			if _, err := h.register(name, ""); !errors.Is(err, login.ErrTaken) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, name := range []string{"closed", "new"} {
			if _, err := h.register(name, ""); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		code, err := h.service.InviteName(t.Context(), "imported", time.Hour)
		h.must(err)
		if _, err := h.register("claimed", code); !errors.Is(err, login.ErrInvite) {
			t.Errorf("an invitation for another: %v", err)
		}
		if _, err := h.register("imported", code); err != nil {
			t.Errorf("who was invited: %v", err)
		}
		if _, err := h.register("claimed", code); !errors.Is(err, login.ErrInvite) {
			t.Errorf("an invitation used twice: %v", err)
		}
	})
}

// TestDeviceKeysOfNewestRecord: a key that is in no newest record opens nothing.
func TestDeviceKeysOfNewestRecord(t *testing.T) {
	withAccounts(t, operator.Options{}, func(h *house) {
		account := seed(1)
		device := func(id, key byte) record.Device {
			return record.Device{ID: []byte{id}, Name: "laptop", SignatureKey: record.KeyOf(seed(key))}
		}
		keys := func(want ...byte) {
			t.Helper()
			got, err := h.labels().DeviceKeys(t.Context(), "alice")
			h.must(err)
			if len(got) != len(want) {
				t.Fatalf("%d keys, want %d", len(got), len(want))
			}
			for i, w := range want {
				if !got[i].Equal(seed(w).Public()) {
					t.Errorf("key %d is another", i)
				}
			}
		}
		keys()
		h.claims("alice", account, record.Content{Devices: []record.Device{device(1, 11), device(2, 12)}})
		keys(11, 12)
		h.publish("alice", func(last *record.Link) ([]byte, error) {
			return record.NewOwner("example.org", "alice@example.org", *last, record.Content{Devices: []record.Device{device(2, 12)}}, account, account)
		})
		keys(12)
		h.publish("alice", func(last *record.Link) ([]byte, error) {
			return record.NewClosed("example.org", "alice@example.org", *last, "", account)
		})
		keys()
	})
}

// TestSealedOpensForPublishedKeys: each key of the record opens it, and it says for
// which login it is. Where there is no key it is sealed to nobody, and looks the same.
func TestSealedOpensForPublishedKeys(t *testing.T) {
	withAccounts(t, operator.Options{}, func(h *house) {
		nonce := bytes.Repeat([]byte("n"), 32)
		sealed, err := h.labels().Seal(t.Context(), "alice", nonce)
		h.must(err)
		identity, err := age.GenerateX25519Identity()
		h.must(err)
		var like bytes.Buffer
		w, err := age.Encrypt(&like, identity.Recipient())
		h.must(err)
		_, err = w.Write(account.SealedMessage("example.org", "alice", nonce))
		h.must(err)
		h.must(w.Close())
		if len(sealed) != like.Len() {
			t.Errorf("%d octets to nobody, and %d to somebody", len(sealed), like.Len())
		}
		public, private, err := ed25519.GenerateKey(rand.Reader)
		h.must(err)
		sshPublic, err := ssh.NewPublicKey(public)
		h.must(err)
		sshIdentity, err := agessh.NewEd25519Identity(private)
		h.must(err)
		h.claims("alice", seed(1), record.Content{Keys: []record.PublishedKey{
			{Type: record.WireGuard, Data: make([]byte, 32)},
			{Type: record.Age, Data: []byte("age1nonsense")},
			{Type: record.Age, Data: []byte(identity.Recipient().String())},
			{Type: record.SSH, Data: sshPublic.Marshal()},
		}})
		sealed, err = h.labels().Seal(t.Context(), "alice", nonce)
		h.must(err)
		for _, i := range []age.Identity{identity, sshIdentity} {
			r, err := age.Decrypt(bytes.NewReader(sealed), i)
			h.must(err)
			plain, err := io.ReadAll(r)
			h.must(err)
			if !bytes.Equal(plain, account.SealedMessage("example.org", "alice", nonce)) {
				t.Errorf("it says %q", plain)
			}
		}
	})
}

// TestSealingIsBounded: what is sealed is computed for strangers, whatever somebody
// has published.
func TestSealingIsBounded(t *testing.T) {
	modulus := new(big.Int).SetBit(big.NewInt(1), 16383, 1)
	huge, err := ssh.NewPublicKey(&rsa.PublicKey{N: modulus, E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	keys := []record.PublishedKey{{Type: record.SSH, Data: huge.Marshal()}}
	if n := len(sealable(keys)); n != 0 {
		t.Error("sealed to RSA of 16384 bits")
	}
	for range 3 * maxSealed {
		identity, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, record.PublishedKey{Type: record.Age, Data: []byte(identity.Recipient().String())})
	}
	if n := len(sealable(keys)); n != maxSealed {
		t.Errorf("sealed to %d keys", n)
	}
}

// TestDeletedAccountsCloseTheirLabel: the holder's own closed record is left as it
// is; otherwise the provider publishes one, which everybody sees was not the holder's,
// and after which whoever comes is a new person.
func TestDeletedAccountsCloseTheirLabel(t *testing.T) {
	withAccounts(t, operator.Options{}, func(h *house) {
		ctx := t.Context()
		h.token("alice")
		h.token("bob")
		h.token("carol") // never published
		h.must(h.service.Remove(ctx, "carol"))
		if h.now("carol").greatest != nil {
			t.Error("something was published for who had published nothing")
		}

		h.claims("alice", seed(1), record.Content{})
		h.publish("alice", func(last *record.Link) ([]byte, error) {
			return record.NewClosed("example.org", "alice@example.org", *last, "", seed(1))
		})
		h.must(h.service.Remove(ctx, "alice"))
		if v := *h.now("alice").greatest; v != 1 {
			t.Errorf("version %d after the holder's own closed record", v)
		}

		h.claims("bob", seed(2), record.Content{})
		at := func(v uint32) record.Place {
			return record.Place{Domain: "example.org", Label: "bob@example.org", Version: v}
		}
		pinned, _, err := record.Next(record.State{}, at(0), h.now("bob").value)
		h.must(err)
		h.must(h.service.Remove(ctx, "bob"))
		closed := h.now("bob")
		if *closed.greatest != 1 || closed.record.Kind != record.Closed || len(closed.record.Keys) > 0 || len(closed.record.Devices) > 0 {
			t.Fatalf("version %d, %v", *closed.greatest, closed.record.Kind)
		}
		next, e, err := record.Next(pinned, at(1), closed.value)
		h.must(err)
		if e.Kind != record.StartedOver || e.Reason != record.ReasonUnlinked || next.Standing != record.Vacated {
			t.Errorf("a contact sees %v (%v), and then %v", e.Kind, e.Reason, next.Standing)
		}
		h.must(h.labels().Close(ctx, "bob")) // again
		if *h.now("bob").greatest != 1 {
			t.Error("it was closed twice")
		}
		h.claims("bob", seed(3), record.Content{})
		if _, e, err = record.Next(next, at(2), h.now("bob").value); err != nil || e.Kind != record.NewPerson {
			t.Errorf("who comes next is %v, %v", e.Kind, err)
		}
		if _, err := h.register("bob", ""); !errors.Is(err, login.ErrTaken) {
			t.Errorf("the name is given out at once: %v", err)
		}
	})
}

// TestDeletedAccountsLeaveNoToken: a token that the operator made for a label ends with
// its holder's account, and others stay.
func TestDeletedAccountsLeaveNoToken(t *testing.T) {
	withAccounts(t, operator.Options{}, func(h *house) {
		ctx := t.Context()
		h.token("alice")
		for _, label := range []string{"alice@example.org", "bob@example.org"} {
			_, _, err := h.op.Tokens().Create(ctx, directory.ScopeUpdate, []byte(label))
			h.must(err)
		}
		h.must(h.service.Remove(ctx, "alice"))
		for label, want := range map[string]int{"alice@example.org": 0, "bob@example.org": 1} {
			if all, err := h.op.Tokens().List([]byte(label)); err != nil || len(all) != want {
				t.Errorf("%s: %d tokens, %v", label, len(all), err)
			}
		}
	})
}

// TestAccountsOfAnotherKey: without their key, and without the file, the accounts are
// not served, and no empty ones take their place.
func TestAccountsOfAnotherKey(t *testing.T) {
	withAccounts(t, operator.Options{}, func(h *house) {
		h.token("alice")
		h.must(h.close())
		path := loginKeyPath(h.dir)
		again := func(want error) {
			t.Helper()
			a := new(accounts)
			err := a.open(h.dir, h.op, accountOptions{})
			if !errors.Is(err, want) || want == nil && err != nil {
				t.Errorf("%v, want %v", err, want)
			}
			h.must(a.close())
		}
		again(nil)
		h.must(os.Rename(path, path+".kept"))
		again(os.ErrNotExist)
		_, err := newLoginKey(path)
		h.must(err)
		again(errLoginKey)
		h.must(os.Remove(path))
		h.must(os.Rename(path+".kept", path))
		h.must(os.Chmod(path, 0o640))
		again(directory.ErrExposedKey)
		h.must(os.Chmod(path, 0o600))
		h.must(os.Rename(accountsPath(h.dir), accountsPath(h.dir)+".away"))
		again(errAccountsGone)
		h.must(os.Rename(accountsPath(h.dir)+".away", accountsPath(h.dir)))
		again(nil)
	})
}
