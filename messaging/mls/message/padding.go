package message

import "math/bits"

// Padding decides how many zero bytes follow content before it is encrypted: n is
// the length of the content with its signature, in bytes ("Padding" (15.1)). Who
// sees a ciphertext learns the padded length and nothing finer.
type Padding func(n int) int

// PadToBlock pads up to the next multiple of block bytes. A block below 2 pads
// nothing.
func PadToBlock(block int) Padding {
	return func(n int) int {
		if block < 2 {
			return 0
		}
		return (block - n%block) % block
	}
}

// PadToPowerOfTwo pads up to the next power of two, and up to least bytes at
// least. An observer learns one of about thirty lengths; the price is less than
// twice the size.
func PadToPowerOfTwo(least int) Padding {
	return func(n int) int {
		to := max(n, least, 1)
		return 1<<bits.Len(uint(to-1)) - n
	}
}

// pad appends the padding to content.
func (p Padding) pad(content []byte) ([]byte, error) {
	n := 0
	if p != nil {
		n = p(len(content))
	}
	if n < 0 || n > MaxContent-len(content) {
		return nil, ErrTooLong
	}
	return append(content, make([]byte, n)...), nil
}

// checkPadding returns ErrPadding unless all bytes are zero: padding must not
// become a second channel ("Content Encryption" (6.3.1)).
func checkPadding(b []byte) error {
	var all byte
	for _, x := range b {
		all |= x
	}
	if all != 0 {
		return ErrPadding
	}
	return nil
}
