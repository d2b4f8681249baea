package group

import (
	"iter"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Covered is a proposal together with who made it: as it waits for a Commit, or as
// a Commit covers it.
type Covered struct {
	Proposal message.Proposal
	// Sender made the proposal. By value in a Commit that is the committer.
	Sender message.Sender
	// Ref is the ProposalRef; nil if the proposal stands in the Commit by value.
	Ref []byte
}

// Policy is what the application adds to the rules of RFC 9420 ("Proposal List
// Validation", 12.2; "Additional Policy Enforcement", 16.11): above all who may
// change the list of members. All members must have the same policy, otherwise
// what some accept forks the group; so it may depend on the View (which all
// members share, and in which roles can be kept as application data), and on
// nothing else.
//
// An error refuses, and changes nothing; it is returned wrapped, with
// [ErrForbidden]. The policy is asked about our own proposals and Commits too.
type Policy interface {
	// AllowProposal is asked about a proposal that travels by itself.
	AllowProposal(view *View, p Covered) error
	// AllowCommit is asked about a whole Commit in the group as it was before it.
	// leaf is the committer's: the one in the tree, or for an external Commit the
	// new one.
	AllowCommit(view *View, committer message.Sender, leaf *tree.LeafNode, proposals []Covered) error
}

// Component is the application's code behind a component identifier
// (draft-ietf-mls-extensions, "Updating Application Data in the GroupContext" and
// "Attaching Application Data to a Commit"). Like a [Policy] it must decide alike
// in all members, and what it returns becomes part of the group's agreed context:
// the same bytes everywhere. It must not keep anything of a call: a Commit that is
// looked at may still lose.
//
// It has the last word on its data only if the group requires app_data_update in its
// required_capabilities. Otherwise a GroupContextExtensions proposal may set the whole
// app_data_dictionary, as the draft has it, and no Component is asked: it is then for
// the Policy to refuse those. (What is in app_components and safe_aad, members alone
// can change in either way.)
type Component interface {
	// Update returns the component's data after updates, in the order of the
	// Commit. current is what there is; present says whether there is any.
	Update(view *View, current []byte, present bool, updates []AppData) ([]byte, error)
	// Remove says whether the component's data may be removed.
	Remove(view *View, by message.Sender) error
	// Ephemeral looks at data that comes along with a Commit.
	Ephemeral(view *View, data AppData) error
}

// AppData is what one AppDataUpdate or AppEphemeral proposal carries.
type AppData struct {
	Sender message.Sender
	Data   []byte
}

// View is what every member knows of the group in one epoch. It is read only.
type View struct {
	GroupID    []byte
	Epoch      uint64
	Extensions tree.Extensions // of the GroupContext
	tree       *tree.Tree
}

// Members goes through the members' leaves in the order of their indices.
func (v *View) Members() iter.Seq2[tree.LeafIndex, *tree.LeafNode] { return v.tree.Members() }

// Member returns the leaf at an index; nil if it is blank or there is none.
func (v *View) Member(i tree.LeafIndex) *tree.LeafNode { return v.tree.Leaf(i) }

// AppData returns a component's data in the GroupContext, and whether it has any.
func (v *View) AppData(id component.ID) (data []byte, ok bool) {
	d, ok, err := component.FromExtensions(v.Extensions)
	if !ok || err != nil {
		return nil, false
	}
	return d.Get(id)
}
