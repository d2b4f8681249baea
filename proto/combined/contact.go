package combined

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// Contact monitors the versions in a label's monitoring map ("Contact
// Algorithm"), whose entries ascend by position. It returns the new map: what is
// still to be monitored, ascending; all of its entries lie on the frontier and
// none is distinguished.
//
// ownerStart is nil for Contact Monitor, and the owner's advertised start when
// the algorithm runs in the context of Owner Monitoring (step 2.4). There an
// entry whose path ends at a distinguished entry is dropped from the map although
// that entry is not inspected here: OwnerMonitor will, now or on a later page.
func (v *View) Contact(entries []wire.MonitorMapEntry, ownerStart *uint64) ([]wire.MonitorMapEntry, error) {
	if err := v.checkMap(entries); err != nil {
		return nil, err
	}
	m := contact{View: v, ownerStart: ownerStart}
	for _, e := range slices.Backward(entries) {
		if err := m.advance(e); err != nil {
			return nil, err
		}
	}
	slices.Reverse(m.kept)
	return m.kept, nil
}

// checkMap checks what a request must say: positions ascend, and neither a
// position nor a version is there twice ("Contact Monitor").
func (v *View) checkMap(entries []wire.MonitorMapEntry) error {
	for i, e := range entries {
		if e.Position >= v.size {
			return fmt.Errorf("%w: monitoring entry %d of %d", ErrRequest, e.Position, v.size)
		}
		if i > 0 && entries[i-1].Position >= e.Position {
			return fmt.Errorf("%w: monitoring map does not ascend at entry %d", ErrRequest, e.Position)
		}
		for _, before := range entries[:i] {
			if before.Version == e.Version {
				return fmt.Errorf("%w: version %d is monitored twice", ErrRequest, e.Version)
			}
		}
	}
	return nil
}

// A contact is one run of the contact algorithm.
type contact struct {
	*View
	ownerStart *uint64
	provided   []wire.MonitorMapEntry // ladders obtained: entry and target version
	kept       []wire.MonitorMapEntry // the new map, descending by position
}

// advance moves one entry of the map along its direct path.
func (m *contact) advance(e wire.MonitorMapEntry) error {
	d, err := m.descend(e.Position)
	if err != nil || d.distinguished { // step 1, and the removal at the end
		return err
	}
	at := e.Position
	var space [treemath.MaxDepth]uint64
	for _, pos := range treemath.AppendDirectPath(space[:0], e.Position, m.size) { // step 2
		if pos < e.Position {
			continue
		}
		final := d.hasRight && pos == d.right
		if final && m.ownerStart != nil && e.Position >= *m.ownerStart {
			break // step 2.4
		}
		if i := slices.IndexFunc(m.provided, func(p wire.MonitorMapEntry) bool { return p.Position == pos }); i >= 0 {
			if m.provided[i].Version > e.Version {
				return nil // step 3.1.1
			}
			return fmt.Errorf("%w: versions %d and %d of the label are monitored out of order at entry %d",
				ErrProof, e.Version, m.provided[i].Version, pos)
		}
		if err := m.monitoringLadder(pos, e.Version); err != nil { // step 3.2
			return err
		}
		m.provided = append(m.provided, wire.MonitorMapEntry{Position: pos, Version: e.Version})
		if at = pos; final {
			break
		}
	}
	if d.hasRight {
		return nil
	}
	return m.keep(wire.MonitorMapEntry{Position: at, Version: e.Version})
}

// keep adds to the new map. An entry that moved may arrive where one further
// right, which had nowhere to move, still stands; the greater version stays, as
// in step 3.1.
func (m *contact) keep(e wire.MonitorMapEntry) error {
	if last := len(m.kept) - 1; last >= 0 && m.kept[last].Position <= e.Position {
		if m.kept[last].Position == e.Position && m.kept[last].Version > e.Version {
			return nil
		}
		return fmt.Errorf("%w: versions %d and %d of the label are monitored out of order at entry %d",
			ErrProof, e.Version, m.kept[last].Version, e.Position)
	}
	m.kept = append(m.kept, e)
	return nil
}

// AddToMap returns a monitoring map with a version proved to exist at a
// position. A position holds the greatest version proved there, and a version
// stands only at the leftmost position it was proved at.
func AddToMap(entries []wire.MonitorMapEntry, position uint64, version uint32) []wire.MonitorMapEntry {
	out := make([]wire.MonitorMapEntry, 0, len(entries)+1)
	e := wire.MonitorMapEntry{Position: position, Version: version}
	for _, old := range entries {
		switch {
		case old.Position == e.Position:
			e.Version = max(e.Version, old.Version)
		case old.Version == e.Version:
			e.Position = min(e.Position, old.Position)
		default:
			out = append(out, old)
		}
	}
	i, _ := slices.BinarySearchFunc(out, e.Position, func(o wire.MonitorMapEntry, pos uint64) int {
		if o.Position < pos {
			return -1
		}
		return 1
	})
	return slices.Insert(out, i, e)
}

// OnPath reports whether pos is entry first or on the direct path of entry
// first. A directory requires it of every entry of a monitoring map, where first
// is the first entry that contains the version ("Contact Monitor").
func OnPath(pos, first uint64) bool {
	below := uint64(1)<<treemath.Level(pos) - 1 // reach of pos's subtrees to either side
	return pos-below <= first && first <= pos+below
}
