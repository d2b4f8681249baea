package wire_test

// A counting chooser gives every octet a value that tells where it stands, and
// goes through the cases of enums in turn: vectors that people read.
type counting struct {
	seed     uint64
	elements int  // of a vector
	none     bool // no optional value is present
	largest  bool // integers are as large as they can be
	n        uint64
	picks    int
}

func (c *counting) uint(bits int) uint64 {
	if c.largest {
		return 1<<bits - 1
	}
	c.n++
	v := c.seed<<8 + c.n
	if bits == 64 {
		v += 1_700_000_000_000
	}
	return v & (1<<bits - 1)
}

func (c *counting) pick(n int) int {
	c.picks++
	return (int(c.seed) + c.picks) % n
}

func (c *counting) present() bool { return !c.none && c.pick(4) > 0 }

func (c *counting) bytes(n int) []byte {
	c.n++
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(c.n<<4 + c.seed + uint64(i))
	}
	return b
}

func (c *counting) length(width int, bytes bool) int {
	if bytes {
		return 3 * c.elements
	}
	return c.elements
}
