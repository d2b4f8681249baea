package schedule

import (
	"bytes"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// versionMLS10 is the ProtocolVersion mls10.
const versionMLS10 = 1

// GroupContext summarizes the state of a group in one epoch ("Group Context"
// (8.1)). All keys of the epoch depend on all of it. Its protocol version is
// always MLS 1.0.
type GroupContext struct {
	CipherSuite             suite.ID
	GroupID                 []byte
	Epoch                   uint64
	TreeHash                []byte // of the ratchet tree's root
	ConfirmedTranscriptHash []byte // empty in epoch 0
	Extensions              tree.Extensions
}

// Marshal writes the GroupContext.
func (c *GroupContext) Marshal(w *syntax.Writer) {
	w.Uint16(versionMLS10)
	w.Uint16(uint16(c.CipherSuite))
	w.Vector(c.GroupID)
	w.Uint64(c.Epoch)
	w.Vector(c.TreeHash)
	w.Vector(c.ConfirmedTranscriptHash)
	c.Extensions.Marshal(w)
}

// Unmarshal reads a GroupContext. It fails with ErrVersion for another protocol
// version; a cipher suite that is not known is left to the caller.
func (c *GroupContext) Unmarshal(r *syntax.Reader) {
	if version := r.Uint16(); version != versionMLS10 {
		r.Fail(ErrVersion)
	}
	c.CipherSuite = suite.ID(r.Uint16())
	c.GroupID = r.Vector()
	c.Epoch = r.Uint64()
	c.TreeHash = r.Vector()
	c.ConfirmedTranscriptHash = r.Vector()
	c.Extensions.Unmarshal(r)
}

// Copy returns the GroupContext in memory of its own.
func (c *GroupContext) Copy() *GroupContext {
	d := *c
	d.GroupID, d.TreeHash = bytes.Clone(c.GroupID), bytes.Clone(c.TreeHash)
	d.ConfirmedTranscriptHash = bytes.Clone(c.ConfirmedTranscriptHash)
	d.Extensions = c.Extensions.Copy()
	return &d
}

// Bytes returns the encoding, the form in which key derivation, HPKE and
// signatures take a GroupContext.
func (c *GroupContext) Bytes() []byte { return syntax.Marshal(c) }
