package directory

import (
	"fmt"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// An answer is one response in the making: a snapshot, the head it is answered
// from, and the proof. It is released at the end.
type answer struct {
	directory *Directory
	snap      Snapshot
	served    servedHead
	last      uint64 // what the user advertised; 0: nothing
	label     []byte // nil: the operation has none
	proofs    labelProofs

	record *combined.Record
	view   *combined.View
}

// begin takes a snapshot and brings the user's view up to it.
func (d *Directory) begin(last *uint64, label []byte) (*answer, error) {
	snap, err := d.seq.Snapshot()
	if err != nil {
		return nil, err
	}
	a, err := d.beginAt(snap, last, label)
	if err != nil {
		snap.Release()
		return nil, err
	}
	return a, nil
}

func (d *Directory) beginAt(snap Snapshot, last *uint64, label []byte) (*answer, error) {
	served, err := d.serve(snap)
	if err != nil {
		return nil, err
	}
	a := &answer{directory: d, snap: snap, served: served, label: label}
	a.proofs = labelProofs{cache: d.proofs, label: label}
	if last != nil {
		if *last == 0 {
			return nil, fmt.Errorf("%w: no head has size 0", problem.ErrMalformed)
		}
		if *last > served.head.TreeSize {
			return nil, fmt.Errorf("%w: the log has %d entries, not %d", problem.ErrRefused, served.head.TreeSize, *last)
		}
		a.last = *last
	}
	return a, nil
}

func (a *answer) release() { a.snap.Release() }

// size is that of the tree answered for.
func (a *answer) size() uint64 { return a.served.head.TreeSize }

// update runs the algorithm that updates the user's view, which comes first in
// every proof.
func (a *answer) update() (err error) {
	a.record = combined.NewRecord(a.snap, a.size(), a.last, a.proofs.output)
	a.view, err = a.record.View(a.directory.params)
	return err
}

// head is the FullTreeHead of the response ("Full Tree Head Verification").
func (a *answer) head() wire.FullTreeHead {
	if a.last == a.size() {
		return wire.FullTreeHead{HeadType: wire.HeadSame}
	}
	return wire.FullTreeHead{HeadType: wire.HeadUpdated, TreeHead: a.served.head, AuditorTreeHead: a.served.auditor}
}

// finish completes the proof.
func (a *answer) finish() (*wire.CombinedTreeProof, error) {
	var auditor uint64
	if a.served.auditor != nil && a.last != a.size() {
		auditor = a.served.auditor.TreeSize
	}
	return a.record.Finish(auditor)
}

// greatestAt is the directory's combined.GreatestAt: the index of the label.
func (a *answer) greatestAt(pos uint64) (uint32, bool, error) {
	n, err := a.snap.Versions(a.label, pos+1)
	if err != nil || n == 0 {
		return 0, false, err
	}
	return n - 1, true, nil
}

// index returns greatestAt in the shape that the algorithms take, and a place
// where its error is found afterwards.
func (a *answer) index() (combined.GreatestAt, *error) {
	fault := new(error)
	return func(pos uint64) (uint32, bool) {
		version, exists, err := a.greatestAt(pos)
		if err != nil {
			*fault = err
		}
		return version, exists
	}, fault
}

// place returns where a version of the label was created.
func (a *answer) place(version uint32) (Place, error) {
	places, err := a.snap.Places(a.label, version, version+1)
	if err != nil {
		return Place{}, err
	}
	if len(places) != 1 {
		return Place{}, fmt.Errorf("%w: version %d", ErrNotFound, version)
	}
	return places[0], nil
}

// value returns a version of the label, or ErrErased.
func (a *answer) value(version uint32) (*Value, error) {
	place, err := a.place(version)
	if err != nil {
		return nil, err
	}
	return a.snap.Value(a.label, version, place)
}

// steps returns the BinaryLadderStep of each version; given says which ones come
// with their commitment, and all of these exist.
func (a *answer) steps(versions []uint32, given func(version uint32) bool) ([]wire.BinaryLadderStep, error) {
	steps := make([]wire.BinaryLadderStep, len(versions))
	for i, v := range versions {
		p := a.proofs.get(v)
		steps[i].Proof = append([]byte(nil), p.proof[:p.size]...)
		if !given(v) {
			continue
		}
		commitment, ok := a.record.Commitment(v)
		if !ok {
			var err error
			commitment, ok, err = prefixtree.NewSearch(a.snap, a.size()-1).Lookup(p.output)
			if err != nil {
				return nil, err
			}
			if !ok {
				return nil, fmt.Errorf("%w: version %d of a label is not in the prefix tree", ErrCorrupt, v)
			}
		}
		steps[i].Commitment = &commitment
	}
	return steps, nil
}

func deref(v *uint32) (uint32, bool) {
	if v == nil {
		return 0, false
	}
	return *v, true
}
