package wire

// Append appends the encoding of x to b.
func (x *PrefixLeaf) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParsePrefixLeaf decodes b exactly.
func ParsePrefixLeaf(b []byte, f Format) (*PrefixLeaf, error) {
	x, r := new(PrefixLeaf), newReader("prefix_leaf", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *PrefixLeaf) encode(w *writer) {
	w.fixed(x.VRFOutput[:])
	w.fixed(x.Commitment[:])
}

func (x *PrefixLeaf) decode(r *reader) {
	x.VRFOutput = VRFOutput(r.hash("vrf_output"))
	x.Commitment = r.hash("commitment")
}

// Append appends the encoding of x to b.
func (x *PrefixSearchResult) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParsePrefixSearchResult decodes b exactly.
func ParsePrefixSearchResult(b []byte, f Format) (*PrefixSearchResult, error) {
	x, r := new(PrefixSearchResult), newReader("prefix_search_result", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *PrefixSearchResult) encode(w *writer) {
	w.uint8(uint8(x.ResultType))
	switch x.ResultType {
	case Inclusion, NonInclusionParent:
	case NonInclusionLeaf:
		x.Leaf.encode(w)
	default:
		w.fail("result_type", "%d is no PrefixSearchResultType", x.ResultType)
	}
	w.uint8(x.Depth)
}

func (x *PrefixSearchResult) decode(r *reader) {
	x.ResultType = PrefixSearchResultType(r.enum("result_type", uint8(Inclusion), uint8(NonInclusionParent)))
	if x.ResultType == NonInclusionLeaf {
		r.enter("leaf")
		x.Leaf.decode(r)
		r.leave()
	}
	x.Depth = r.uint8("depth")
}

// Append appends the encoding of x to b.
func (x *PrefixProof) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParsePrefixProof decodes b exactly.
func ParsePrefixProof(b []byte, f Format) (*PrefixProof, error) {
	x, r := new(PrefixProof), newReader("prefix_proof", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *PrefixProof) encode(w *writer) {
	w.count8("results", len(x.Results))
	for i := range x.Results {
		x.Results[i].encode(w)
	}
	w.count16("elements", len(x.Elements))
	w.hashes(x.Elements)
}

func (x *PrefixProof) decode(r *reader) {
	x.Results = r.searchResults(r.count("results", 1, minSearchResult))
	for i := 0; i < len(x.Results) && r.ok(); i++ {
		r.enterAt("results", i)
		x.Results[i].decode(r)
		r.leave()
	}
	x.Elements = r.hashes("elements", 2)
}
