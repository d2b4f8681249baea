// Package passkey logs people in with passkeys (Web Authentication Level 3), by
// themselves or after a password, and keeps the passkeys of accounts.
//
//	BeginMake → Make              a passkey for who is logged in
//	Begin → Finish                a login by a passkey alone
//	BeginSecond → Finish          by a passkey after a password
//	Link → Open → BeginTicket → MakeTicket   a passkey for who is logged in elsewhere
//
// A login by a passkey alone asks for no name: the authenticator brings the account
// along, so every stranger gets the same answer, and there is no list of keys to
// look a name up in. It demands that the authenticator verified the person (by a
// PIN or a fingerprint). After a password, a touch is enough.
//
// A challenge is used once, by the network that asked for it, and within minutes.
// Attestation is not asked for, and what an authenticator says about its make is
// not kept. A signature counter that did not rise means that a key may have been
// copied: the login is refused, and its owner reads of it in the trail.
package passkey
