package watch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/evidence"
)

// maxFindings bounds the findings of a folder. Beyond it nothing more is written but
// the proof that ends the Watch: what a provider does before, be it a thousand things
// that only this auditor can attest, must not keep it from being convicted.
const maxFindings = 1000

// A Finding is something that a provider did wrong, as this auditor saw it; or, of
// KindRestored, what is wrong with the auditor.
type Finding struct {
	ID     string    `json:"id"`     // 12 hexadecimal digits, the same for the same finding
	Kind   string    `json:"kind"`   // a pass.Kind or one of this package's
	Proved bool      `json:"proved"` // the evidence needs nobody's word
	Final  bool      `json:"final"`  // the auditor signs nothing more for this provider
	Domain string    `json:"domain"`
	Entry  uint64    `json:"entry"`          // position of the log entry
	Step   int       `json:"step,omitempty"` // of "Auditing", where one was not passed
	Text   string    `json:"text"`           // one sentence, for people
	File   string    `json:"file,omitempty"` // path of the evidence; "": it could not be kept
	Found  time.Time `json:"found"`          // by this computer's clock
}

// Kinds of findings besides those of package pass.
const (
	KindFuture    = "future"    // the log is ahead of the clock by more than max_ahead
	KindStale     = "stale"     // the newest entry is older than max_behind
	KindStalled   = "stalled"   // updates end before the checkpoint, and do not go on
	KindDropped   = "dropped"   // what stands under the checkpoint is not served to the auditor
	KindGossip    = "gossip"    // somebody else had seen something else
	KindDocuments = "documents" // provider documents that contradict each other
	KindRestored  = "restored"  // no fault of the provider's: the auditor's folder was put back from a copy
)

// A Misbehaved is the end of a Watch: its provider was caught. Unwrap gives the
// *pass.Misbehaviour, if this auditor saw it itself just now.
type Misbehaved struct {
	Finding Finding
	Err     error
}

func (m *Misbehaved) Error() string {
	if m.Err != nil {
		return m.Err.Error()
	}
	return m.Finding.Text
}

// Unwrap returns the cause.
func (m *Misbehaved) Unwrap() error { return m.Err }

// Misbehaved returns the *Misbehaved that ended the Watch, or nil.
func (w *Watch) Misbehaved() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.final == nil {
		return nil
	}
	return w.final
}

// Findings returns all findings, oldest first.
func (w *Watch) Findings() []Finding { return w.Status().Findings }

// Evidence returns the evidence file of a finding, nil if there is none.
func (w *Watch) Evidence(id string) ([]byte, error) {
	for _, f := range w.Findings() {
		if f.ID == id && f.File != "" {
			return os.ReadFile(f.File)
		}
	}
	return nil, nil
}

// EvidenceFolder returns the folder of the evidence files.
func (w *Watch) EvidenceFolder() string {
	switch {
	case w.o.Evidence != "":
		return w.o.Evidence
	case w.temp:
		return "."
	}
	return w.folder.path(evidenceFolder)
}

// A record is one line of findings.jsonl: a finding, or that an alert was told of
// one.
type record struct {
	*Finding
	Told string `json:"told,omitempty"` // ID of the finding
	By   string `json:"by,omitempty"`   // name of the alert
}

// loadFindings reads what was found before. What was proved stays proved: the Watch
// is at its end before it begins.
func (w *Watch) loadFindings() error {
	b, err := w.folder.lines(findingsFile)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	for d.More() {
		var r record
		if err := d.Decode(&r); err != nil {
			return fmt.Errorf("%s is damaged: %w", w.folder.path(findingsFile), err)
		}
		if r.Told != "" {
			w.pending[r.Told] = slices.DeleteFunc(w.pending[r.Told], func(name string) bool { return name == r.By })
			continue
		}
		if r.Finding == nil {
			continue
		}
		if r.File != "" { // the folder may have been moved
			r.File = filepath.Join(w.EvidenceFolder(), filepath.Base(r.File))
		}
		w.findings = append(w.findings, *r.Finding)
		w.expectAlerts(r.ID)
		if r.Proved && r.Final {
			w.end(&Misbehaved{Finding: *r.Finding})
		}
	}
	return nil
}

// expectAlerts says that all alerts have to be told of a finding.
func (w *Watch) expectAlerts(id string) {
	for _, a := range w.o.Alerts {
		w.pending[id] = append(w.pending[id], a.Name)
	}
}

// end ends the Watch, unless it is at its end already. What is proved takes the place
// of what is not.
func (w *Watch) end(m *Misbehaved) *Misbehaved {
	switch {
	case w.final == nil:
		w.final = m
		close(w.caught)
	case m.Finding.Proved && !w.final.Finding.Proved:
		w.final = m
	}
	return m
}

// idOf names a finding by what it rests on.
func idOf(kind string, entry uint64, parts ...[]byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %d", kind, entry)
	for _, p := range parts {
		fmt.Fprintf(h, " %d ", len(p))
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// note keeps a finding and its evidence, unless it is known, and logs it. It
// returns the finding as it is kept.
func (w *Watch) note(e *evidence.Evidence, v *evidence.Verdict, f Finding, parts ...[]byte) Finding {
	f.Domain, f.Found = w.domain(), w.o.Now().UTC().Truncate(time.Second)
	if v != nil {
		f.Proved = v.Proved
	}
	if f.ID == "" {
		f.ID = idOf(f.Kind, f.Entry, parts...)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.IndexFunc(w.findings, func(known Finding) bool { return known.ID == f.ID }); i >= 0 {
		known := w.findings[i]
		if f.Final && !known.Final { // it counts for more now
			known.Final = true
		}
		return known
	}
	if len(w.findings) >= maxFindings && !(f.Final && f.Proved) {
		return f
	}
	if e != nil {
		path, err := w.writeEvidence(e, f)
		if err != nil {
			w.o.Logger.Error("the evidence was not kept", "domain", f.Domain, "kind", f.Kind, "error", err.Error())
		}
		f.File = path
	}
	if err := w.folder.addLine(findingsFile, record{Finding: &f}); err != nil {
		w.o.Logger.Error("the finding was not kept", "domain", f.Domain, "kind", f.Kind, "error", err.Error())
	}
	w.findings = append(w.findings, f)
	w.expectAlerts(f.ID)
	says := "the provider misbehaves"
	if f.Kind == KindRestored {
		says = "this auditor signs nothing any more"
	}
	w.o.Logger.Error(says, "domain", f.Domain, "kind", f.Kind, "entry", f.Entry, "step", f.Step, "proved", f.Proved, "evidence", f.File, "error", f.Text)
	return f
}

// writeEvidence writes a file whose name says what is in it.
func (w *Watch) writeEvidence(e *evidence.Evidence, f Finding) (string, error) {
	b, err := e.Append(nil)
	if err != nil {
		return "", err
	}
	return w.writeFile(b, e.Detached, f)
}

func (w *Watch) writeFile(b, detached []byte, f Finding) (string, error) {
	dir := w.EvidenceFolder()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s-%d-%s.evidence", f.Kind, f.Entry, f.ID)
	if w.temp {
		name = "kith-auditor-" + name
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	if detached != nil {
		if err := replace(dir, name+".update", detached); err != nil {
			return "", err
		}
	}
	return path, replace(dir, name, b)
}

// catch keeps evidence that ends the Watch, and returns the *Misbehaved.
func (w *Watch) catch(e *evidence.Evidence, v *evidence.Verdict, f Finding, cause error, parts ...[]byte) error {
	f.Final = true
	f = w.note(e, v, f, parts...)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.end(&Misbehaved{f, cause})
}

// catchPass keeps evidence of what a pass found, which ends the Watch.
func (w *Watch) catchPass(ctx context.Context, m *pass.Misbehaviour) error {
	e, v := w.evidenceOf(ctx, m)
	f := Finding{Kind: string(m.Kind), Entry: m.Entry, Step: m.Step(), Text: m.Error()}
	return w.catch(e, v, f, m, m.Checkpoint, m.Previous, m.Leaf, m.Update, m.Data)
}

// Convict keeps an evidence file that somebody else made, if it holds, is proved,
// and is about this provider, and ends the Watch. It returns the finding; one that
// is known is nothing new.
func (w *Watch) Convict(file []byte) (Finding, error) {
	e, err := evidence.Parse(file)
	if err != nil {
		return Finding{}, err
	}
	v, err := e.Verify()
	if err != nil {
		return Finding{}, err
	}
	pinned, _ := w.Document()
	if err := v.Concerns(pinned.Document); err != nil {
		return Finding{}, err
	}
	if !v.Proved {
		return Finding{}, fmt.Errorf("%w: it is a statement, and proves nothing by itself", evidence.ErrNothing)
	}
	err = w.catch(e, v, Finding{ID: idOf(KindGossip, v.Entry, file), Kind: KindGossip, Entry: v.Entry, Text: v.Text}, nil)
	m, _ := errors.AsType[*Misbehaved](err)
	return m.Finding, nil
}
