package wire

// Append appends the encoding of x to b.
func (x *ManagerUpdateRequest) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseManagerUpdateRequest decodes b exactly.
func ParseManagerUpdateRequest(b []byte, f Format) (*ManagerUpdateRequest, error) {
	x, r := new(ManagerUpdateRequest), newReader("manager_update_request", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *ManagerUpdateRequest) encode(w *writer) {
	w.optional64(x.Last)
	w.opaque8("label", x.Label)
	w.optional32(x.GreatestVersion)
	w.count8("values", len(x.Values))
	for i := range x.Values {
		x.Values[i].encode(w)
	}
	w.uint32(x.SignedVersion)
}

func (x *ManagerUpdateRequest) decode(r *reader) {
	x.Last = r.optional64("last")
	x.Label = r.opaque8("label")
	x.GreatestVersion = r.optional32("greatest_version")
	x.Values = vector[UpdateValue](r.count("values", 1, minUpdateValue))
	for i := 0; i < len(x.Values) && r.ok(); i++ {
		r.enterAt("values", i)
		x.Values[i].decode(r)
		r.leave()
	}
	x.SignedVersion = r.uint32("signed_version")
}

// Append appends the encoding of x to b.
func (x *AuditorUpdate) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseAuditorUpdate decodes b exactly.
func ParseAuditorUpdate(b []byte, f Format) (*AuditorUpdate, error) {
	x, r := new(AuditorUpdate), newReader("auditor_update", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *AuditorUpdate) encode(w *writer) {
	w.uint64(x.Timestamp)
	w.count16("added", len(x.Added))
	for i := range x.Added {
		x.Added[i].encode(w)
	}
	w.count16("removed", len(x.Removed))
	for i := range x.Removed {
		x.Removed[i].encode(w)
	}
	x.Proof.encode(w)
}

func (x *AuditorUpdate) decode(r *reader) {
	x.Timestamp = r.uint64("timestamp")
	x.Added = vector[PrefixLeaf](r.count("added", 2, sizePrefixLeaf))
	for i := 0; i < len(x.Added) && r.ok(); i++ {
		r.enterAt("added", i)
		x.Added[i].decode(r)
		r.leave()
	}
	x.Removed = vector[PrefixLeaf](r.count("removed", 2, sizePrefixLeaf))
	for i := 0; i < len(x.Removed) && r.ok(); i++ {
		r.enterAt("removed", i)
		x.Removed[i].decode(r)
		r.leave()
	}
	r.enter("proof")
	x.Proof.decode(r)
	r.leave()
}
