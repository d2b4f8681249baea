package wire

// Append appends the encoding of x to b.
func (x *TreeHeadTBS) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseTreeHeadTBS decodes b exactly.
func ParseTreeHeadTBS(b []byte, f Format) (*TreeHeadTBS, error) {
	x, r := new(TreeHeadTBS), newReader("tree_head_tbs", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *TreeHeadTBS) encode(w *writer) {
	x.Config.encode(w)
	w.uint64(x.TreeSize)
	w.fixed(x.Root[:])
}

func (x *TreeHeadTBS) decode(r *reader) {
	r.enter("config")
	x.Config.decode(r)
	r.leave()

	x.TreeSize = r.uint64("tree_size")
	x.Root = r.hash("root")
}

// Append appends the encoding of x to b.
func (x *AuditorTreeHeadTBS) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseAuditorTreeHeadTBS decodes b exactly.
func ParseAuditorTreeHeadTBS(b []byte, f Format) (*AuditorTreeHeadTBS, error) {
	x, r := new(AuditorTreeHeadTBS), newReader("auditor_tree_head_tbs", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *AuditorTreeHeadTBS) encode(w *writer) {
	x.Config.encode(w)
	w.uint64(x.Timestamp)
	w.uint64(x.TreeSize)
	w.fixed(x.Root[:])
}

func (x *AuditorTreeHeadTBS) decode(r *reader) {
	r.enter("config")
	x.Config.decode(r)
	r.leave()

	x.Timestamp = r.uint64("timestamp")
	x.TreeSize = r.uint64("tree_size")
	x.Root = r.hash("root")
}

// Append appends the encoding of x to b.
func (x *UpdateTBS) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseUpdateTBS decodes b exactly.
func ParseUpdateTBS(b []byte, f Format) (*UpdateTBS, error) {
	x, r := new(UpdateTBS), newReader("update_tbs", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *UpdateTBS) encode(w *writer) {
	x.Config.encode(w)
	w.opaque8("label", x.Label)
	w.uint32(x.Version)
	w.opaque32("value", x.Value)
}

func (x *UpdateTBS) decode(r *reader) {
	r.enter("config")
	x.Config.decode(r)
	r.leave()

	x.Label = r.opaque8("label")
	x.Version = r.uint32("version")
	x.Value = r.opaque32("value")
}
