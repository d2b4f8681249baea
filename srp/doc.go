// Package srp is SRP-6a, the Secure Remote Password protocol (RFC 2945; RFC 5054,
// "SRP-6a"; names are theirs): a person proves to know a password, a server
// proves to know its verifier, and neither learns anything else.
//
//	            client                          server has (I, s, v)
//	a, A = g^a
//	                         I, A →
//	                                            b, B = k·v + g^b
//	                         ← s, B
//	u = H(A | B), x = H(s | H(I | ":" | P))     u = H(A | B)
//	S = (B - k·g^x)^(a + u·x)                   S = (A·v^u)^b
//	K = H(S)                                    K = H(S)
//	                         M1 →
//	                         ← M2
//
// The texts leave open how numbers become octets, and implementations differ.
// Every such rule is a field of a Profile, and two parties must use the same one.
//
// This package has no I/O, no clock, and no randomness that is not passed in.
// What it computes with secrets takes a time that depends only on their lengths,
// with one exception: a Profile of Minimal octets hashes S without its leading
// zeros, and so shows how many there are.
package srp
