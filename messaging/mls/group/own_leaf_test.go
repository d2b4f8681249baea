package group

import (
	"errors"
	"strings"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestOwnLeafIsAuthenticated_5_3_1: a member's own next leaf is put to its own
// Authenticator too, together with whatever else the message brings in, once, and
// before the member changes.
func TestOwnLeafIsAuthenticated_5_3_1(t *testing.T) {
	t.Parallel()
	mine := func(leaf *tree.LeafNode) bool { return string(leaf.Credential.Identity) == "alice" }
	update := func(p people, change *LeafChange) func() error {
		return func() error {
			_, err := p.alice.ProposeUpdate(change, ProposalOptions{})
			return err
		}
	}
	commit := func(p people, o CommitOptions) func() error {
		return func() error {
			_, err := p.alice.Commit(o)
			return err
		}
	}
	tests := []struct {
		way   string
		entry Entry
		about string // what the error begins with
		// prepare returns what brings alice's leaf in.
		prepare func(p people) func() error
	}{
		{"an update", InUpdate, "own leaf: ", func(p people) func() error { return update(p, nil) }},
		{"an update with a new key", InUpdate, "own leaf: ", func(p people) func() error {
			return update(p, &LeafChange{Signer: p.alice.newSigner()})
		}},
		{"a commit", InCommit, "own leaf: ", func(p people) func() error { return commit(p, CommitOptions{}) }},
		{"a commit with a new key", InCommit, "own leaf: ", func(p people) func() error {
			return commit(p, CommitOptions{Leaf: &LeafChange{Signer: p.alice.newSigner()}})
		}},
		{"a commit with others", InCommit, "", func(p people) func() error {
			return commit(p, CommitOptions{ByValue: adds(p.dave)})
		}},
		{"a resync", InExternalCommit, "", func(p people) func() error {
			info, err := p.bob.GroupInfo(GroupInfoOptions{ExternalPub: true})
			if err != nil {
				p.w.t.Fatal(err)
			}
			return func() error {
				_, _, err := JoinExternal(p.alice.cfg, info, ExternalOptions{Leaf: p.alice.leaf(), Resync: mine})
				return err
			}
		}},
		{"an update in somebody else's commit", InUpdate, "", func(p people) func() error {
			msg, err := p.alice.ProposeUpdate(nil, ProposalOptions{})
			if err != nil {
				p.w.t.Fatal(err)
			}
			p.w.tell(p.alice, []*peer{p.alice, p.bob, p.carol}, msg)
			c, err := p.bob.Commit(CommitOptions{})
			if err != nil {
				p.w.t.Fatal(err)
			}
			return func() error {
				_, err := p.alice.Process(c.Message)
				return err
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.way, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testSuite, 36)
			all := w.group("alice bob carol", CreateOptions{})
			alice := all[0]
			attempt := test.prepare(people{w, alice, all[1], all[2], w.client("dave")})
			alice.Changes()
			before := fingerprint(alice.State)
			old := alice.current.leaf()
			hit := func(c Candidate) bool { return c.Entry == test.entry && mine(c.Leaf) }
			w.refuse = func(client string, c Candidate) error {
				if client == "alice" && hit(c) {
					return errRefused
				}
				return nil
			}
			err := attempt()
			if !errors.Is(err, ErrUnauthenticated) || !errors.Is(err, errRefused) || !strings.HasPrefix(err.Error(), test.about) {
				t.Fatalf("refused: %v", err)
			}
			if fingerprint(alice.State) != before || alice.Pending() != nil {
				t.Error("alice has changed")
			}
			if records := alice.Changes(); len(records) != 0 {
				t.Errorf("%d records to store", len(records))
			}
			w.refuse = nil
			clear(w.asked)
			clear(w.batches)
			if err := attempt(); err != nil {
				t.Fatal(err)
			}
			if n := w.batches["alice"]; n != 1 {
				t.Errorf("asked %d times", n)
			}
			own := 0
			for _, c := range w.asked["alice"] {
				if hit(c) {
					own++
					if c.Replaces == nil || !c.Replaces.Equal(old) || c.Leaf.Equal(old) {
						t.Errorf("replaces %v", c.Replaces)
					}
					if c.Leaf.Source != tree.SourceUpdate && c.Leaf.Source != tree.SourceCommit || len(c.Leaf.Signature) == 0 {
						t.Error("asked about a leaf that is not ready")
					}
				}
			}
			if own != 1 {
				t.Errorf("asked about %v", w.asked["alice"])
			}
		})
	}
}

// A Commit without a path has no leaf to ask about, one that is merged or lost was
// asked about when it was made.
func TestOwnLeafIsAuthenticatedOnce_5_3_1(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 37)
	all := w.group("alice bob", CreateOptions{})
	alice, bob := all[0], all[1]
	w.everybody(alice)
	if _, err := alice.Commit(CommitOptions{OmitPath: true, ByValue: adds(w.client("dave"))}); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, w.everybody(alice), "KeyPackage 2 dave")
	alice.Abandon()
	p, err := alice.Commit(CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sameKeys(t, w.everybody(alice), "Commit 0 alice")
	other, err := bob.Commit(CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Process(other.Message); err != nil { // alice's is lost
		t.Fatal(err)
	}
	sameKeys(t, w.everybody(alice), "Commit 1 bob")
	if _, err := bob.Merge(other); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Merge(p); !errors.Is(err, ErrStale) {
		t.Fatal(err)
	}
	sameKeys(t, w.everybody(alice))
	w.commit(alice, all, CommitOptions{}) // made and merged
	sameKeys(t, w.everybody(alice), "Commit 0 alice")

	// What waits is not tried in all ways, if it is for none of it.
	msg, err := bob.Propose(&message.GroupContextExtensions{}, ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.tell(bob, all, msg)
	w.forget("alice")
	clear(w.batches)
	if _, err := alice.Commit(CommitOptions{}); !errors.Is(err, ErrUnauthenticated) || w.batches["alice"] != 1 {
		t.Fatal(err, w.batches)
	}
}
