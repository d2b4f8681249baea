package mls_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

var update = flag.Bool("update", false, "write the golden store anew: only for a format that was never released")

// goldenPath is the store of a device in the first format of records. A store that was
// written once is opened by all later versions: a new format gets another file, and
// this one stays.
const goldenPath = "testdata/store-1.json"

// goldenStore is Alice's store, and what others have sent her that she has not received.
type goldenStore struct {
	Now           int64                  `json:"now"` // seconds since 1970
	Suite         suite.ID               `json:"suite"`
	Signer        mlstest.Hex            `json:"signer"`         // Alice's private key
	SignatureKeys map[string]mlstest.Hex `json:"signature_keys"` // of everybody
	Records       map[string]mlstest.Hex `json:"records"`

	Past          mlstest.Hex `json:"past"`          // in "group", of the epoch before
	Skipped       mlstest.Hex `json:"skipped"`       // in "group", of this epoch, sent before one that was received
	Lost          mlstest.Hex `json:"lost"`          // in "group", a Commit of Bob's that covers Alice's Update
	AfterLost     mlstest.Hex `json:"after_lost"`    // in the epoch that it begins
	Authenticator mlstest.Hex `json:"authenticator"` // the epoch authenticator that Alice's own Commit leads to
	AfterJoining  mlstest.Hex `json:"after_joining"` // in "joining", whose external Commit waits
	Welcome       mlstest.Hex `json:"welcome"`       // to "new"
	LastResort    mlstest.Hex `json:"last_resort"`   // a Welcome to "newer"
}

// newGolden plays a life that leaves records of each kind behind.
func newGolden(t *testing.T) *goldenStore {
	w := newWorld(t, 81)
	s := ok[*suite.Suite](t)(suite.Get(testSuite))
	private, signer, err := s.GenerateSigner(w.rand)
	if err != nil {
		t.Fatal(err)
	}
	store := &mls.Memory{}
	cfg := w.config("alice", store)
	cfg.Signer = signer
	w.keys["alice"] = string(signer.Public())
	alice, bob := must(t)(mls.NewClient(cfg)), w.client("bob")
	send := func(g *mls.Group, text string) []byte { return ok[[]byte](t)(g.Send([]byte(text), nil)) }
	out := &goldenStore{Now: w.now.Unix(), Suite: testSuite, Signer: private}

	ok[*mls.Group](t)(alice.Create([]byte("left"), nil))
	if err := alice.Forget([]byte("left")); err != nil {
		t.Fatal(err)
	}

	b := ok[*mls.Group](t)(bob.Create([]byte("group"), nil))
	a := add(t, b, alice)[0]
	out.Past = send(b, "past")
	wantMessage(t, a, send(b, "received"), "received")
	ok[mls.Event](t)(a.Receive(ok[*mls.Staged](t)(b.Update(nil)).Message))
	ok[mls.Event](t)(b.Confirm())
	out.Skipped = send(b, "skipped")
	wantMessage(t, a, send(b, "received"), "received")
	wantMessage(t, b, send(a, "sent"), "sent")
	proposal := ok[[]byte](t)(a.ProposeUpdate(nil, group.ProposalOptions{}))
	ok[*mls.Staged](t)(a.Update(nil))
	ok[mls.Event](t)(b.Receive(proposal))
	out.Lost = ok[*mls.Staged](t)(b.Commit(group.CommitOptions{})).Message
	ok[mls.Event](t)(b.Confirm())
	out.AfterLost = send(b, "after lost")

	j := ok[*mls.Group](t)(bob.Create([]byte("joining"), nil))
	_, staged, err := alice.JoinExternal(ok[[]byte](t)(j.GroupInfo()), mls.ExternalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ok[mls.Event](t)(j.Receive(staged.Message))
	out.AfterJoining = send(j, "after joining")

	// A group whose last Commit, with its Welcome, is accepted.
	add(t, ok[*mls.Group](t)(alice.Create([]byte("accepted"), nil)), bob)

	welcome := func(id string, pack []byte) []byte {
		g := ok[*mls.Group](t)(bob.Create([]byte(id), nil))
		ok[*mls.Staged](t)(g.Invite(pack))
		return ok[mls.Event](t)(g.Confirm()).(*mls.Changed).Own.Welcome
	}
	out.Welcome = welcome("new", ok[[][]byte](t)(alice.KeyPackages(2))[0])
	out.LastResort = welcome("newer", ok[[]byte](t)(alice.LastResort()))

	out.Records = map[string]mlstest.Hex{}
	for _, key := range ok[[]string](t)(store.List("")) {
		out.Records[key] = ok[[]byte](t)(store.Get(key))
	}
	ok[mls.Event](t)(a.Confirm()) // after the copy was made
	out.Authenticator = ok[[]byte](t)(a.EpochAuthenticator())
	out.SignatureKeys = map[string]mlstest.Hex{}
	for name, key := range w.keys {
		out.SignatureKeys[name] = mlstest.Hex(key)
	}
	return out
}

// open returns Alice's client over a copy of the records.
func (g *goldenStore) open(t *testing.T) *mls.Client {
	return must(t)(mls.NewClient(g.config(t)))
}

func (g *goldenStore) config(t *testing.T) mls.Config {
	w := newWorld(t, 82)
	w.now = time.Unix(g.Now, 0)
	store := &mls.Memory{}
	var b mls.Batch
	for key, value := range g.Records {
		b.Write = append(b.Write, mls.Record{Key: key, Value: value})
	}
	if err := store.Apply(b); err != nil {
		t.Fatal(err)
	}
	cfg := w.config("alice", store)
	cfg.Suite = g.Suite
	cfg.Signer = ok[suite.Signer](t)(ok[*suite.Suite](t)(suite.Get(g.Suite)).NewSigner(g.Signer))
	for name, key := range g.SignatureKeys {
		w.keys[name] = string(key)
	}
	return cfg
}

func readGolden(t *testing.T) *goldenStore { return readGoldenFile(t, goldenPath) }

func readGoldenFile(t *testing.T, path string) *goldenStore {
	var g goldenStore
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return &g
}

// TestGoldenStoreOpens goes on with a store that the first version wrote.
func TestGoldenStoreOpens(t *testing.T) {
	if *update {
		text, err := json.MarshalIndent(newGolden(t), "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(goldenPath, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden := readGolden(t)

	// Late messages, a Commit that overtakes ours, and the key of an Update of ours.
	c := golden.open(t)
	g := ok[*mls.Group](t)(c.Open([]byte("group")))
	wantMessage(t, g, golden.Past, "past")
	wantMessage(t, g, golden.Skipped, "skipped")
	if p := ok[*mls.Staged](t)(g.Pending()); p == nil {
		t.Fatal("no Commit waits")
	}
	if again := ok[[][]byte](t)(g.Resend()); len(again) != 2 {
		t.Fatalf("%d messages to send again, want the Update and the Commit", len(again))
	}
	changed := ok[mls.Event](t)(g.Receive(golden.Lost)).(*mls.Changed)
	if changed.Lost == nil {
		t.Fatal("our own Commit is not lost")
	}
	wantMessage(t, g, golden.AfterLost, "after lost")

	// The other way: ours is accepted.
	c = golden.open(t)
	g = ok[*mls.Group](t)(c.Open([]byte("group")))
	ok[mls.Event](t)(g.Confirm())
	if have := ok[[]byte](t)(g.EpochAuthenticator()); string(have) != string(golden.Authenticator) {
		t.Fatalf("epoch authenticator %x, want %x", have, golden.Authenticator)
	}

	g = ok[*mls.Group](t)(c.Open([]byte("joining")))
	ok[mls.Event](t)(g.Confirm())
	wantMessage(t, g, golden.AfterJoining, "after joining")

	g = ok[*mls.Group](t)(c.Open([]byte("accepted")))
	if s := ok[*mls.Staged](t)(g.Accepted()); s == nil || s.Welcome == nil {
		t.Fatal("the last Welcome is not there")
	}
	for _, welcome := range [][]byte{golden.Welcome, golden.LastResort} {
		ok[*mls.Group](t)(c.Join(welcome, nil))
	}
	if _, err := c.Create([]byte("left"), nil); !errors.Is(err, mls.ErrReplayed) {
		t.Fatalf("Create of a group that was left: %v, want ErrReplayed", err)
	}
}

// TestGoldenStoreIsWhatIsWritten: the same life leaves the same records behind today, in
// the same sizes. If it does not, the format has changed: then give it a new version,
// which still reads the old one, and a golden file of its own.
func TestGoldenStoreIsWhatIsWritten(t *testing.T) {
	sizes := func(g *goldenStore) map[string]int {
		out := map[string]int{}
		for key, value := range g.Records {
			if versioned.MatchString(key) && value[0] != 1 {
				t.Errorf("%s is of version %d", key, value[0])
			}
			if name, ok := strings.CutPrefix(key, "keypackage/"); ok {
				key = "keypackage/" // keys drawn anew, so names differ
				out["names of KeyPackages"] += len(name)
			}
			out[key] += len(value)
		}
		return out
	}
	have, want := sizes(newGolden(t)), sizes(readGolden(t))
	for key, size := range have {
		if size != want[key] {
			t.Errorf("%s: %d bytes, want %d", key, size, want[key])
		}
	}
	for key := range want {
		if _, ok := have[key]; !ok {
			t.Errorf("%s is not written any more", key)
		}
	}
}

// versioned are the records that begin with the number of their format; it goes for
// those that lie beside them.
var versioned = regexp.MustCompile(`^group/[^/]*/(head|join|accepted|(state|joining)/(state|epoch))$|^keypackage/`)
