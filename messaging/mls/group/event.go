package group

import (
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Event is what a processed message was: an [*Application], a [*Proposed] or a
// [*Committed].
type Event interface{ event() }

// Application is an application message, decrypted and authenticated.
type Application struct {
	Sender     tree.LeafIndex
	Leaf       *tree.LeafNode // the sender's, in the epoch of the message
	Epoch      uint64         // may be a past one
	Generation uint32         // of the sender's application ratchet
	AAD        []byte         // authenticated, not secret
	Data       []byte
}

// Proposed is a proposal that now waits for a Commit. Application data cannot be
// sent before that.
type Proposed struct {
	Covered
	AAD []byte
}

// Committed is a new epoch. The State has moved on to it, unless Removed.
type Committed struct {
	// Epoch is the number of the new epoch.
	Epoch uint64
	// Committer is who made the Commit. For an external Commit, Joined is its leaf.
	Committer message.Sender
	Own       bool // it was our pending Commit
	External  bool
	Proposals []Covered // in the order of the Commit
	// Added, Updated and RemovedLeaves are the leaves that changed hands: the first
	// two in the new tree, the last in the old. The committer's own leaf is in
	// Updated if it has a path; a joiner's by external Commit is in Added.
	Added, Updated, RemovedLeaves []tree.LeafIndex
	// Removed: we are no member any more. The State stays in its last epoch, and is
	// good for reading late messages of it only.
	Removed bool
	// ReInit: the group was closed; it goes on with these parameters (11.2).
	ReInit *message.ReInit
	AAD    []byte
}

func (*Application) event() {}
func (*Proposed) event()    {}
func (*Committed) event()   {}
