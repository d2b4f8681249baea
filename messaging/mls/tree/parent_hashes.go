package tree

import "github.com/kith-kt/kith/messaging/mls/syntax"

// "Parent Hashes" (7.9).

// parentHash is the hash of a ParentHashInput.
func (t *Tree) parentHash(key, parentHash, originalSiblingTreeHash []byte) []byte {
	var w syntax.Writer
	w.Vector(key)
	w.Vector(parentHash)
	w.Vector(originalSiblingTreeHash)
	return t.suite.Hash(w.Bytes())
}
