package mls

import (
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Event is what a received message was: [*Message], [*Proposed], [*Changed],
// [*Removed] or [*Reinitialized].
type Event interface{ event() }

// Member is somebody in a group: who, and where in the tree.
type Member struct {
	Leaf         tree.LeafIndex // is somebody else's once the member is removed
	Credential   tree.Credential
	SignatureKey []byte
}

// Message is application data. It is given out once: its key is gone.
type Message struct {
	Sender     Member // as it was in Epoch
	Epoch      uint64 // may be one of the last few, for a message that came late
	Generation uint32 // counts the sender's messages in Epoch from 0: a gap is a message that is missing
	Plaintext  []byte
	AAD        []byte // authenticated, but everybody on the way could read it
}

// Proposed is a proposal that waits for somebody's Commit. Until then nobody is to
// send application data (RFC 9420, "Commit", 12.4), so Send refuses.
type Proposed struct {
	Proposal message.Proposal
	Sender   message.Sender
	AAD      []byte
}

// Changed is a Commit: a new epoch of the group.
type Changed struct {
	Epoch     uint64
	Committer Member // for somebody who joined by an external Commit, the new leaf
	External  bool
	// Own is our own Commit, which is accepted now: its Welcome may be handed out.
	// nil if it is somebody else's.
	Own *Staged
	// Lost is our own Commit that waited to be accepted, and cannot be any more.
	// What was wanted with it has to be asked for again, if it is still wanted.
	Lost    *Staged
	Added   []Member
	Updated []Member // with new keys, or a new credential; the committer's included
	Removed []Member // their leaves are those in the epoch before
	// Proposals are all that the Commit covers, those above included.
	Proposals []Covered
	AAD       []byte
}

// Covered is a proposal in a Commit, with its sender.
type Covered struct {
	Proposal message.Proposal
	Sender   message.Sender
}

// Removed: we are no member any more. The group is gone from the store, but for a
// note of its last epoch: see [Client.Join].
type Removed struct {
	Epoch     uint64 // the first without us
	Committer Member
	Lost      *Staged // as in Changed
	AAD       []byte
}

// Reinitialized: the group was closed, and goes on with new parameters in a group
// that any of its members founds ([Group.Continue]; RFC 9420, "Reinitialization", 11.2).
// Nothing can be sent in the old group any more.
//
// From here on ReInit.GroupID is that one's: no other group of this identifier is
// founded or entered, until we are in it or this group is forgotten ([Client.Forget]),
// which also gives it up. An identifier of a group that we are in already cannot be
// that of the next one: Join and Continue say [ErrMember] until that group is forgotten,
// which may not be worth it, and with a note of a group that was left Continue says
// [ErrReplayed]. If several closed groups name the same identifier, none is continued
// until all but one are forgotten. A ReInit whose identifier was not drawn at random by
// somebody trusted is best answered by founding another group.
type Reinitialized struct {
	Changed
	ReInit *message.ReInit
}

func (*Message) event()       {}
func (*Proposed) event()      {}
func (*Changed) event()       {}
func (*Removed) event()       {}
func (*Reinitialized) event() {}
