// Package gossip is what clients and auditors hand each other, so that a provider
// cannot show them different logs unnoticed (draft-ietf-keytrans-protocol,
// "Detecting Forks").
//
// A Sighting is what somebody saw of a log: signed tree heads, signed checkpoints,
// and the roots at its recent distinguished entries. It is posted anonymously; all
// that counts in it is signed by the provider, save for the list of roots, which
// only shows where it is worth looking. An Answer is an auditor's: how far it has
// audited, its own roots, and whether the two agree, with evidence if they do not.
//
// Messages are in the TLS presentation language, each with one encoding:
//
//	opaque Opaque<0..2^24-1>;
//
//	struct {
//	  uint64 tree_size;
//	  opaque root[32];
//	  opaque signature<1..2^8-1>;
//	} SignedHead;
//
//	struct {
//	  uint8 version = 1;
//	  opaque fingerprint[32];
//	  Opaque document;              // signed provider document, may be empty
//	  SignedHead heads<0..16>;      // counts of one byte
//	  HashValue distinguished<0..10>;
//	  Opaque checkpoints<0..4>;     // signed notes, none of them empty
//	} Sighting;
//
//	struct {
//	  uint8 version = 1;
//	  uint64 size;                  // of the log as far as it is audited
//	  uint64 timestamp;             // of its last entry, in ms
//	  HashValue root;               // of the log tree
//	  HashValue distinguished<0..10>;
//	  enum { agrees(1), not_yet(2), contradicts(3) } verdict;
//	  Opaque evidence;              // a file of package evidence, or empty
//	  Opaque cosigned;              // the newest checkpoint the auditor cosigned, or empty
//	} Answer;
package gossip

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// MediaType is the media type of both messages over HTTP.
const MediaType = "application/vnd.kith.gossip-1"

// Bounds of the messages, in bytes.
const (
	MaxSighting = 128 << 10
	MaxAnswer   = evidence.MaxSize + 128<<10 + 4096
)

// Bounds of the lists.
const (
	MaxHeads         = 16
	MaxDistinguished = 10
	MaxCheckpoints   = 4
	MaxSignature     = 255 // bytes
)

// ErrMalformed is a message that does not parse, or is not in its one form.
var ErrMalformed = errors.New("malformed gossip")

// ErrSignature is a head that the log's signature key did not sign.
var ErrSignature = errors.New("tree head is not signed by the log")

// A Sighting is what somebody saw of a log.
type Sighting struct {
	Document      []byte               // signed provider document as it was pinned; empty: the auditor knows it
	Fingerprint   provider.Fingerprint // of the log
	Heads         []evidence.SignedHead
	Distinguished []wire.HashValue // roots of the log at its rightmost distinguished entries, left to right
	Checkpoints   [][]byte         // signed checkpoints of the audit log
}

// A Verdict says how what was handed in compares with what an auditor audited.
type Verdict uint8

// The verdicts.
const (
	Agrees      Verdict = 1 // all of it is of the audited log
	NotYet      Verdict = 2 // some of it lies beyond what is audited, and is kept to be compared
	Contradicts Verdict = 3 // it is not, or the provider was convicted before: see Answer.Evidence
)

// String returns the word for a verdict: "not-yet".
func (v Verdict) String() string {
	switch v {
	case Agrees:
		return "agrees"
	case NotYet:
		return "not-yet"
	case Contradicts:
		return "contradicts"
	}
	return fmt.Sprintf("verdict-%d", uint8(v))
}

// An Answer is what an auditor answers to a Sighting.
type Answer struct {
	Size, Timestamp uint64           // how far it has audited: entries, and the last one's timestamp in ms
	Root            wire.HashValue   // of the log tree of Size entries
	Distinguished   []wire.HashValue // its own, as many as were handed in
	Verdict         Verdict
	Evidence        []byte // a file of package evidence: with Contradicts
	Cosigned        []byte // the newest checkpoint that it cosigned
}

// VerifyHeads verifies that the signature key of the log signed every head, under
// one of its Configurations. Nothing else in a Sighting is judged.
func (s *Sighting) VerifyHeads(configs ...*wire.Configuration) error {
	for i := range s.Heads {
		if err := VerifyHead(&s.Heads[i], configs...); err != nil {
			return fmt.Errorf("head %d: %w", i, err)
		}
	}
	return nil
}

// VerifyHead verifies that a head is signed under one of the Configurations of a
// log, which differ in their auditors only.
func VerifyHead(h *evidence.SignedHead, configs ...*wire.Configuration) error {
	for _, c := range configs {
		if h.Size > 0 && suite.VerifyTreeHead(c, &wire.TreeHead{TreeSize: h.Size, Signature: h.Signature}, h.Root) == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: size %d", ErrSignature, h.Size)
}
