package main

import (
	"time"

	"github.com/kith-kt/kith/directory/evil"
)

// plays are all attacks, in the order of package evil.
func plays() []play {
	return []play{
		{attack: evil.Fork, title: "A forked log", act: playFork,
			told: "It keeps two logs under the same keys. In one Alice has her key, in the other the provider's. Nora is shown one and Otto the other, for ever."},
		{attack: evil.Rollback, title: "A log rolled back", act: playRollback,
			told: "It puts back an older copy of its log, in which Alice has her old key."},
		{attack: evil.SwapForOne, title: "A key swapped for one reader", act: playSwapForOne,
			told: "It shows Bob, and him alone, a log in which Alice has the provider's key. All proofs in it are perfect."},
		{attack: evil.SwapAndRestore, title: "A key swapped, and restored", act: playSwapAndRestore,
			told: "It publishes its own key for Alice, in the log that everybody sees, and hers again a moment later."},
		{attack: evil.HideRevocation, title: "A revocation hidden", act: playHideRevocation,
			told: "Alice withdraws her key. It goes on to show Bob a log in which she has not."},
		{attack: evil.RemoveEarly, title: "A version removed before its time", act: playRemoveEarly,
			told: "It publishes its own key for Alice, takes it out of the tree two entries later, and signs all of it."},
		{attack: evil.GoBack, title: "Timestamps that go back", act: playGoBack,
			told: "It signs a log entry that is an hour older than the one before it."},
		{attack: evil.FutureDate, title: "Timestamps ahead", act: playFutureDate,
			told: "It signs a log entry of a time two hours from now."},
		{attack: evil.DropFeed, title: "The auditors are shut out", act: playDropFeed,
			told: "It answers lookups and signs checkpoints that grow, and denies the auditors all that stands under them."},
		{attack: evil.StallFeed, title: "The auditors are kept waiting", act: playStallFeed,
			told: "It signs checkpoints that grow, and does not say what the new entries changed."},
		{attack: evil.StaleHead, title: "Yesterday's log", act: playStaleHead, ago: 25 * time.Hour,
			told: "It serves the log of yesterday, as if nothing had happened since."},
		{attack: evil.TwoRoots, title: "Two roots for one size", act: playTwoRoots,
			told: "It signs two logs of one size, and shows one after the other."},
		{attack: evil.OtherConfig, title: "Another configuration for some", act: playOtherConfig,
			told: "It gives Bob a provider document with another VRF key, signed by its root key like the one that all others have."},
	}
}
