package group

import "github.com/kith-kt/kith/messaging/mls/schedule"

// aadRule says whether the authenticated data of an epoch's messages is a SafeAAD
// (draft-ietf-mls-extensions, "Safe Additional Authenticated Data"). It is found
// out once: the dictionary that says it may be large.
type aadRule uint8

const (
	aadUnknown aadRule = iota
	aadFree
	aadSafe
)

// check refuses authenticated data that is no SafeAAD where the group asks for one.
func (r *aadRule) check(context *schedule.GroupContext, aad []byte) error {
	if *r == aadUnknown {
		safe, err := hasSafeAAD(context.Extensions)
		switch {
		case err != nil:
			return err
		case safe:
			*r = aadSafe
		default:
			*r = aadFree
		}
	}
	if *r == aadFree {
		return nil
	}
	return checkSafeAAD(aad)
}

func (e *epoch) checkAAD(aad []byte) error { return e.aad.check(e.context, aad) }
