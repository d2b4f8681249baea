package wire

// Append appends the encoding of x to b.
func (x *SearchRequest) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseSearchRequest decodes b exactly.
func ParseSearchRequest(b []byte, f Format) (*SearchRequest, error) {
	x, r := new(SearchRequest), newReader("search_request", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *SearchRequest) encode(w *writer) {
	w.optional64(x.Last)
	w.opaque8("label", x.Label)
	w.optional32(x.Version)
}

func (x *SearchRequest) decode(r *reader) {
	x.Last = r.optional64("last")
	x.Label = r.opaque8("label")
	x.Version = r.optional32("version")
}

// Append appends the encoding of x to b.
func (x *BinaryLadderStep) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseBinaryLadderStep decodes b exactly.
func ParseBinaryLadderStep(b []byte, f Format) (*BinaryLadderStep, error) {
	x, r := new(BinaryLadderStep), newReader("binary_ladder_step", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *BinaryLadderStep) encode(w *writer) {
	np := w.f.Suite.proofSize()
	if np == 0 {
		w.fail("proof", "depends on the cipher suite, and %#04x is not registered", uint16(w.f.Suite))
	} else if len(x.Proof) != np {
		w.fail("proof", "%d bytes, not %d", len(x.Proof), np)
	}
	w.fixed(x.Proof)
	if x.Commitment == nil {
		w.uint8(0)
		return
	}
	w.uint8(1)
	w.fixed(x.Commitment[:])
}

func (x *BinaryLadderStep) decode(r *reader) {
	np := r.f.Suite.proofSize()
	if np == 0 {
		r.fail("proof", "depends on the cipher suite, and %#04x is not registered", uint16(r.f.Suite))
	}
	x.Proof = r.next("proof", np)
	if r.present("commitment") {
		if b := r.next("commitment", HashSize); b != nil {
			x.Commitment = (*HashValue)(b) // aliases the input
		}
	}
}

// Append appends the encoding of x to b; the version is there exactly when x.Version is.
func (x *SearchResponse) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseSearchResponse decodes b exactly; fixed says that the request named a
// version, so that the response does not.
func ParseSearchResponse(b []byte, f Format, fixed bool) (*SearchResponse, error) {
	x, r := new(SearchResponse), newReader("search_response", b, f)
	x.decode(&r, fixed)
	return finish(&r, x)
}

func (x *SearchResponse) encode(w *writer) {
	x.FullTreeHead.encode(w)
	if x.Version != nil {
		w.uint32(*x.Version)
	}
	w.fixed(x.Opening[:])
	x.Value.encode(w)
	w.count8("binary_ladder", len(x.BinaryLadder))
	for i := range x.BinaryLadder {
		x.BinaryLadder[i].encode(w)
	}
	x.Search.encode(w)
}

func (x *SearchResponse) decode(r *reader, fixed bool) {
	r.enter("full_tree_head")
	x.FullTreeHead.decode(r)
	r.leave()

	if !fixed {
		v := r.uint32("version")
		x.Version = &v
	}
	x.Opening = r.opening("opening")
	r.enter("value")
	x.Value.decode(r)
	r.leave()
	x.BinaryLadder = vector[BinaryLadderStep](r.count("binary_ladder", 1, minLadderStep))
	for i := 0; i < len(x.BinaryLadder) && r.ok(); i++ {
		r.enterAt("binary_ladder", i)
		x.BinaryLadder[i].decode(r)
		r.leave()
	}
	r.enter("search")
	x.Search.decode(r)
	r.leave()
}
