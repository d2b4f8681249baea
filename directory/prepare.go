package directory

import (
	"io"
	"sync"

	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// A prepared value is a new version with all that can be computed of it before
// it is sequenced: everything that costs.
type prepared struct {
	Value
	leaf wire.PrefixLeaf
}

// A preparer evaluates the VRF and commits to values. It is safe for concurrent
// use; what it works on is the caller's.
type preparer struct {
	config *wire.Configuration
	keys   *Keys
	rand   io.Reader
}

// prepare returns version of label with the given value and a fresh opening.
func (p *preparer) prepare(label []byte, version uint32, value []byte) (*prepared, error) {
	v := &prepared{Value: Value{Label: label, Version: version, Value: value}}
	var err error
	if v.Opening, err = suite.NewOpening(p.rand); err != nil {
		return nil, err
	}
	v.leaf.Commitment, err = suite.Commit(label, version, &wire.UpdateValue{Value: value}, &v.Opening, p.config.Format())
	if err != nil {
		return nil, err
	}
	var input [1 + wire.MaxLabelSize + 4]byte
	v.leaf.VRFOutput = p.keys.VRF.Evaluate(suite.AppendVRFInput(input[:0], label, version))
	return v, nil
}

// A lockedReader lets many goroutines read from one source.
type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return io.ReadFull(l.r, b)
}
