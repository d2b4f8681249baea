package wire

// Append appends the encoding of x to b.
func (x *LogEntry) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseLogEntry decodes b exactly.
func ParseLogEntry(b []byte, f Format) (*LogEntry, error) {
	x, r := new(LogEntry), newReader("log_entry", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *LogEntry) encode(w *writer) {
	w.uint64(x.Timestamp)
	w.fixed(x.PrefixTree[:])
}

func (x *LogEntry) decode(r *reader) {
	x.Timestamp = r.uint64("timestamp")
	x.PrefixTree = r.hash("prefix_tree")
}

// Append appends the encoding of x to b.
func (x *InclusionProof) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseInclusionProof decodes b exactly.
func ParseInclusionProof(b []byte, f Format) (*InclusionProof, error) {
	x, r := new(InclusionProof), newReader("inclusion_proof", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *InclusionProof) encode(w *writer) {
	w.count16("elements", len(x.Elements))
	w.hashes(x.Elements)
}

func (x *InclusionProof) decode(r *reader) {
	x.Elements = r.hashes("elements", 2)
}
