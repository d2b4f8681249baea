// Package directory is the operator of a key transparency log
// (draft-ietf-keytrans-protocol, commit 526cc8a).
//
// The write side is one Sequencer: it gathers authorised updates into log
// entries, commits many entries in one durable write, signs once, raises the
// high-water mark and only then lets anybody see the new head. The read side
// answers from Snapshots of a Store and never waits for the Sequencer.
//
//	Submit, BulkLoad -> build entries -> Store.Commit -> HighWater.Raise -> Current
//	                                          |
//	                                       Snapshot -> searches, audit, check, backup
//
// What keeps a log from forking: Commit compares the head it was built on with
// the stored one, and the high-water mark, kept beside the signing keys and in
// no backup, refuses a store that is older than a head this operator may have
// shown.
package directory
