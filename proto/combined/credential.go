package combined

import (
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// StandardCredential checks the binary ladder of a standard credential
// ("Credentials", "Standard", step 1): that version is the greatest that exists.
// It returns the prefix tree root that the ladder is from, which the caller
// compares with the distinguished entry it retained (step 2).
func StandardCredential(version uint32, known []Known, ladder *wire.PrefixProof) (wire.HashValue, error) {
	// A tree of one entry in which nothing but this ladder is asked for.
	proof := wire.CombinedTreeProof{Timestamps: []uint64{0}, PrefixProofs: []wire.PrefixProof{*ladder}}
	replay, err := NewReplay(&proof, 1, nil, known)
	if err != nil {
		return wire.HashValue{}, err
	}
	view, err := replay.View(Params{})
	if err != nil {
		return wire.HashValue{}, err
	}
	if err := view.expectGreatest(0, version, true, false); err != nil {
		return wire.HashValue{}, err
	}
	return replay.leaves[0].entry.PrefixTree, nil
}

// StandardLadder is the directory's or the sender's side of StandardCredential:
// the search binary ladder for version from the prefix tree of entry pos.
func StandardLadder(tree Tree, pos uint64, version uint32, outputs func(version uint32) (wire.VRFOutput, error)) (*wire.PrefixProof, error) {
	r := NewRecord(tree, pos+1, 0, outputs)
	v := newView(r, Params{}, pos+1)
	v.stamps = append(v.stamps, stamp{pos: pos}) // no timestamp is wanted
	if err := v.expectGreatest(pos, version, true, false); err != nil {
		return nil, err
	}
	return &r.proof.PrefixProofs[0], nil
}

// Provisional is the search of a provisional credential that rests on the
// distinguished entry at position ("Provisional", initial verification, steps 1
// and 2): a greatest-version search whose terminal entry, which is returned, must
// be to the right of position.
func (v *View) Provisional(version uint32, position uint64) (terminal uint64, err error) {
	if v.size <= position {
		return 0, fmt.Errorf("%w: tree of size %d for a credential at entry %d", ErrProof, v.size, position)
	}
	terminal, err = v.Greatest(version)
	if err == nil && terminal <= position {
		return 0, fmt.Errorf("%w: a standard credential exists at entry %d", ErrProof, position)
	}
	return terminal, err
}

// CredentialUpdate follows the monitoring path from the terminal entry of a
// provisional credential's search to the rightmost entry of this view, which is
// the distinguished entry that settles it ("Provisional", final verification).
// It is part of a CredentialUpdate in Contact Monitoring mode only.
//
// In a tree that ends with it, that entry may not be distinguished yet; the path
// leads to it all the same, unless it ends at a distinguished one before.
func (v *View) CredentialUpdate(terminal uint64, version uint32) error {
	rest, err := v.Contact([]wire.MonitorMapEntry{{Position: terminal, Version: version}}, nil)
	if err != nil {
		return err
	}
	if len(rest) > 0 && rest[0].Position != v.size-1 {
		return fmt.Errorf("%w: monitoring from entry %d ended at entry %d of %d", ErrProof, terminal, rest[0].Position, v.size)
	}
	return nil
}
