package wire

// Append appends the encoding of x to b.
func (x *UpdateSuffix) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseUpdateSuffix decodes b exactly.
func ParseUpdateSuffix(b []byte, f Format) (*UpdateSuffix, error) {
	x, r := new(UpdateSuffix), newReader("update_suffix", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *UpdateSuffix) encode(w *writer) {
	if w.mode("suffix") == ThirdPartyManagement {
		w.opaque16("signature", x.Signature)
	}
}

func (x *UpdateSuffix) decode(r *reader) {
	if r.mode("signature") == ThirdPartyManagement {
		x.Signature = r.opaque16("signature")
	}
}

// Append appends the encoding of x to b.
func (x *UpdateValue) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseUpdateValue decodes b exactly.
func ParseUpdateValue(b []byte, f Format) (*UpdateValue, error) {
	x, r := new(UpdateValue), newReader("update_value", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *UpdateValue) encode(w *writer) {
	w.opaque32("value", x.Value)
	x.Suffix.encode(w)
}

func (x *UpdateValue) decode(r *reader) {
	x.Value = r.opaque32("value")
	r.enter("suffix")
	x.Suffix.decode(r)
	r.leave()
}

// Append appends the encoding of x to b.
func (x *CommitmentValue) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseCommitmentValue decodes b exactly.
func ParseCommitmentValue(b []byte, f Format) (*CommitmentValue, error) {
	x, r := new(CommitmentValue), newReader("commitment_value", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *CommitmentValue) encode(w *writer) {
	w.fixed(x.Opening[:])
	w.opaque8("label", x.Label)
	w.uint32(x.Version)
	x.Update.encode(w)
}

func (x *CommitmentValue) decode(r *reader) {
	x.Opening = r.opening("opening")
	x.Label = r.opaque8("label")
	x.Version = r.uint32("version")
	r.enter("update")
	x.Update.decode(r)
	r.leave()
}

// Append appends the encoding of x to b.
func (x *VRFInput) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseVRFInput decodes b exactly.
func ParseVRFInput(b []byte, f Format) (*VRFInput, error) {
	x, r := new(VRFInput), newReader("vrf_input", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *VRFInput) encode(w *writer) {
	w.opaque8("label", x.Label)
	w.uint32(x.Version)
}

func (x *VRFInput) decode(r *reader) {
	x.Label = r.opaque8("label")
	x.Version = r.uint32("version")
}
