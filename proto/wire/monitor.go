package wire

// Append appends the encoding of x to b.
func (x *MonitorMapEntry) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseMonitorMapEntry decodes b exactly.
func ParseMonitorMapEntry(b []byte, f Format) (*MonitorMapEntry, error) {
	x, r := new(MonitorMapEntry), newReader("monitor_map_entry", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *MonitorMapEntry) encode(w *writer) {
	w.uint64(x.Position)
	w.uint32(x.Version)
}

func (x *MonitorMapEntry) decode(r *reader) {
	x.Position = r.uint64("position")
	x.Version = r.uint32("version")
}

// Append appends the encoding of x to b.
func (x *ContactMonitorRequest) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseContactMonitorRequest decodes b exactly.
func ParseContactMonitorRequest(b []byte, f Format) (*ContactMonitorRequest, error) {
	x, r := new(ContactMonitorRequest), newReader("contact_monitor_request", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *ContactMonitorRequest) encode(w *writer) {
	w.optional64(x.Last)
	w.opaque8("label", x.Label)
	w.count8("entries", len(x.Entries))
	for i := range x.Entries {
		x.Entries[i].encode(w)
	}
}

func (x *ContactMonitorRequest) decode(r *reader) {
	x.Last = r.optional64("last")
	x.Label = r.opaque8("label")
	x.Entries = vector[MonitorMapEntry](r.count("entries", 1, minMonitorMapEntry))
	for i := 0; i < len(x.Entries) && r.ok(); i++ {
		r.enterAt("entries", i)
		x.Entries[i].decode(r)
		r.leave()
	}
}

// Append appends the encoding of x to b.
func (x *ContactMonitorResponse) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseContactMonitorResponse decodes b exactly.
func ParseContactMonitorResponse(b []byte, f Format) (*ContactMonitorResponse, error) {
	x, r := new(ContactMonitorResponse), newReader("contact_monitor_response", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *ContactMonitorResponse) encode(w *writer) {
	x.FullTreeHead.encode(w)
	x.Monitor.encode(w)
}

func (x *ContactMonitorResponse) decode(r *reader) {
	r.enter("full_tree_head")
	x.FullTreeHead.decode(r)
	r.leave()
	r.enter("monitor")
	x.Monitor.decode(r)
	r.leave()
}
