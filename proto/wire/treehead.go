package wire

// Append appends the encoding of x to b.
func (x *TreeHead) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseTreeHead decodes b exactly.
func ParseTreeHead(b []byte, f Format) (*TreeHead, error) {
	x, r := new(TreeHead), newReader("tree_head", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *TreeHead) encode(w *writer) {
	w.uint64(x.TreeSize)
	w.opaque16("signature", x.Signature)
}

func (x *TreeHead) decode(r *reader) {
	x.TreeSize = r.uint64("tree_size")
	x.Signature = r.opaque16("signature")
}

// Append appends the encoding of x to b.
func (x *AuditorTreeHead) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseAuditorTreeHead decodes b exactly.
func ParseAuditorTreeHead(b []byte, f Format) (*AuditorTreeHead, error) {
	x, r := new(AuditorTreeHead), newReader("auditor_tree_head", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *AuditorTreeHead) encode(w *writer) {
	w.uint64(x.Timestamp)
	w.uint64(x.TreeSize)
	w.opaque16("signature", x.Signature)
}

func (x *AuditorTreeHead) decode(r *reader) {
	x.Timestamp = r.uint64("timestamp")
	x.TreeSize = r.uint64("tree_size")
	x.Signature = r.opaque16("signature")
}

// Append appends the encoding of x to b.
func (x *FullTreeHead) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseFullTreeHead decodes b exactly.
func ParseFullTreeHead(b []byte, f Format) (*FullTreeHead, error) {
	x, r := new(FullTreeHead), newReader("full_tree_head", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *FullTreeHead) encode(w *writer) {
	w.uint8(uint8(x.HeadType))
	switch x.HeadType {
	case HeadSame:
	case HeadUpdated:
		x.TreeHead.encode(w)
		if w.mode("auditor_tree_head") != ThirdPartyAuditing {
			return
		}
		if x.AuditorTreeHead == nil {
			w.fail("auditor_tree_head", "absent in Third-Party Auditing mode")
			return
		}
		x.AuditorTreeHead.encode(w)
	default:
		w.fail("head_type", "%d is no FullTreeHeadType", x.HeadType)
	}
}

func (x *FullTreeHead) decode(r *reader) {
	x.HeadType = FullTreeHeadType(r.enum("head_type", uint8(HeadSame), uint8(HeadUpdated)))
	if x.HeadType != HeadUpdated {
		return
	}
	r.enter("tree_head")
	x.TreeHead.decode(r)
	r.leave()

	if r.mode("auditor_tree_head") == ThirdPartyAuditing {
		x.AuditorTreeHead = new(AuditorTreeHead)
		r.enter("auditor_tree_head")
		x.AuditorTreeHead.decode(r)
		r.leave()
	}
}
