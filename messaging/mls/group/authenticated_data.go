package group

import "github.com/kith-kt/kith/messaging/mls/schedule"

// checkAAD refuses authenticated data that is no SafeAAD where the group asks for
// one (draft-ietf-mls-extensions, "Safe Additional Authenticated Data").
func checkAAD(context *schedule.GroupContext, aad []byte) error {
	safe, err := hasSafeAAD(context.Extensions)
	if err != nil || !safe {
		return err
	}
	return checkSafeAAD(aad)
}

func (e *epoch) checkAAD(aad []byte) error { return checkAAD(e.context, aad) }
