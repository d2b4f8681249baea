package wire

// Append appends the encoding of x to b.
func (x *OwnerInitRequest) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseOwnerInitRequest decodes b exactly.
func ParseOwnerInitRequest(b []byte, f Format) (*OwnerInitRequest, error) {
	x, r := new(OwnerInitRequest), newReader("owner_init_request", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *OwnerInitRequest) encode(w *writer) {
	w.optional64(x.Last)
	w.opaque8("label", x.Label)
	w.uint64(x.Start)
}

func (x *OwnerInitRequest) decode(r *reader) {
	x.Last = r.optional64("last")
	x.Label = r.opaque8("label")
	x.Start = r.uint64("start")
}

// Append appends the encoding of x to b.
func (x *OwnerInitResponse) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseOwnerInitResponse decodes b exactly.
func ParseOwnerInitResponse(b []byte, f Format) (*OwnerInitResponse, error) {
	x, r := new(OwnerInitResponse), newReader("owner_init_response", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *OwnerInitResponse) encode(w *writer) {
	x.FullTreeHead.encode(w)
	w.count8("greatest_versions", len(x.GreatestVersions))
	for _, v := range x.GreatestVersions {
		w.uint32(v)
	}
	w.count16("binary_ladder", len(x.BinaryLadder))
	for i := range x.BinaryLadder {
		x.BinaryLadder[i].encode(w)
	}
	x.Init.encode(w)
}

func (x *OwnerInitResponse) decode(r *reader) {
	r.enter("full_tree_head")
	x.FullTreeHead.decode(r)
	r.leave()
	x.GreatestVersions = vector[uint32](r.count("greatest_versions", 1, 4))
	for i := range x.GreatestVersions {
		x.GreatestVersions[i] = r.uint32("greatest_versions")
	}
	x.BinaryLadder = vector[BinaryLadderStep](r.count("binary_ladder", 2, minLadderStep))
	for i := 0; i < len(x.BinaryLadder) && r.ok(); i++ {
		r.enterAt("binary_ladder", i)
		x.BinaryLadder[i].decode(r)
		r.leave()
	}
	r.enter("init")
	x.Init.decode(r)
	r.leave()
}

// Append appends the encoding of x to b.
func (x *OwnerMonitorRequest) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseOwnerMonitorRequest decodes b exactly.
func ParseOwnerMonitorRequest(b []byte, f Format) (*OwnerMonitorRequest, error) {
	x, r := new(OwnerMonitorRequest), newReader("owner_monitor_request", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *OwnerMonitorRequest) encode(w *writer) {
	w.optional64(x.Last)
	w.opaque8("label", x.Label)
	w.count8("entries", len(x.Entries))
	for i := range x.Entries {
		x.Entries[i].encode(w)
	}
	w.uint64(x.Start)
	w.optional32(x.GreatestVersion)
}

func (x *OwnerMonitorRequest) decode(r *reader) {
	x.Last = r.optional64("last")
	x.Label = r.opaque8("label")
	x.Entries = vector[MonitorMapEntry](r.count("entries", 1, minMonitorMapEntry))
	for i := 0; i < len(x.Entries) && r.ok(); i++ {
		r.enterAt("entries", i)
		x.Entries[i].decode(r)
		r.leave()
	}
	x.Start = r.uint64("start")
	x.GreatestVersion = r.optional32("greatest_version")
}

// Append appends the encoding of x to b.
func (x *OwnerMonitorResponse) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseOwnerMonitorResponse decodes b exactly.
func ParseOwnerMonitorResponse(b []byte, f Format) (*OwnerMonitorResponse, error) {
	x, r := new(OwnerMonitorResponse), newReader("owner_monitor_response", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *OwnerMonitorResponse) encode(w *writer) {
	x.FullTreeHead.encode(w)
	x.Monitor.encode(w)
}

func (x *OwnerMonitorResponse) decode(r *reader) {
	r.enter("full_tree_head")
	x.FullTreeHead.decode(r)
	r.leave()
	r.enter("monitor")
	x.Monitor.decode(r)
	r.leave()
}
