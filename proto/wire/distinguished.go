package wire

// Append appends the encoding of x to b.
func (x *DistinguishedRequest) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseDistinguishedRequest decodes b exactly.
func ParseDistinguishedRequest(b []byte, f Format) (*DistinguishedRequest, error) {
	x, r := new(DistinguishedRequest), newReader("distinguished_request", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *DistinguishedRequest) encode(w *writer) {
	w.optional64(x.Last)
	w.optional64(x.Stop)
}

func (x *DistinguishedRequest) decode(r *reader) {
	x.Last = r.optional64("last")
	x.Stop = r.optional64("stop")
}

// Append appends the encoding of x to b.
func (x *DistinguishedResponse) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseDistinguishedResponse decodes b exactly.
func ParseDistinguishedResponse(b []byte, f Format) (*DistinguishedResponse, error) {
	x, r := new(DistinguishedResponse), newReader("distinguished_response", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *DistinguishedResponse) encode(w *writer) {
	x.FullTreeHead.encode(w)
	x.Distinguished.encode(w)
}

func (x *DistinguishedResponse) decode(r *reader) {
	r.enter("full_tree_head")
	x.FullTreeHead.decode(r)
	r.leave()
	r.enter("distinguished")
	x.Distinguished.decode(r)
	r.leave()
}

// Append appends the encoding of x to b.
func (x *DistinguishedHead) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseDistinguishedHead decodes b exactly.
func ParseDistinguishedHead(b []byte, f Format) (*DistinguishedHead, error) {
	x, r := new(DistinguishedHead), newReader("distinguished_head", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *DistinguishedHead) encode(w *writer) {
	w.count8("heads", len(x.Heads))
	w.hashes(x.Heads)
}

func (x *DistinguishedHead) decode(r *reader) {
	x.Heads = r.hashes("heads", 1)
}
