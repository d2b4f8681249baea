package mls

import (
	"errors"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/schedule"
)

// Errors of the packages below come through wrapped; those that a caller of a session
// meets have their names here too.
var (
	// ErrConfig: a Config or an option cannot work.
	ErrConfig = group.ErrConfig
	// ErrNoAuthenticator: Config.Authenticator is nil. Nothing is done without one.
	ErrNoAuthenticator = group.ErrNoAuthenticator
	// ErrUnauthenticated: the Authenticator refused somebody.
	ErrUnauthenticated = group.ErrUnauthenticated
	// ErrForbidden: the Policy refused what RFC 9420 would allow.
	ErrForbidden = group.ErrForbidden
	// ErrFuture: the message is of an epoch to come. Receive the Commits before it.
	ErrFuture error = group.ErrFuture
	// ErrPast: the message is of an epoch whose keys are gone.
	ErrPast error = group.ErrPast
	// ErrOwnMessage: what we have sent ourselves comes back. Nothing is wrong.
	ErrOwnMessage = group.ErrOwnMessage
	// ErrUnapplied: proposals wait, and application data has to wait for the Commit
	// that covers them: make one ([Group.Commit]), or receive somebody else's.
	ErrUnapplied = group.ErrUnapplied
	// ErrUnknownProposal: the Commit refers to a proposal that has not come here. Receive
	// that first, and then the Commit again: nothing has changed.
	ErrUnknownProposal = group.ErrUnknownProposal
	// ErrDuplicate: the proposal has been received before. Nothing is wrong.
	ErrDuplicate = group.ErrDuplicate
	// ErrConsumed: the message has been received before, or is so late that its key is
	// gone. After a crash between Receive and noting where we are in the queue, nothing
	// is wrong.
	ErrConsumed = schedule.ErrConsumed
	// ErrPending: our own Commit waits to be confirmed or discarded.
	ErrPending = group.ErrPending
	// ErrRemoved: we were removed from the group.
	ErrRemoved error = group.ErrRemoved
	// ErrReinitialized: the group was closed, and goes on in another: see
	// [Group.Continue].
	ErrReinitialized error = group.ErrReinitialized

	// ErrNoGroup: there is no such group in the store.
	ErrNoGroup = errors.New("mls: no such group")
	// ErrMember: we are in this group already.
	ErrMember = group.ErrMember
	// ErrNoPending: there is no Commit of ours that waits.
	ErrNoPending = errors.New("mls: no commit of ours is pending")
	// ErrJoining: we are no member yet, our external Commit waits to be accepted: Confirm
	// it, give its echo to Receive, or Discard it.
	ErrJoining = errors.New("mls: not a member yet: the external commit is to be confirmed or discarded first")
	// ErrRestored: the group comes from a backup, and its keys may have been used
	// since: see [Restore].
	ErrRestored = errors.New("mls: restored from a backup, and no commit of ours since: update first")
	// ErrReplayed: the Welcome leads into an epoch of a group that we have been in and
	// left, or the GroupInfo into one before it ([ExternalOptions].Older).
	ErrReplayed = errors.New("mls: back into an epoch of a group that is over for us")
	// ErrNoKeyPackage: the Welcome is for none of the KeyPackages that we have, or
	// have not used.
	ErrNoKeyPackage = errors.New("mls: welcome for no key package of ours, or for one that was used")
)
