// Package evidence is the file that shows others what a provider did: one
// canonical, self-contained file of at most 64 KiB, verified offline.
//
// There are two strengths. *Proved* is a contradiction that only holders of the
// provider's keys can have made: nobody need be believed. *Attested* is the signed
// statement of an observer about what it was served, and when by its clock: all in
// it that can be checked is checked, and what it shows must support the claim, but
// the observer is believed for the rest.
//
// A file is, integers big-endian and vectors behind their lengths as in the TLS
// presentation language:
//
//	16  "kith-evidence 1\n"
//	 1  kind
//	    provider document: payload <1..2^16-1>, signatures by its own root keys <..>
//	    body, by kind
//	32  SHA-256 of all that
//
// docs/evidence.md has the bodies byte by byte, and what each proves to whom.
//
// # Who is accused
//
// The provider document inside names a domain, a fingerprint, the key of the audit
// log and the root keys, and is signed by enough of these root keys. But anybody
// can write a document with root keys of their own. So a verdict holds for the
// provider one knows only if it is about keys one knows: see Verdict.Concerns,
// which programs must ask before they act, and people answer by comparing the
// fingerprint and the root keys.
package evidence

import (
	"errors"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// MaxSize is the greatest length of an evidence file, in bytes.
const MaxSize = 64 << 10

// Magic begins every evidence file.
const Magic = "kith-evidence 1\n"

// A Kind says what an evidence file shows.
type Kind uint8

// What evidence can show. All but Stated are proved.
const (
	TwoHeads       Kind = 1  // two signed tree heads of one size and two roots
	TwoCheckpoints Kind = 2  // two signed checkpoints of one size and two roots
	TwoLeaves      Kind = 3  // under two signed checkpoints, two different leaves at one position
	HeadAndLeaf    Kind = 4  // a signed tree head, and the leaf of its last entry with another root
	TwoDocuments   Kind = 5  // two provider documents that cannot both be
	BadLeaf        Kind = 6  // a leaf that does not parse, or is of another position
	BadTimestamps  Kind = 7  // two leaves whose timestamps go back
	EarlyRemoval   Kind = 8  // a leaf of the prefix tree removed before a distinguished entry published it
	BadUpdate      Kind = 9  // an AuditorUpdate that does not lead from one leaf to the next
	BadRoot        Kind = 10 // a leaf whose log tree root does not follow from the leaf before
	HeadsDiverge   Kind = 11 // two signed tree heads, of which the greater does not continue the smaller
	Stated         Kind = 12 // the signed statement of an observer
	// CheckpointsDiverge is two signed checkpoints, of which the greater does not
	// continue the smaller.
	CheckpointsDiverge Kind = 13
)

// Errors of this package, found with errors.Is.
var (
	// ErrMalformed is a file that does not parse, or is not in its one form.
	ErrMalformed = errors.New("not an evidence file")
	// ErrTooLarge is evidence that does not fit in MaxSize.
	ErrTooLarge = errors.New("evidence is larger than 64 KiB")
	// ErrInvalid is a signature or proof inside that does not hold.
	ErrInvalid = errors.New("evidence does not hold")
	// ErrNothing is material that holds, and shows no contradiction.
	ErrNothing = errors.New("evidence shows no contradiction")
	// ErrMissing is evidence that cannot be judged without a part that is not there.
	ErrMissing = errors.New("evidence is not complete")
	// ErrForeign is evidence about another provider than the one asked about.
	ErrForeign = errors.New("evidence is about another provider")
)

// Evidence is one file.
type Evidence struct {
	Kind     Kind
	Document Document
	Body     Body

	// Detached is what has no room in the file: the encoded AuditorUpdate of a
	// BadUpdate, or the leaf of a BadLeaf. It lies beside, in FILE.update, and is no
	// part of Append and Parse. The leaf or its hash commits to it. nil: none.
	Detached []byte
}

// A Body is what a kind of evidence consists of: *TwoHeadsBody and so on.
type Body interface {
	kind() Kind
	encode(w *writer)
	decode(r *reader)
	// verify judges the body under the keys of a document that was verified.
	verify(c *court) error
}

// A Document is a provider document with the signatures by its own root keys.
type Document struct {
	Payload    []byte // its exact bytes
	Signatures []RootSignature
}

// A RootSignature is the signature of a document by one of its root keys.
type RootSignature struct {
	Key       uint8 // index in the document's root_keys; the indexes ascend
	Signature [64]byte
}

// An Included is a leaf of the audit log and the proof that it stands under a
// checkpoint.
type Included struct {
	Leaf  []byte            // as it was served; nil: only its hash is known
	Hash  checkpoint.Hash   // of the leaf; not used if Leaf is there
	Proof []checkpoint.Hash // RFC 6962 inclusion proof, at most 64 hashes
}
