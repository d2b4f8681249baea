// Package group is one member's view of one MLS group: how it is founded and
// joined, how proposals and Commits move it from epoch to epoch, and how
// application messages are protected in between (RFC 9420, "Group Creation" (11),
// "Group Evolution" (12), "Sequencing of State Changes" (14), "Application
// Messages" (15)).
//
// A [State] is only a value in memory: it has no network, no disk and no clock,
// and it draws no randomness but from [Config]. What comes from a peer goes
// through [State.Process], which verifies everything before it changes anything:
// after an error the state is what it was. What the member itself wants goes
// through Propose, Commit and Protect. A Commit changes nothing until it is
// merged, since another member's Commit may win the epoch.
//
// There is no way to get a State without an [Authenticator]: it is asked about
// every leaf, on every way by which a leaf can enter the tree.
package group
