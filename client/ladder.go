package client

import (
	"cmp"
	"slices"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// ladder verifies the VRF proofs of a binary_ladder, one for each version in
// order, and returns what is then known of these versions.
func (l *Log) ladder(label string, versions []uint32, steps []wire.BinaryLadderStep) ([]combined.Known, error) {
	if len(steps) != len(versions) {
		return nil, misbehaved(BadProof, nil, "the binary ladder has %d steps, not %d", len(steps), len(versions))
	}
	known := make([]combined.Known, len(versions))
	for i, version := range versions {
		output, err := l.vrf.Verify(suite.VRFInput([]byte(label), version), steps[i].Proof)
		if err != nil {
			return nil, misbehaved(BadProof, err, "the VRF proof for version %d does not hold", version)
		}
		known[i] = combined.Known{Version: version, Output: output, Commitment: steps[i].Commitment}
	}
	return known, nil
}

// commit verifies a value's suffix ("users MUST successfully verify this
// signature before consuming UpdateValue.value") and computes its commitment.
func (l *Log) commit(label string, version uint32, value *wire.UpdateValue, opening *wire.Opening) (wire.HashValue, error) {
	if err := suite.VerifyUpdate(&l.config, []byte(label), version, value); err != nil {
		return wire.HashValue{}, misbehaved(BadSignature, err, "the operator's signature of version %d does not hold", version)
	}
	commitment, err := suite.Commit([]byte(label), version, value, opening, l.format)
	if err != nil {
		return wire.HashValue{}, argument(err)
	}
	return commitment, nil
}

// merge adds what was learned to an owner's steps: outputs of new versions, and
// commitments of versions that were not known to exist. Two outputs for one
// version, or two commitments, are a finding.
func merge(steps []Step, learned []combined.Known) ([]Step, error) {
	merged := slices.Clone(steps)
	for _, k := range learned {
		i, found := slices.BinarySearchFunc(merged, k.Version, func(s Step, v uint32) int { return cmp.Compare(s.Version, v) })
		if !found {
			merged = slices.Insert(merged, i, Step(k))
			continue
		}
		old := &merged[i]
		if old.Output != k.Output {
			return nil, misbehaved(BadProof, nil, "version %d has two VRF outputs", k.Version)
		}
		if old.Commitment == nil {
			old.Commitment = k.Commitment
		} else if k.Commitment != nil && *old.Commitment != *k.Commitment {
			return nil, misbehaved(Rewritten, nil, "version %d of the label has another value than before", k.Version)
		}
	}
	return merged, nil
}

// asKnown returns an owner's steps in the form that verification takes, which
// sorts and keeps its own slice.
func asKnown(steps []Step) []combined.Known {
	known := make([]combined.Known, len(steps))
	for i, s := range steps {
		known[i] = combined.Known(s)
	}
	return known
}

// prune drops what an owner will not need again: elements of the history that
// Verified has overtaken, and steps of versions in no ladder to come.
func (o *Owned) prune() {
	for len(o.History) > 1 && o.History[1].Position <= o.Verified {
		o.History = o.History[1:]
	}
	needed := map[uint32]bool{0: true}
	for _, entries := range [][]wire.MonitorMapEntry{o.History, o.Monitor} {
		for _, e := range entries {
			for _, v := range treemath.BaseLadder(e.Version) {
				needed[v] = true
			}
		}
	}
	o.Steps = slices.DeleteFunc(slices.Clone(o.Steps), func(s Step) bool { return !needed[s.Version] })
}

// prune drops the steps of versions in no monitoring ladder to come.
func (c *Contact) prune() {
	needed := map[uint32]bool{}
	for _, e := range c.Monitor {
		for _, v := range treemath.MonitoringLadder(e.Version) {
			needed[v] = true
		}
	}
	c.Steps = slices.DeleteFunc(slices.Clone(c.Steps), func(s Step) bool { return !needed[s.Version] })
}
