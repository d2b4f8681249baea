package vrf

import (
	"encoding/binary"

	"filippo.io/nistec"
)

// nafWidth is the width of the non-adjacent forms below: digits are odd and
// below 2^(nafWidth-1) in size, and of nafWidth digits in a row at most one is
// not 0.
const nafWidth = 5

// A p256Multiples holds the odd multiples P, 3P, … 15P of a point, for
// multiplication in variable time.
type p256Multiples [1 << (nafWidth - 2)]nistec.P256Point

func (m *p256Multiples) set(p *nistec.P256Point) {
	var double nistec.P256Point
	double.Double(p)
	m[0].Set(p)
	for i := 1; i < len(m); i++ {
		m[i].Add(&m[i-1], &double)
	}
}

// addDigit adds digit·P to r.
func (m *p256Multiples) addDigit(r *nistec.P256Point, digit int8) {
	switch {
	case digit > 0:
		r.Add(r, &m[digit/2])
	case digit < 0:
		var minus nistec.P256Point
		r.Add(r, minus.Negate(&m[-digit/2]))
	}
}

// p256DoubleMult sets r = a·p + b·q for big-endian integers a and b, in variable
// time, sharing the doublings.
func p256DoubleMult(r, p *nistec.P256Point, a *[32]byte, q *nistec.P256Point, b *[16]byte) {
	var pMultiples, qMultiples p256Multiples
	pMultiples.set(p)
	qMultiples.set(q)

	var wide [32]byte
	copy(wide[16:], b[:])
	aDigits, bDigits := nonAdjacentForm(a), nonAdjacentForm(&wide)
	i := len(aDigits) - 1
	for i >= 0 && aDigits[i] == 0 && bDigits[i] == 0 {
		i--
	}
	r.Set(nistec.NewP256Point())
	for ; i >= 0; i-- {
		r.Double(r)
		pMultiples.addDigit(r, aDigits[i])
		qMultiples.addDigit(r, bDigits[i])
	}
}

// nonAdjacentForm returns digits d with k = Σ d[i]·2^i, of width nafWidth, for
// a big-endian integer k.
func nonAdjacentForm(k *[32]byte) (digits [257]int8) {
	limbs := [5]uint64{
		binary.BigEndian.Uint64(k[24:]),
		binary.BigEndian.Uint64(k[16:]),
		binary.BigEndian.Uint64(k[8:]),
		binary.BigEndian.Uint64(k[:]),
	}
	const window = 1<<nafWidth - 1
	carry := uint64(0)
	for i := 0; i < len(digits); {
		// The nafWidth bits from bit i on, and what the last digit borrowed.
		bits := limbs[i/64] >> (i % 64)
		if i%64 > 64-nafWidth {
			bits |= limbs[i/64+1] << (64 - i%64)
		}
		d := bits&window + carry
		if d&1 == 0 {
			i++
			continue
		}
		carry = 0
		if d > window/2 {
			d -= window + 1
			carry = 1
		}
		digits[i] = int8(d)
		i += nafWidth
	}
	return digits
}
