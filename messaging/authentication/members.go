package authentication

import (
	"context"
	"errors"
	"iter"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Unproved is a member whom the directory does not prove now.
type Unproved struct {
	// Member is for mls.Group.Remove.
	Member mls.Member
	// Err is as Authenticate returns it. ErrNotListed: the directory proves that the
	// device is not one of the label's any more, so that it is to be removed.
	// ErrUnproved: it proves nothing, because it cannot be reached, misbehaves, or
	// waits for an acknowledgement: look at the cause, and do not remove somebody only
	// because a directory is away. ErrCredential: the member has no label.
	Err error
}

// Recheck returns the members of a group whom the directory does not prove any more, as
// after a device was removed from a record: MLS asks about a credential when it enters,
// and the application must ask about it later on ("Credential Validation", 5.3.1, on
// expiry and revocation). members are those of group.View.Members. Every label is asked
// about once, and freshly. There is no limit on labels: all were let in before. Requests
// end with ctx.
func (s *Service) Recheck(ctx context.Context, members iter.Seq2[tree.LeafIndex, *tree.LeafNode]) []Unproved {
	var labels []string
	at := map[string]int{}
	for _, leaf := range members {
		name, err := identity(&leaf.Credential)
		if _, known := at[name]; err == nil && !known {
			at[name] = len(labels)
			labels = append(labels, name)
		}
	}
	answers := (&lookups{Service: s, labels: labels}).ask(ctx) // what is kept is not looked at
	s.warn(labels, answers)
	var out []Unproved
	for i, leaf := range members {
		name, err := identity(&leaf.Credential)
		if err == nil {
			a := answers[at[name]]
			if err = a.err; err == nil {
				err = s.listed(a.proof, name, leaf.SignatureKey)
			}
		}
		if err != nil {
			out = append(out, Unproved{mls.Member{Leaf: i, Credential: leaf.Credential, SignatureKey: leaf.SignatureKey}, err})
		}
	}
	return out
}

// Unlisted returns the members of whom it is proved that their records do not list them
// any more, to be removed, and for the others why they were not proved.
func Unlisted(all []Unproved) (gone []mls.Member, others error) {
	var errs []error
	for _, u := range all {
		if errors.Is(u.Err, ErrNotListed) {
			gone = append(gone, u.Member)
		} else {
			errs = append(errs, u.Err)
		}
	}
	return gone, errors.Join(errs...)
}
