package evil

// An Attack is a way in which a provider can misbehave towards people and
// auditors that it shows a log to.
type Attack string

// The attacks.
const (
	Fork           Attack = "fork"                  // two logs under the same keys, for ever
	Rollback       Attack = "rollback"              // an older log after a newer one
	SwapForOne     Attack = "swap-for-one"          // another key, to one reader alone
	SwapAndRestore Attack = "swap-and-restore"      // another key, between two looks of its owner
	HideRevocation Attack = "hide-revocation"       // a withdrawn key shown as good
	RemoveEarly    Attack = "remove-early"          // a version taken out before anybody had to look
	GoBack         Attack = "timestamps-go-back"    // an entry older than the one before it
	FutureDate     Attack = "timestamps-ahead"      // an entry of a time that has not come
	DropFeed       Attack = "drop-feed"             // the auditor is shut out
	StallFeed      Attack = "stall-feed"            // the auditor is kept where it is
	StaleHead      Attack = "stale-head"            // yesterday's log, as if it were today's
	TwoRoots       Attack = "two-roots"             // one size, two signed roots
	OtherConfig    Attack = "another-configuration" // another VRF key, to some
)

// Attacks returns all attacks, in the order in which they are numbered in
// docs/threat-model.md.
func Attacks() []Attack {
	return []Attack{
		Fork, Rollback, SwapForOne, SwapAndRestore, HideRevocation, RemoveEarly, GoBack,
		FutureDate, DropFeed, StallFeed, StaleHead, TwoRoots, OtherConfig,
	}
}
