package group

import "errors"

// Errors are wrapped with where they were found; use errors.Is. Errors of the
// packages below (syntax, suite, tree, treekem, schedule, message, component)
// are wrapped as they are.
var (
	// ErrConfig: the caller's Config or options cannot work.
	ErrConfig = errors.New("mls: unusable configuration")
	// ErrNoAuthenticator: Config.Authenticator is nil. Nothing is done without one.
	ErrNoAuthenticator = errors.New("mls: no authenticator")
	// ErrUnauthenticated: the Authenticator refused a leaf or an external sender.
	ErrUnauthenticated = errors.New("mls: refused by the authenticator")
	// ErrForbidden: the Policy or a Component refused what RFC 9420 would allow.
	ErrForbidden = errors.New("mls: refused by the application's policy")

	// ErrWrongGroup: the message belongs to another group, version or suite.
	ErrWrongGroup = errors.New("mls: of another group")
	// ErrEpoch: the message is of an epoch that is not ours (any more, or yet).
	ErrEpoch = errors.New("mls: of another epoch")
	// ErrFuture is an ErrEpoch: the epoch is yet to come, process Commits first.
	ErrFuture = &epochError{"mls: of an epoch that is yet to come"}
	// ErrPast is an ErrEpoch: the keys of the epoch are gone.
	ErrPast = &epochError{"mls: of an epoch whose keys are gone"}
	// ErrOwnMessage: the message is our own, and its key was used to send it.
	ErrOwnMessage = errors.New("mls: our own message")
	// ErrUnexpected: the message is of a kind that has no place here: a Welcome,
	// a KeyPackage, application data that is not encrypted.
	ErrUnexpected = errors.New("mls: message out of place")
	// ErrSender: there is no such sender, or it may not send this.
	ErrSender = errors.New("mls: not a sender of this")

	// ErrProposal: a proposal is invalid by itself ("Proposals", 12.1).
	ErrProposal = errors.New("mls: invalid proposal")
	// ErrDuplicate: the proposal was received before.
	ErrDuplicate = errors.New("mls: proposal was received before")
	// ErrUnknownProposal: a Commit refers to a proposal that we have not received.
	ErrUnknownProposal = errors.New("mls: reference to an unknown proposal")
	// ErrProposalList: the proposals do not go together ("Proposal List
	// Validation", 12.2).
	ErrProposalList = errors.New("mls: invalid list of proposals")
	// ErrPathRequired: a Commit without a path that must have one (12.4).
	ErrPathRequired = errors.New("mls: commit without the path that it needs")
	// ErrCommit: a Commit is invalid in another way (12.4.2).
	ErrCommit = errors.New("mls: invalid commit")
	// ErrConfirmation: the confirmation tag does not verify: the sender's view of
	// the group is not ours.
	ErrConfirmation = errors.New("mls: confirmation tag does not verify")
	// ErrPSK: a pre-shared key is not available.
	ErrPSK = errors.New("mls: pre-shared key not available")
	// ErrLimit: one of our Limits stands against it.
	ErrLimit = errors.New("mls: beyond our limits")

	// ErrUnapplied: proposals have been received that must be committed before
	// application data is sent (12.4).
	ErrUnapplied = errors.New("mls: proposals wait for a commit: make one (Group.Commit), or receive somebody else's")
	// ErrPending: a Commit of ours waits to be merged or abandoned.
	ErrPending = errors.New("mls: our own commit is pending")
	// ErrStale: the pending Commit is not (or no more) one of this state.
	ErrStale = errors.New("mls: pending commit is of another state")
	// ErrInactive: we were removed, or the group was closed by a ReInit: nothing
	// can be sent or processed in it any more.
	ErrInactive = errors.New("mls: group is not active")
	// ErrRemoved is an ErrInactive: we are no member any more.
	ErrRemoved = &inactiveError{"mls: we were removed from the group"}
	// ErrReinitialized is an ErrInactive: a ReInit was committed; the group goes on
	// under the parameters of the ReInit (11.2).
	ErrReinitialized = &inactiveError{"mls: group was closed by a reinit"}
)

type epochError struct{ text string }

func (e *epochError) Error() string        { return e.text }
func (e *epochError) Is(target error) bool { return target == ErrEpoch }

type inactiveError struct{ text string }

func (e *inactiveError) Error() string        { return e.text }
func (e *inactiveError) Is(target error) bool { return target == ErrInactive }
