package gossip

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"sync"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

// A log is what verifies the signatures of one log: the parsed form of a provider
// document.
type log struct {
	envelope    []byte
	pinned      *provider.Pinned
	fingerprint provider.Fingerprint
	verifier    *checkpoint.Verifier
	configs     []*wire.Configuration // the former ones, then the one of today
}

func newLog(p *provider.Pinned, envelope []byte) (*log, error) {
	l := &log{envelope: envelope, pinned: p}
	var err error
	if l.verifier, err = checkpoint.NewVerifier(p.Document.AuditLog.Key); err != nil {
		return nil, err
	}
	for _, b := range append(append([][]byte{}, former(p.Document)...), p.Document.Configuration) {
		c, err := wire.ParseConfiguration(b, wire.Format{})
		if err != nil {
			return nil, err
		}
		l.configs = append(l.configs, c)
	}
	l.fingerprint = provider.FingerprintOf(l.config())
	return l, nil
}

func former(d *provider.Document) (out [][]byte) {
	for _, b := range d.Former {
		out = append(out, b)
	}
	return out
}

// config is the Configuration of today's heads.
func (l *log) config() *wire.Configuration { return l.configs[len(l.configs)-1] }

// sameRoots reads an envelope whose document is of the same domain and has the same
// root keys as the log's, and so is signed by them. Its version may be older or
// newer, or the same. It returns nil for every other one.
func (l *log) sameRoots(envelope []byte) *provider.Pinned {
	if bytes.Equal(envelope, l.envelope) {
		return l.pinned
	}
	p, err := provider.Reopen(envelope)
	if err != nil || p.Document.Domain != l.pinned.Document.Domain {
		return nil
	}
	ours, theirs := l.pinned.Document.Roots(), p.Document.Roots()
	if ours.Threshold != theirs.Threshold || !slices.EqualFunc(ours.Keys, theirs.Keys, func(a, b ed25519.PublicKey) bool { return bytes.Equal(a, b) }) {
		return nil
	}
	return p
}

// audited is an audited checkpoint of a View.
type audited struct {
	note   []byte // with nothing but the log's signature
	signed *checkpoint.Signed
	last   checkpoint.Leaf // of the rightmost entry
}

// A standing caches what is parsed of a View.
type standing struct {
	view View

	mu      sync.Mutex
	log     *log
	note    []byte // as the View had it
	audited *audited
}

// logOf returns the log of the View's document.
func (s *standing) logOf() (*log, error) {
	p, envelope := s.view.Document()
	if p == nil {
		return nil, ErrNothing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.log != nil && bytes.Equal(s.log.envelope, envelope) {
		return s.log, nil
	}
	l, err := newLog(p, envelope)
	if err != nil {
		return nil, err
	}
	s.log = l
	return l, nil
}

// auditedOf returns the newest audited checkpoint, or ErrNothing.
func (s *standing) auditedOf(l *log) (*audited, error) {
	note := s.view.Checkpoint()
	if note == nil {
		return nil, ErrNothing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.audited != nil && bytes.Equal(s.note, note) {
		return s.audited, nil
	}
	signed, err := l.verifier.Open(note)
	if err != nil {
		return nil, err
	}
	if signed.Size == 0 {
		return nil, ErrNothing
	}
	a := &audited{signed: signed}
	if a.note, err = bare(note, l.verifier); err != nil {
		return nil, err
	}
	if a.last, err = s.view.Archive().Leaf(signed.Size - 1); err != nil {
		return nil, err
	}
	s.note, s.audited = note, a
	return a, nil
}

// bare returns a signed checkpoint without signatures by other keys: they may be
// many, and prove nothing against the log.
func bare(msg []byte, v *checkpoint.Verifier) ([]byte, error) {
	at := bytes.LastIndex(msg, []byte("\n\n")) + 2
	if at < 2 {
		return nil, fmt.Errorf("%w: checkpoint", ErrMalformed)
	}
	for line := range bytes.Lines(msg[at:]) {
		one := append(bytes.Clone(msg[:at]), line...)
		if _, err := v.Open(one); err == nil {
			return one, nil
		}
	}
	return nil, fmt.Errorf("%w: checkpoint", ErrSignature)
}
