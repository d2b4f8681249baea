package group

import (
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// epoch is what a member has of one epoch ("Cryptographic State and Evolution",
// 3.1). But for keys, which are used up, it does not change once it is made: the
// next epoch is another one, so that a Commit that turns out wrong, or loses, is
// only dropped.
type epoch struct {
	context *schedule.GroupContext
	tree    *tree.Tree
	me      tree.LeafIndex
	private *treekem.Private
	secrets *schedule.Secrets
	keys    *schedule.SecretTree
	// confirmationTag is that of the Commit which began the epoch.
	confirmationTag []byte
	interim         []byte // interim_transcript_hash
	aad             aadRule
}

// newEpoch puts an epoch together whose secrets are known. context has the final
// tree hash and confirmed transcript hash. It takes over all that it is given.
func newEpoch(s *suite.Suite, context *schedule.GroupContext, t *tree.Tree, private *treekem.Private, me tree.LeafIndex, secrets *schedule.Secrets) *epoch {
	tag := secrets.ConfirmationTag(context.ConfirmedTranscriptHash)
	return &epoch{
		context:         context,
		tree:            t,
		me:              me,
		private:         private,
		secrets:         secrets,
		keys:            secrets.SecretTree(t.LeafCount()),
		confirmationTag: tag,
		interim:         schedule.InterimTranscriptHash(s, context.ConfirmedTranscriptHash, tag),
	}
}

// leaf is our own leaf.
func (e *epoch) leaf() *tree.LeafNode { return e.tree.Leaf(e.me) }

func (e *epoch) view() *View {
	return &View{GroupID: e.context.GroupID, Epoch: e.context.Epoch, Extensions: e.context.Extensions, tree: e.tree}
}

// isMe reports whether a sender is ourselves.
func (e *epoch) isMe(s message.Sender) bool { return s == message.Member(e.me) }

// erase overwrites the secrets of an epoch that was never entered, or is over.
func (e *epoch) erase() {
	e.secrets.Erase()
	e.keys.Erase()
	e.private.Erase()
}
