package suite

import (
	"io"

	"github.com/kith-kt/kith/proto/wire"
)

// NewOpening reads a fresh commitment opening from rand.
func NewOpening(rand io.Reader) (wire.Opening, error) { panic("not yet") }

// VRFInput returns the VRF's input for one label-version pair ("Verifiable
// Random Function"). A label is at most 255 bytes, which every way into the
// program checks; a longer one panics.
func VRFInput(label []byte, version uint32) []byte { panic("not yet") }
