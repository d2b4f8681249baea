package wire

// Append appends the encoding of x to b.
func (x *LabelValue) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseLabelValue decodes b exactly.
func ParseLabelValue(b []byte, f Format) (*LabelValue, error) {
	x, r := new(LabelValue), newReader("label_value", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *LabelValue) encode(w *writer) {
	w.opaque32("value", x.Value)
}

func (x *LabelValue) decode(r *reader) {
	x.Value = r.opaque32("value")
}

// Append appends the encoding of x to b.
func (x *UpdateRequest) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseUpdateRequest decodes b exactly.
func ParseUpdateRequest(b []byte, f Format) (*UpdateRequest, error) {
	x, r := new(UpdateRequest), newReader("update_request", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *UpdateRequest) encode(w *writer) {
	w.optional64(x.Last)
	w.opaque8("label", x.Label)
	w.optional32(x.GreatestVersion)
	w.count8("values", len(x.Values))
	for i := range x.Values {
		x.Values[i].encode(w)
	}
}

func (x *UpdateRequest) decode(r *reader) {
	x.Last = r.optional64("last")
	x.Label = r.opaque8("label")
	x.GreatestVersion = r.optional32("greatest_version")
	x.Values = vector[LabelValue](r.count("values", 1, minLabelValue))
	for i := 0; i < len(x.Values) && r.ok(); i++ {
		r.enterAt("values", i)
		x.Values[i].decode(r)
		r.leave()
	}
}

// Append appends the encoding of x to b.
func (x *UpdateInfo) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseUpdateInfo decodes b exactly.
func ParseUpdateInfo(b []byte, f Format) (*UpdateInfo, error) {
	x, r := new(UpdateInfo), newReader("update_info", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *UpdateInfo) encode(w *writer) {
	w.fixed(x.Opening[:])
	x.Suffix.encode(w)
}

func (x *UpdateInfo) decode(r *reader) {
	x.Opening = r.opening("opening")
	r.enter("suffix")
	x.Suffix.decode(r)
	r.leave()
}

// Append appends the encoding of x to b.
func (x *UpdateResponse) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseUpdateResponse decodes b exactly.
func ParseUpdateResponse(b []byte, f Format) (*UpdateResponse, error) {
	x, r := new(UpdateResponse), newReader("update_response", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *UpdateResponse) encode(w *writer) {
	x.FullTreeHead.encode(w)
	w.uint64(x.Position)
	if w.mode("skipped_versions") == ThirdPartyManagement {
		w.uint32(x.SkippedVersions)
	}
	w.count8("values", len(x.Values))
	for i := range x.Values {
		x.Values[i].encode(w)
	}
	w.count8("info", len(x.Info))
	for i := range x.Info {
		x.Info[i].encode(w)
	}
	w.count8("binary_ladder", len(x.BinaryLadder))
	for i := range x.BinaryLadder {
		x.BinaryLadder[i].encode(w)
	}
	x.Update.encode(w)
}

func (x *UpdateResponse) decode(r *reader) {
	r.enter("full_tree_head")
	x.FullTreeHead.decode(r)
	r.leave()
	x.Position = r.uint64("position")
	if r.mode("skipped_versions") == ThirdPartyManagement {
		x.SkippedVersions = r.uint32("skipped_versions")
	}
	x.Values = vector[LabelValue](r.count("values", 1, minLabelValue))
	for i := 0; i < len(x.Values) && r.ok(); i++ {
		r.enterAt("values", i)
		x.Values[i].decode(r)
		r.leave()
	}
	x.Info = vector[UpdateInfo](r.count("info", 1, minUpdateInfo))
	for i := 0; i < len(x.Info) && r.ok(); i++ {
		r.enterAt("info", i)
		x.Info[i].decode(r)
		r.leave()
	}
	x.BinaryLadder = vector[BinaryLadderStep](r.count("binary_ladder", 1, minLadderStep))
	for i := 0; i < len(x.BinaryLadder) && r.ok(); i++ {
		r.enterAt("binary_ladder", i)
		x.BinaryLadder[i].decode(r)
		r.leave()
	}
	r.enter("update")
	x.Update.decode(r)
	r.leave()
}
