package message

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// The bodies of proposals, without their type.

// Marshal writes the body.
func (p *Add) Marshal(w *syntax.Writer) { p.KeyPackage.Marshal(w) }

// Unmarshal reads the body.
func (p *Add) Unmarshal(r *syntax.Reader) {
	p.KeyPackage = new(KeyPackage)
	p.KeyPackage.Unmarshal(r)
}

// Marshal writes the body.
func (p *Update) Marshal(w *syntax.Writer) { p.LeafNode.Marshal(w) }

// Unmarshal reads the body.
func (p *Update) Unmarshal(r *syntax.Reader) {
	p.LeafNode = new(tree.LeafNode)
	p.LeafNode.Unmarshal(r)
}

// Marshal writes the body.
func (p *Remove) Marshal(w *syntax.Writer) { w.Uint32(uint32(p.Removed)) }

// Unmarshal reads the body.
func (p *Remove) Unmarshal(r *syntax.Reader) { p.Removed = tree.LeafIndex(r.Uint32()) }

// Marshal writes the body.
func (p *PreSharedKey) Marshal(w *syntax.Writer) { p.PSK.Marshal(w) }

// Unmarshal reads the body.
func (p *PreSharedKey) Unmarshal(r *syntax.Reader) { p.PSK.Unmarshal(r) }

// Marshal writes the body.
func (p *ReInit) Marshal(w *syntax.Writer) {
	w.Vector(p.GroupID)
	w.Uint16(uint16(p.Version))
	w.Uint16(uint16(p.CipherSuite))
	p.Extensions.Marshal(w)
}

// Unmarshal reads the body.
func (p *ReInit) Unmarshal(r *syntax.Reader) {
	p.GroupID = r.Vector()
	p.Version = tree.ProtocolVersion(r.Uint16())
	p.CipherSuite = suite.ID(r.Uint16())
	p.Extensions.Unmarshal(r)
}

// Marshal writes the body.
func (p *ExternalInit) Marshal(w *syntax.Writer) { w.Vector(p.KEMOutput) }

// Unmarshal reads the body.
func (p *ExternalInit) Unmarshal(r *syntax.Reader) { p.KEMOutput = r.Vector() }

// Marshal writes the body.
func (p *GroupContextExtensions) Marshal(w *syntax.Writer) { p.Extensions.Marshal(w) }

// Unmarshal reads the body.
func (p *GroupContextExtensions) Unmarshal(r *syntax.Reader) { p.Extensions.Unmarshal(r) }

// Marshal writes the body, which is empty.
func (*SelfRemove) Marshal(*syntax.Writer) {}

// Unmarshal reads the body, which is empty.
func (*SelfRemove) Unmarshal(*syntax.Reader) {}

// AppDataUpdateOperation.
const (
	opUpdate = 1
	opRemove = 2
)

// Marshal writes the body.
func (p *AppDataUpdate) Marshal(w *syntax.Writer) {
	w.Uint16(uint16(p.Component))
	if p.Remove {
		w.Uint8(opRemove)
		return
	}
	w.Uint8(opUpdate)
	w.Vector(p.Update)
}

// Unmarshal reads the body.
func (p *AppDataUpdate) Unmarshal(r *syntax.Reader) {
	*p = AppDataUpdate{Component: component.ID(r.Uint16())}
	switch r.Uint8() {
	case opUpdate:
		p.Update = r.Vector()
	case opRemove:
		p.Remove = true
	default:
		r.Fail(fmt.Errorf("app_data_update: op: %w", syntax.ErrValue))
	}
}

// Marshal writes the body.
func (p *AppEphemeral) Marshal(w *syntax.Writer) {
	w.Uint16(uint16(p.Component))
	w.Vector(p.Data)
}

// Unmarshal reads the body.
func (p *AppEphemeral) Unmarshal(r *syntax.Reader) {
	*p = AppEphemeral{component.ID(r.Uint16()), r.Vector()}
}

// Marshal writes the body.
func (p *Unknown) Marshal(w *syntax.Writer) { w.Vector(p.Data) }

// Unmarshal reads the body. The type stays as it is.
func (p *Unknown) Unmarshal(r *syntax.Reader) { p.Data = r.Vector() }
