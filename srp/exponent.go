package srp

import "encoding/binary"

// exponent returns a + u·x, big-endian, in time that depends on the lengths only.
// It is not reduced: the order of the group would be one more secret-dependent
// division, and the result is short anyway.
func exponent(a, u, x []byte) []byte {
	al, ul, xl := limbs(a), limbs(u), limbs(x)
	sum := make([]uint32, max(len(al), len(ul)+len(xl))+1)
	copy(sum, al)
	for i, m := range ul {
		var carry uint64
		for j, n := range xl {
			t := uint64(m)*uint64(n) + uint64(sum[i+j]) + carry
			sum[i+j], carry = uint32(t), t>>32
		}
		for j := i + len(xl); j < len(sum); j++ {
			t := uint64(sum[j]) + carry
			sum[j], carry = uint32(t), t>>32
		}
	}
	out := make([]byte, 4*len(sum))
	for i, limb := range sum {
		binary.BigEndian.PutUint32(out[len(out)-4*i-4:], limb)
	}
	return out
}

// limbs returns a big-endian number in words of 32 bits, the least first.
func limbs(b []byte) []uint32 {
	out := make([]uint32, (len(b)+3)/4)
	for i, octet := range b {
		at := len(b) - 1 - i
		out[at/4] |= uint32(octet) << (at % 4 * 8)
	}
	return out
}
