package combined

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// A Source answers an algorithm's questions, in the order they are asked.
//
// A View asks for the timestamp of an entry at most once, never for one the user
// retained, and always before it looks versions up there.
type Source interface {
	// Timestamp returns the creation time of log entry pos, in ms since the Unix epoch.
	Timestamp(pos uint64) (ms uint64, err error)
	// Lookups looks versions up in the prefix tree of entry pos, in order, until done reports true.
	// It returns whether each version that was looked up is included; the slice is valid until the
	// next call. Every call is one PrefixProof, even without versions.
	Lookups(pos uint64, versions []uint32, done func(version uint32, included bool) bool) ([]bool, error)
}

// The ways an algorithm ends without success.
var (
	// ErrProof is a proof, or a directory's tree, that does not add up.
	ErrProof = errors.New("combined tree proof does not add up")
	// ErrSource is a directory that could not read its own tree.
	ErrSource = errors.New("combined tree could not be read")
	// ErrNotFound is a version of a label that does not exist.
	ErrNotFound = errors.New("requested version of the label does not exist")
	// ErrExpired is a version of a label that was last the greatest beyond the maximum lifetime.
	ErrExpired = errors.New("requested version of the label is expired")
	// ErrRequest is an argument of a request that the algorithm does not take: a start that is not
	// distinguished, a monitoring map out of order, a position beyond the tree.
	ErrRequest = errors.New("not a request this tree can answer")
)

// Params are the fields of a log's Configuration that algorithms depend on.
type Params struct {
	ReasonableMonitoringWindow uint64 // ms
	MaximumLifetime            uint64 // ms; 0: none defined
}

// ParamsOf returns the parameters in a Configuration.
func ParamsOf(c *wire.Configuration) Params {
	p := Params{ReasonableMonitoringWindow: c.ReasonableMonitoringWindow}
	if c.MaximumLifetime != nil {
		p.MaximumLifetime = *c.MaximumLifetime
	}
	return p
}

// CheckParams checks the MUST of "Maximum Lifetime": a maximum lifetime that is
// defined is greater than zero and than the Reasonable Monitoring Window.
func CheckParams(c *wire.Configuration) error {
	if l := c.MaximumLifetime; l != nil && *l <= c.ReasonableMonitoringWindow {
		return fmt.Errorf("%w: maximum lifetime of %d ms with a monitoring window of %d ms", ErrRequest, *l, c.ReasonableMonitoringWindow)
	}
	return nil
}

// Retained is what a user keeps of the newest tree head it verified
// ("Updating Views of the Tree", "Algorithm").
type Retained struct {
	Size         uint64           // number of log entries; 0: no head was ever verified
	FullSubtrees []wire.HashValue // of a log tree of Size entries, left to right
	Frontier     []wire.LogEntry  // the entries at treemath.Frontier(Size), root first
}

// MaxSize bounds the sizes that this package handles.
const MaxSize = 1 << 62

// A GreatestAt tells the greatest version of a label that exists in the prefix
// tree of a log entry, or false if no version does. A directory has it from its
// index of the label, an owner from its History.
type GreatestAt func(pos uint64) (version uint32, exists bool)

// A History is what an owner knows of its label: Version is the greatest from
// log entry Position on, until the next element. Positions and versions ascend
// strictly. It need not reach back beyond the owner's start.
type History []wire.MonitorMapEntry

// At is a GreatestAt.
func (h History) At(pos uint64) (version uint32, exists bool) {
	for i := len(h) - 1; i >= 0; i-- {
		if h[i].Position <= pos {
			return h[i].Version, true
		}
	}
	return 0, false
}
