package combined

import (
	"fmt"

	"github.com/kith-kt/kith/proto/treemath"
)

// Greatest searches for the greatest version of a label, which is claimed to be
// version ("Greatest-Version Search", "Algorithm"). It returns the terminal
// entry of the search: the leftmost entry inspected that contains the version.
func (v *View) Greatest(version uint32) (terminal uint64, err error) {
	pos, ok := v.RightmostDistinguished()
	if !ok {
		pos = treemath.Root(v.size)
	}
	for found := false; ; {
		outcome, err := v.searchLadder(pos, version, true)
		if err != nil {
			return 0, err
		}
		if outcome > 0 {
			return 0, fmt.Errorf("%w: a version greater than %d is in entry %d", ErrProof, version, pos)
		}
		if outcome == 0 && !found {
			terminal, found = pos, true
		}
		next, ok := treemath.Right(pos, v.size)
		if ok {
			pos = next
			continue
		}
		if outcome != 0 {
			return 0, fmt.Errorf("%w: version %d is not in the rightmost entry", ErrProof, version)
		}
		return terminal, nil
	}
}
