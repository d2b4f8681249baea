package suite

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/kith-kt/kith/proto/wire"
)

// kc is the key of commitments, the same in both suites ("KT Cipher Suites").
var kc = [16]byte{
	0xd8, 0x21, 0xf8, 0x79, 0x0d, 0x97, 0x70, 0x97, 0x96, 0xb4, 0xd7, 0x90, 0x33, 0x57, 0xc3, 0xf5,
}

// The first blocks of HMAC's two hashes (RFC 2104): the key under each pad.
var innerPad, outerPad = func() (inner, outer [sha256.BlockSize]byte) {
	copy(inner[:], kc[:])
	copy(outer[:], kc[:])
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	return inner, outer
}()

// smallCommitment is the size of the messages that Commit hashes without
// allocating, in bytes: most records are smaller.
const smallCommitment = 2048

var smallBuffers = sync.Pool{New: func() any { return new([smallCommitment]byte) }}

// Commit returns the commitment to a label's value at a version: HMAC(Kc,
// CommitmentValue). Its error is wire.ErrUnencodable, for a label or value
// beyond its bound.
//
// It is run once for every label that is published, so it hashes the key's
// block with the message in one go.
func Commit(label []byte, version uint32, update *wire.UpdateValue, opening *wire.Opening, f wire.Format) (wire.HashValue, error) {
	// The fields, with their length prefixes of 1, 4 and 2 bytes.
	size := sha256.BlockSize + wire.OpeningSize + 1 + len(label) + 4 + 4 + len(update.Value) + 2 + len(update.Suffix.Signature)
	var buffer []byte
	if size <= smallCommitment {
		small := smallBuffers.Get().(*[smallCommitment]byte)
		defer smallBuffers.Put(small)
		buffer = small[:0]
	} else {
		buffer = make([]byte, 0, size)
	}
	value := wire.CommitmentValue{Opening: *opening, Label: label, Version: version, Update: *update}
	m, err := value.Append(append(buffer, innerPad[:]...), f)
	if err != nil {
		return wire.HashValue{}, fmt.Errorf("suite: commitment: %w", err)
	}
	inner := sha256.Sum256(m)
	var outer [sha256.BlockSize + sha256.Size]byte
	copy(outer[:], outerPad[:])
	copy(outer[sha256.BlockSize:], inner[:])
	return sha256.Sum256(outer[:]), nil
}

// NewOpening reads a fresh commitment opening from rand.
func NewOpening(rand io.Reader) (opening wire.Opening, err error) {
	if _, err := io.ReadFull(rand, opening[:]); err != nil {
		return wire.Opening{}, fmt.Errorf("suite: reading randomness: %w", err)
	}
	return opening, nil
}

// VRFInput returns the VRF's input for one label-version pair ("Verifiable
// Random Function"). A label is at most 255 bytes, which every way into the
// program checks; a longer one panics.
func VRFInput(label []byte, version uint32) []byte {
	return AppendVRFInput(make([]byte, 0, 1+len(label)+4), label, version)
}

// AppendVRFInput appends VRFInput(label, version) to b.
func AppendVRFInput(b, label []byte, version uint32) []byte {
	if len(label) > wire.MaxLabelSize {
		panic("suite: VRF input for a label of more than 255 bytes")
	}
	b = append(b, byte(len(label)))
	b = append(b, label...)
	return binary.BigEndian.AppendUint32(b, version)
}
