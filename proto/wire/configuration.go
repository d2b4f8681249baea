package wire

// Append appends the encoding of x to b.
func (x *Configuration) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseConfiguration decodes b exactly.
func ParseConfiguration(b []byte, f Format) (*Configuration, error) {
	x, r := new(Configuration), newReader("configuration", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *Configuration) encode(w *writer) {
	if x.CipherSuite.proofSize() == 0 {
		w.fail("ciphersuite", "%#04x is not registered", uint16(x.CipherSuite))
	}
	w.uint16(uint16(x.CipherSuite))
	w.uint8(uint8(x.Mode))
	w.opaque16("signature_public_key", x.SignaturePublicKey)
	w.opaque16("vrf_public_key", x.VRFPublicKey)
	switch x.Mode {
	case ContactMonitoring:
	case ThirdPartyManagement:
		w.opaque16("leaf_public_key", x.LeafPublicKey)
	case ThirdPartyAuditing:
		w.uint64(x.MaxAuditorLag)
		w.uint64(x.AuditorStartPos)
		w.opaque16("auditor_public_key", x.AuditorPublicKey)
	default:
		w.fail("mode", "%d is no DeploymentMode", x.Mode)
	}
	w.uint64(x.MaxAhead)
	w.uint64(x.MaxBehind)
	w.uint64(x.ReasonableMonitoringWindow)
	w.optional64(x.MaximumLifetime)
}

func (x *Configuration) decode(r *reader) {
	x.CipherSuite = CipherSuite(r.uint16("ciphersuite"))
	if r.ok() && x.CipherSuite.proofSize() == 0 {
		r.fail("ciphersuite", "%#04x is not registered", uint16(x.CipherSuite))
	}
	x.Mode = DeploymentMode(r.enum("mode", uint8(ContactMonitoring), uint8(ThirdPartyAuditing)))
	x.SignaturePublicKey = r.opaque16("signature_public_key")
	x.VRFPublicKey = r.opaque16("vrf_public_key")
	switch x.Mode {
	case ThirdPartyManagement:
		x.LeafPublicKey = r.opaque16("leaf_public_key")
	case ThirdPartyAuditing:
		x.MaxAuditorLag = r.uint64("max_auditor_lag")
		x.AuditorStartPos = r.uint64("auditor_start_pos")
		x.AuditorPublicKey = r.opaque16("auditor_public_key")
	}
	x.MaxAhead = r.uint64("max_ahead")
	x.MaxBehind = r.uint64("max_behind")
	x.ReasonableMonitoringWindow = r.uint64("reasonable_monitoring_window")
	x.MaximumLifetime = r.optional64("maximum_lifetime")
}
