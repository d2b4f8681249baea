package wire

// Append appends the encoding of x to b.
func (x *Credential) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseCredential decodes b exactly.
func ParseCredential(b []byte, f Format) (*Credential, error) {
	x, r := new(Credential), newReader("credential", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *Credential) encode(w *writer) {
	w.opaque8("label", x.Label)
	w.uint32(x.Version)
	w.fixed(x.Opening[:])
	x.Value.encode(w)
	w.count8("binary_ladder", len(x.BinaryLadder))
	for i := range x.BinaryLadder {
		x.BinaryLadder[i].encode(w)
	}
	w.uint64(x.Position)
	w.uint8(uint8(x.CredentialType))
	switch x.CredentialType {
	case StandardCredential:
		x.Distinguished.encode(w)
	case ProvisionalCredential:
		x.TreeHead.encode(w)
		x.Search.encode(w)
	default:
		w.fail("credential_type", "%d is no CredentialType", x.CredentialType)
	}
}

func (x *Credential) decode(r *reader) {
	x.Label = r.opaque8("label")
	x.Version = r.uint32("version")
	x.Opening = r.opening("opening")
	r.enter("value")
	x.Value.decode(r)
	r.leave()
	x.BinaryLadder = vector[BinaryLadderStep](r.count("binary_ladder", 1, minLadderStep))
	for i := 0; i < len(x.BinaryLadder) && r.ok(); i++ {
		r.enterAt("binary_ladder", i)
		x.BinaryLadder[i].decode(r)
		r.leave()
	}
	x.Position = r.uint64("position")
	x.CredentialType = CredentialType(r.enum("credential_type", uint8(StandardCredential), uint8(ProvisionalCredential)))
	switch x.CredentialType {
	case StandardCredential:
		r.enter("distinguished")
		x.Distinguished.decode(r)
		r.leave()
	case ProvisionalCredential:
		r.enter("tree_head")
		x.TreeHead.decode(r)
		r.leave()
		r.enter("search")
		x.Search.decode(r)
		r.leave()
	}
}

// Append appends the encoding of x to b.
func (x *CredentialUpdate) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseCredentialUpdate decodes b exactly.
func ParseCredentialUpdate(b []byte, f Format) (*CredentialUpdate, error) {
	x, r := new(CredentialUpdate), newReader("credential_update", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *CredentialUpdate) encode(w *writer) {
	x.Monitor.encode(w)
}

func (x *CredentialUpdate) decode(r *reader) {
	r.enter("monitor")
	x.Monitor.decode(r)
	r.leave()
}
