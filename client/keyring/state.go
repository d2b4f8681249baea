package keyring

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kith-kt/kith/client"
)

const (
	stateFile = "state"
	markFile  = "high-water"

	maxState = 1 << 30 // bytes
)

// A mark is the size and root of a head, as the high-water file holds it.
type mark struct {
	size uint64
	root [32]byte
}

// State returns the saved state, or a new one if none was ever saved. Damage,
// a missing file and an older file put back are errors.
func (r *Ring) State(log *client.Log) (*client.State, error) {
	path := filepath.Join(r.dir, stateFile)
	high, marked, err := r.mark()
	if err != nil {
		return nil, err
	}
	b, err := readPrivate(path, maxState)
	switch {
	case errors.Is(err, os.ErrNotExist) && !marked:
		return client.NewState(log), nil
	case errors.Is(err, os.ErrNotExist):
		return nil, &Hinted{
			Err:  fmt.Errorf("keyring: %s is missing, though a state of size %d was saved: %w", path, high.size, ErrDamaged),
			Hint: "put it back; to trust this provider anew instead, remove the whole folder " + r.dir,
		}
	case err != nil:
		return nil, err
	}
	state, err := client.ParseState(b, log)
	if err != nil {
		return nil, &Hinted{
			Err:  fmt.Errorf("keyring: %s: %w (%w)", path, ErrDamaged, err),
			Hint: "put back a good copy; to trust this provider anew instead, remove the whole folder " + r.dir,
		}
	}
	if err := above(state, high, marked); err != nil {
		return nil, &Hinted{
			Err:  fmt.Errorf("keyring: %s: %w", path, err),
			Hint: "put the newest state back; an older one cannot tell whether the log was rolled back",
		}
	}
	return state, nil
}

// Save replaces the saved state. It refuses a state whose head is older than
// one saved before, or another of the same size.
func (r *Ring) Save(state *client.State) error {
	high, marked, err := r.mark()
	if err != nil {
		return err
	}
	if err := above(state, high, marked); err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	if err := writePrivate(filepath.Join(r.dir, stateFile), state.Append(nil)); err != nil {
		return err
	}
	now := markOf(state)
	if marked && now == high {
		return nil
	}
	return writePrivate(filepath.Join(r.dir, markFile), fmt.Appendf(nil, "%d %x\n", now.size, now.root))
}

func markOf(state *client.State) (m mark) {
	if head := state.Head(); head != nil {
		m.size, m.root = head.Tree.TreeSize, head.Root
	}
	return m
}

// above checks that a state does not lie below the mark.
func above(state *client.State, high mark, marked bool) error {
	now := markOf(state)
	switch {
	case !marked || now == high || now.size > high.size:
		return nil
	case now.size < high.size:
		return fmt.Errorf("a state of size %d is %w, of size %d", now.size, ErrRollback, high.size)
	}
	return fmt.Errorf("two heads of size %d: %w", now.size, ErrRollback)
}

func (r *Ring) mark() (m mark, marked bool, err error) {
	path := filepath.Join(r.dir, markFile)
	b, err := readPrivate(path, 1<<10)
	if errors.Is(err, os.ErrNotExist) {
		return mark{}, false, nil
	}
	if err != nil {
		return mark{}, false, err
	}
	var root []byte
	if _, err := fmt.Sscanf(string(b), "%d %x\n", &m.size, &root); err != nil || len(root) != len(m.root) ||
		string(b) != fmt.Sprintf("%d %s\n", m.size, hex.EncodeToString(root)) {
		return mark{}, false, fmt.Errorf("keyring: %s: %w", path, ErrDamaged)
	}
	copy(m.root[:], root)
	return m, true, nil
}
