// Package login is an account service: people register, log in, and manage their
// sessions, with passwords that the service sees in no form (packages srp and
// opaque), with device keys, and with second factors.
//
// There is no HTTP here (see package httpapi). Everything that a stranger can ask
// for is bounded, takes as long and looks the same whether or not a name has an
// account, and is charged before it is computed.
//
//	BeginSRP → FinishSRP           a password, by SRP-6a
//	BeginOPAQUE → FinishOPAQUE     a password, by OPAQUE
//	BeginDevice → FinishDevice     an Ed25519 key of a device in the label's record
//	BeginSealed → FinishSealed     a key that opens what was sealed to it
//	BeginPasskey → FinishPasskey   a passkey alone (package passkey)
//	… → FinishTOTP                 a second factor, where there is one
//	… → AskPasskey → FinishPasskey
//
// What is stored, by a Store: accounts, with verifiers sealed under a Key that is
// not in the database; sessions, by the hash of their token; what happened to an
// account, for its owner. Handshakes and what slows down guessing are in memory.
package login
