package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/provider"
)

// TestAuditorIsReplaced: the provider takes another auditor; the one before follows
// the log on and signs no more, the new one signs, and somebody who starts afterwards
// audits all of it.
func TestAuditorIsReplaced(t *testing.T) {
	w, before := audited(t, operator.SuiteEd25519)
	w.publish("alice", 5)
	one := start(t, before)
	w.answers("alice-3")

	after := filepath.Join(t.TempDir(), "after")
	var v initView
	w.fine(&v, "init", "--data", after, "--provider", w.server.URL)
	public, err := base64.StdEncoding.DecodeString(v.PublicKey)
	must(t, err)
	root, err := operator.LoadRootKey(filepath.Join(w.dir, "root", "root.key"))
	must(t, err)
	next := operator.AuditorConfig{PublicKey: public, MaxLag: operator.Duration(time.Minute)}
	envelope, err := operator.PrepareDocument(w.dir, time.Now(), time.Hour, func(d *provider.Document) error {
		config, err := d.Config()
		if err != nil {
			return err
		}
		changed := *config
		changed.AuditorPublicKey, changed.AuditorStartPos, changed.MaxAuditorLag = public, 0, 60_000
		encoded, err := changed.Append(nil, changed.Format())
		d.Former = append(slices.Clip(d.Former), d.Configuration)
		d.Configuration = encoded
		d.Auditors = []provider.Auditor{{Name: "next", PublicKey: public}}
		return err
	}, []ed25519.PrivateKey{root}...)
	must(t, err)
	must(t, w.op.SetAuditor(t.Context(), next, envelope))
	w.publish("bob", 5)
	size := checkpointOf(t, string(w.op.Checkpoint())).Size
	two := start(t, after)
	w.answers("bob-3") // again
	until(t, "the one before is as far", func() bool { return auditedBy(one) >= size })
	signed := len(heads(t, before))
	w.publish("carol", 3)
	w.answers("carol-2") // still
	one.end()
	two.end()
	if n := len(heads(t, before)); n != signed {
		t.Errorf("the auditor before signed %d more heads", n-signed)
	}
	var a auditView
	w.fine(&a, "audit", "--provider", w.server.URL)
	if a.From != 0 || a.Entries < size {
		t.Errorf("%+v", a)
	}
}

// auditedBy returns how far a run has come, by its metrics.
func auditedBy(d *daemonTest) (entries uint64) {
	_, text := d.get("/metrics")
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, `kith_auditor_audited_entries{domain="example.org"} `); ok {
			_ = json.Unmarshal([]byte(value), &entries)
		}
	}
	return entries
}
