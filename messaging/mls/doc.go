// Package mls is end-to-end encryption for groups: the Messaging Layer Security
// protocol (RFC 9420, "The Messaging Layer Security (MLS) Protocol"), as sessions that
// survive crashes.
//
// A [Client] is one device: an identity, its KeyPackages, and its groups, all in one
// [Store]. A [Group] takes messages in and hands messages out; carrying them is the
// delivery service's matter, and who is who that of the Authenticator
// (group.Authenticator), which nobody can do without.
//
//	client, err := mls.NewClient(mls.Config{…})
//	packages, err := client.KeyPackages(10)    // publish them
//	g, err := client.Create(nil, nil)          // or Join(welcome, nil)
//	staged, err := g.Invite(theirKeyPackage)   // send staged.Message …
//	event, err := g.Confirm()                  // … and when it was accepted, the Welcome
//	message, err := g.Send(text, nil)
//	event, err := g.Receive(message)           // *Message, *Changed, *Removed, …
//
// Three rules make that safe, and everything in this package serves them:
//
//   - What a method returns was stored before: bytes that leave can be accounted for
//     after any crash, and no key encrypts twice ("Content Encryption", 6.3.1).
//   - A Commit of ours counts when the delivery service has accepted it, not when it is
//     made ("Sequencing of State Changes", 14): see [Staged].
//   - What comes from a backup may be old: see [Restore].
//
// The protocol itself is in the packages below: group (the state of one member),
// message (what is on the wire), schedule and treekem (keys), tree, component, suite and
// syntax. docs/mls.md maps the RFC's sections to files and tests.
package mls
