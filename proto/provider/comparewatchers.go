package provider

import "slices"

// watchers compares who watches the log, and how many of them must have seen a
// head.
func (c *changes) watchers(a, b *Document) {
	c.auditors(a, b)
	for _, x := range a.Witnesses {
		if !has(b.Witnesses, func(y Witness) bool { return x.Key == y.Key }) {
			c.loosens("witnesses", "the witness %s is removed", keyName(x.Key))
		}
	}
	standIn := standsIn(witnessKeys(a.Witnesses), witnessKeys(b.Witnesses), a.WitnessThreshold, b.WitnessThreshold)
	for _, y := range b.Witnesses {
		switch {
		case has(a.Witnesses, func(x Witness) bool { return x.Key == y.Key }):
		case standIn:
			c.loosens("witnesses", "the witness %s is added and may stand in for one you know", keyName(y.Key))
		default:
			c.notes("witnesses", "the witness %s is added", keyName(y.Key))
		}
	}
	c.threshold("witness_threshold", "witnesses", a.WitnessThreshold, b.WitnessThreshold)
	c.threshold("auditor_threshold", "cosigning auditors", a.AuditorThreshold, b.AuditorThreshold)
	if asks(a) && asks(b) {
		c.raised("max_witness_lag_ms", "heads may run ahead of the witnesses by", a.MaxWitnessLagMS, b.MaxWitnessLagMS)
	}
	if a.AuditLog != b.AuditLog {
		c.loosens("audit_log", "the audit log changes from %s (%s) to %s (%s)", a.AuditLog.Origin, a.AuditLog.Key, b.AuditLog.Origin, b.AuditLog.Key)
	}
}

// auditors compares the keys of auditors: one whose key changes is somebody else.
func (c *changes) auditors(a, b *Document) {
	head, cosigner := headKeys(b.Auditors), cosignerKeys(b.Auditors)
	for _, x := range a.Auditors {
		noHead := len(x.PublicKey) > 0 && !slices.Contains(head, string(x.PublicKey))
		noCosigner := x.Cosigner != "" && !slices.Contains(cosigner, x.Cosigner)
		switch {
		case noHead && (noCosigner || x.Cosigner == ""), noCosigner && len(x.PublicKey) == 0:
			c.loosens("auditors", "the auditor %s is removed", x.Name)
		case noHead:
			c.loosens("auditors", "the key with which the auditor %s signs heads is removed", x.Name)
		case noCosigner:
			c.loosens("auditors", "the key with which the auditor %s cosigns is removed", x.Name)
		}
	}
	head, cosigner = headKeys(a.Auditors), cosignerKeys(a.Auditors)
	standIn := standsIn(cosigner, cosignerKeys(b.Auditors), a.AuditorThreshold, b.AuditorThreshold)
	for _, y := range b.Auditors {
		newHead := len(y.PublicKey) > 0 && !slices.Contains(head, string(y.PublicKey))
		newCosigner := y.Cosigner != "" && !slices.Contains(cosigner, y.Cosigner)
		switch {
		case newCosigner && standIn:
			c.loosens("auditors", "the cosigner of the auditor %s is added and may stand in for one you know", y.Name)
		case newHead || newCosigner:
			c.notes("auditors", "the auditor %s is added", y.Name)
		}
	}
}

// standsIn reports whether the keys after may meet their threshold with fewer
// than the threshold before of the keys before.
func standsIn(before, after []string, needed, need int) bool {
	added := 0
	for _, k := range after {
		if !slices.Contains(before, k) {
			added++
		}
	}
	return needed > 0 && need-added < needed
}

// asks reports whether a document asks for cosignatures.
func asks(d *Document) bool { return d.WitnessThreshold > 0 || d.AuditorThreshold > 0 }

// threshold: fewer is looser.
func (c *changes) threshold(field, who string, a, b int) {
	if b < a {
		c.loosens(field, "%d %s are enough, it took %d", b, who, a)
	} else if b > a {
		c.notes(field, "%d %s are asked for, it was %d", b, who, a)
	}
}
