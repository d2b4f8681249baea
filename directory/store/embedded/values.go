package embedded

import (
	"encoding/binary"
	"fmt"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/wire"
)

// A stored value is a kind byte, then for a live one the opening, the length of
// the suffix (uvarint), the suffix and the value; nothing for an erased one.
const (
	kindLive   = 1
	kindErased = 2
)

func valueKey(at directory.Place) []byte {
	key := make([]byte, 9)
	binary.BigEndian.PutUint64(key, at.Position)
	key[8] = at.Index
	return key
}

func appendValue(b []byte, v *directory.Value) []byte {
	b = append(b, kindLive)
	b = append(b, v.Opening[:]...)
	b = binary.AppendUvarint(b, uint64(len(v.Suffix)))
	b = append(b, v.Suffix...)
	return append(b, v.Value...)
}

// parseValue fills v from b, without copying.
func parseValue(b []byte, at directory.Place, v *directory.Value) error {
	if len(b) == 1 && b[0] == kindErased {
		return directory.ErrErased
	}
	if len(b) > 1+wire.OpeningSize && b[0] == kindLive {
		rest := b[1+copy(v.Opening[:], b[1:]):]
		if n, k := binary.Uvarint(rest); k > 0 && n <= uint64(len(rest)-k) {
			v.Suffix, v.Value = rest[k:k+int(n)], rest[k+int(n):]
			return nil
		}
	}
	return fmt.Errorf("%w: values: entry %d, index %d does not parse", directory.ErrCorrupt, at.Position, at.Index)
}
