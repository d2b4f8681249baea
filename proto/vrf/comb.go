package vrf

// A group is what a comb needs of a curve's points: *T is a point, its methods
// set the receiver and return it, and arguments may alias the receiver.
type group[T any] interface {
	*T
	Set(*T) *T
	Add(*T, *T) *T
	Double(*T) *T
}

// The comb's shape: the 128 bits of a challenge are laid out as combTeeth rows
// of combSpacing columns, and each column costs one doubling and one addition.
// More teeth would make the use of a comb cheaper and the making of it dearer:
// with five it has paid for itself after one proof.
const (
	combTeeth   = 5
	combSpacing = (128 + combTeeth - 1) / combTeeth
)

// A comb multiplies one point by many challenges, in variable time: nothing
// it works on is secret.
type comb[T any, P group[T]] struct {
	// sums[i] is the sum of 2^(combSpacing·t)·Q over the bits t of i; sums[0]
	// is the identity.
	sums [1 << combTeeth]T
}

// newComb builds the comb of q; identity is the group's neutral element.
func newComb[T any, P group[T]](q, identity P) *comb[T, P] {
	c := new(comb[T, P])
	P(&c.sums[0]).Set(identity)
	var tooth T
	P(&tooth).Set(q)
	for t := range combTeeth {
		if t > 0 {
			for range combSpacing {
				P(&tooth).Double(&tooth)
			}
		}
		for i := range 1 << t {
			P(&c.sums[1<<t|i]).Add(&c.sums[i], &tooth)
		}
	}
	return c
}

// mult sets r to k·Q, for the little-endian integer k and not its residue
// modulo the group's order: for a Q with a component of small order the two differ.
func (c *comb[T, P]) mult(r P, k *[16]byte) {
	r.Set(&c.sums[0])
	for column := combSpacing - 1; column >= 0; column-- {
		r.Double(r)
		sum := 0
		for t := range combTeeth {
			if bit := t*combSpacing + column; bit < 128 {
				sum |= int(k[bit/8]>>(bit%8)&1) << t
			}
		}
		if sum != 0 {
			r.Add(r, &c.sums[sum])
		}
	}
}
