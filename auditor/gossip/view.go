// Package gossip compares what others saw of a log with what an auditor audited
// (draft-ietf-keytrans-protocol, "Detecting Forks"): heads and checkpoints that the
// provider signed, its document, and lists of distinguished roots. Two things that
// one log cannot have become evidence.
//
// Whatever is handed in is verified before it is compared or remembered, so that
// only the provider's own signatures cost memory, and of those a bounded number.
// What is not signed by the provider accuses nobody: neither lists of roots, nor
// the word of another auditor.
//
// A Desk is the comparing, for one log. Desks finds the Desk that a Sighting is for.
// Peers exchanges sightings with other auditors, and reads their archives.
package gossip

import (
	"errors"

	"github.com/kith-kt/kith/auditor/archive"
	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/proto/provider"
)

// Errors of this package, found with errors.Is.
var (
	// ErrMalformed is a Sighting that does not parse.
	ErrMalformed = errors.New("malformed sighting")
	// ErrUnknownLog is a Sighting of a log that is not followed.
	ErrUnknownLog = errors.New("sighting of a log that is not followed")
	// ErrSignature is a Sighting of which something is not signed by the keys of
	// the log.
	ErrSignature = errors.New("sighting is not signed by the log")
	// ErrNothing is a View without an audited checkpoint.
	ErrNothing = errors.New("nothing is audited yet")
	// ErrEvidence is evidence that does not hold, or does not concern the log.
	ErrEvidence = errors.New("evidence says nothing about this log")
)

// A View is what an auditor has audited of one log: a watch.Watch.
type View interface {
	// Document returns the pinned provider document and the envelope it came in.
	Document() (*provider.Pinned, []byte)
	// Checkpoint returns the newest signed checkpoint up to which all was audited,
	// nil if there is none.
	Checkpoint() []byte
	// Cosigned returns the newest checkpoint that the auditor cosigned, nil if
	// there is none.
	Cosigned() []byte
	// Archive returns the leaves under Checkpoint.
	Archive() *archive.Archive
}

// A Court keeps what a provider was caught at: a watch.Watch.
type Court interface {
	// Convict keeps evidence that is proved and against the provider of the View,
	// or returns why it is not.
	Convict(file []byte) (watch.Finding, error)
	// Findings returns what was found, oldest first.
	Findings() []watch.Finding
	// Evidence returns the file of a finding, nil if there is none.
	Evidence(id string) ([]byte, error)
}

var (
	_ View  = (*watch.Watch)(nil)
	_ Court = (*watch.Watch)(nil)
)
