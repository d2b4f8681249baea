package group

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Entry is the way by which a leaf, or an external sender, is about to enter a
// group ("Credential Validation", 5.3.1).
type Entry uint8

const (
	// InKeyPackage: a KeyPackage that we are about to propose to add.
	InKeyPackage Entry = iota + 1
	// InAdd: an Add proposal of somebody, received by itself or in a Commit.
	InAdd
	// InUpdate: an Update proposal, received by itself or in a Commit, or one that we
	// are about to send.
	InUpdate
	// InCommit: the leaf of a Commit's path, that replaces the committer's; of our own
	// Commit too.
	InCommit
	// InWelcome: a leaf of the tree that comes with a Welcome.
	InWelcome
	// InExternalJoin: a leaf of the tree that comes with a GroupInfo by which we
	// are about to join.
	InExternalJoin
	// InExternalCommit: the leaf of somebody who joins by an external Commit. With
	// a Remove (resync), Replaces is the leaf of the removed member. It may be ours.
	InExternalCommit
	// InExternalSender: an entry of an external_senders extension, in a
	// GroupContextExtensions proposal that changes it, or in the group that we join.
	InExternalSender
	// InCreate: our own leaf, and the external senders, of a group that we found.
	InCreate
)

var entryNames = [...]string{"", "KeyPackage", "Add", "Update", "Commit", "Welcome", "external join", "external Commit", "external sender", "creation"}

func (e Entry) String() string {
	if int(e) < len(entryNames) && e != 0 {
		return entryNames[e]
	}
	return fmt.Sprintf("entry %d", uint8(e))
}

// Candidate is somebody who is about to be trusted as a member of a group, or as
// one of its external senders. Its signature has been verified with SignatureKey,
// where it has one; whether that key belongs to whom the Credential names is for
// the [Authenticator] to say.
type Candidate struct {
	Entry Entry
	// Index is the leaf that the candidate has or will have. For an external
	// sender it is the index in the extension, and for an Add, or a KeyPackage, that
	// is not part of a Commit yet it means nothing.
	Index tree.LeafIndex
	// Suite is the cipher suite of the group, for which SignatureKey is.
	Suite        suite.ID
	Credential   tree.Credential
	SignatureKey []byte
	// Leaf is the whole leaf, to read only; nil for an external sender.
	Leaf *tree.LeafNode
	// Replaces is the leaf whose place the candidate takes: the new credential must
	// then be a valid successor of the old one, see [SuccessorAuthenticator]. nil for a
	// new member.
	Replaces *tree.LeafNode
}

// Authenticator is the Authentication Service of RFC 9420, 5.3.1, and RFC 9750: it
// says whether credentials are what they claim. It is the one thing that ties a
// group to people; everything else in MLS only ties it to signature keys.
//
// It is asked, in one batch for each message and before anything changes, about
// every leaf, by every way by which a leaf can enter: see [Entry]. Our own
// leaves are among them, before anybody else gets to see them. A Commit's batch has
// all that the Commit brings in, also what came earlier as a proposal by itself. An
// error refuses the whole message and nothing changes; it is returned wrapped, with
// [ErrUnauthenticated].
//
// Candidates and what they point to must not be changed or kept. It may be called
// from any goroutine that calls into a State.
type Authenticator interface {
	Authenticate(groupID []byte, candidates []Candidate) error
}

// SuccessorAuthenticator is an Authenticator that lets a leaf pass to another
// credential, such as that of a person who was renamed. By an Update, a Commit or an
// external Commit with a Remove, somebody takes the place of a member: whoever an
// Authenticator knows could so put anybody out and come in, if nobody compared the two.
//
// An Authenticator that is none of these is therefore asked about a successor only if
// its credential is the same, or both are of one type that is not basic: a chain of
// X.509 certificates is another one whenever it is renewed, and whose it is (Replaces)
// only the Authenticator can tell.
type SuccessorAuthenticator interface {
	Authenticator
	// AllowSuccessor says whether the candidate, whose credential is not that of the leaf
	// which it replaces, may take its place. Authenticate is asked about it afterwards.
	AllowSuccessor(groupID []byte, c *Candidate) error
}

// ErrSuccessor: a leaf would pass to another credential.
var ErrSuccessor = errors.New("mls: a leaf would pass to another credential: remove the one and add the other")

// checkSuccessor compares a candidate with the leaf that it replaces.
func (c *Config) checkSuccessor(groupID []byte, next *Candidate) error {
	if next.Replaces == nil || next.Replaces.Credential.Equal(&next.Credential) {
		return nil
	}
	if a, ok := c.Authenticator.(SuccessorAuthenticator); ok {
		return a.AllowSuccessor(groupID, next)
	}
	if t := next.Credential.Type; t == next.Replaces.Credential.Type && t != tree.CredentialBasic {
		return nil
	}
	return ErrSuccessor
}

// AuthenticatorFunc is a function as an Authenticator.
type AuthenticatorFunc func(groupID []byte, candidates []Candidate) error

// Authenticate calls f.
func (f AuthenticatorFunc) Authenticate(groupID []byte, candidates []Candidate) error {
	return f(groupID, candidates)
}
