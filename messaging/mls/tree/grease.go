package tree

import (
	"io"
	"slices"
)

// "GREASE" (13.5): values that nobody supports, sent so that everybody stays able
// to ignore what is new.

// IsGREASE reports whether v is one of the 15 values that every registry keeps
// free for GREASE. It is for those who send such values, and for their own lists
// of what they support: nothing treats a received one differently from any other
// unknown value.
func IsGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff && v != 0xfafa }

// AddGREASE returns c with a GREASE value at a random place in each list that may
// have some: cipher suites, extensions, proposals, credentials. rand is read for
// eight bytes.
func (c *Capabilities) AddGREASE(rand io.Reader) (Capabilities, error) {
	var b [8]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return Capabilities{}, err
	}
	return Capabilities{
		Versions:     c.Versions,
		CipherSuites: grease(c.CipherSuites, b[0], b[1]),
		Extensions:   grease(c.Extensions, b[2], b[3]),
		Proposals:    grease(c.Proposals, b[4], b[5]),
		Credentials:  grease(c.Credentials, b[6], b[7]),
	}, nil
}

func grease[T ~uint16](list []T, value, place byte) []T {
	v := T(value%15)<<4 | 0x0a
	return slices.Insert(slices.Clone(list), int(place)%(len(list)+1), v<<8|v)
}

// WithoutGREASE returns what of c a client can really support, which is what it
// has to compare with the capabilities of others.
func (c *Capabilities) WithoutGREASE() Capabilities {
	return Capabilities{
		Versions:     c.Versions,
		CipherSuites: ungrease(c.CipherSuites),
		Extensions:   ungrease(c.Extensions),
		Proposals:    ungrease(c.Proposals),
		Credentials:  ungrease(c.Credentials),
	}
}

// SupportsGroup returns ErrUnsupported unless a client whose own capabilities these are
// supports what the extensions of a GroupContext ask for ("Extensions" (13.4)). GREASE
// among them is nothing that it supports.
func (c *Capabilities) SupportsGroup(extensions Extensions) error {
	needs, err := extensions.needs()
	if err != nil {
		return err
	}
	own := c.WithoutGREASE()
	return needs.check(&own)
}

func ungrease[T ~uint16](list []T) []T {
	return slices.DeleteFunc(append([]T{}, list...), func(v T) bool { return IsGREASE(uint16(v)) })
}
