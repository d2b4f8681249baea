// Package treekem is the private half of the ratchet tree of MLS: how a member
// makes fresh keys for its path and tells each subtree what it may know of them,
// and how the others take part (RFC 9420, "Ratchet Tree Evolution" (7.4),
// "Synchronizing Views of the Tree" (7.5), "Update Paths" (7.6)).
//
// The committer works on a clone of the tree to which the proposals are applied:
//
//	made, err := treekem.Create(s, clone, me, leaf, signer, groupID, rand)
//	// … build the provisional GroupContext with clone's root hash …
//	path, err := made.Encrypt(context, added)
//	// made.CommitSecret, made.PathSecret for the Welcomes, made.Private
//
// and every other member on its own:
//
//	received, err := treekem.Merge(s, clone, sender, path, added)
//	private, commitSecret, err := received.Open(mine, context)
//
// A new member gets its keys with FromWelcome. A Private is never changed by any
// of these: each returns a new one, and the old is erased by its owner when the
// epoch is entered.
package treekem

import (
	"errors"
	"fmt"
)

// ErrPath is the class of all errors with which a path is refused.
var ErrPath = errors.New("mls: invalid update path")

var (
	// ErrSender: the path is of a leaf that is not in the tree.
	ErrSender = fmt.Errorf("%w: no such sender", ErrPath)
	// ErrShape: a path has not one node for each of the filtered direct path, or a
	// node has not one ciphertext for each recipient.
	ErrShape = fmt.Errorf("%w: wrong number of nodes or ciphertexts", ErrPath)
	// ErrSource: the leaf node of a path does not say that it comes from a commit.
	ErrSource = fmt.Errorf("%w: leaf node source", ErrPath)
	// ErrKeyReused: a public key of the path is in the tree already, or twice in the
	// path.
	ErrKeyReused = fmt.Errorf("%w: public key used before", ErrPath)
	// ErrParentHash: the leaf node has not the parent hash that the path gives it.
	ErrParentHash = fmt.Errorf("%w: parent hash", ErrPath)
	// ErrKeyMismatch: a private key does not belong to the public key in the tree.
	ErrKeyMismatch = fmt.Errorf("%w: private key does not match", ErrPath)
	// ErrPathSecret: a path secret cannot be decrypted, or is not KDF.Nh bytes.
	ErrPathSecret = fmt.Errorf("%w: path secret", ErrPath)
	// ErrNotRecipient: the path says nothing to this member: it is the sender, was
	// removed, or has no key of the tree.
	ErrNotRecipient = fmt.Errorf("%w: not a recipient", ErrPath)
)
