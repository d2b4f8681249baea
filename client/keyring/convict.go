package keyring

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kith-kt/kith/proto/provider"
)

// convictedFile holds the convictions of a provider's logs, for ever:
//
//	DOMAIN/convicted    which logs are refused, and for which evidence
const convictedFile = "convicted"

const maxConvicted = 1 << 20 // bytes

// A Conviction says that a log is refused, because evidence against its keys was
// verified here. It is lifted by Forgive alone; another log of the same provider is
// not concerned.
type Conviction struct {
	Log      provider.Fingerprint `json:"log"`
	Evidence string               `json:"evidence"` // name of the file in the folder evidence
	SHA256   string               `json:"sha256"`   // of the file, in hexadecimal
	Text     string               `json:"text"`     // what it shows, in one sentence
	By       string               `json:"by"`       // where it came from
	Noted    time.Time            `json:"noted"`
	Forgiven bool                 `json:"forgiven,omitempty"`
}

// Convictions returns all convictions of the provider, in the order they were
// noted, and the forgiven ones too.
func (r *Ring) Convictions() ([]Conviction, error) {
	var all []Conviction
	path := filepath.Join(r.dir, convictedFile)
	err := readJSON(path, maxConvicted, &all)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &Hinted{Err: err, Hint: "put back a good copy; while it cannot be read, nobody knows whether this provider was caught"}
	}
	return all, nil
}

// Convicted returns the first conviction of a log that is not forgiven, or nil.
func (r *Ring) Convicted(log provider.Fingerprint) (*Conviction, error) {
	all, err := r.Convictions()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(c Conviction) bool { return c.Log == log && !c.Forgiven })
	if i < 0 {
		return nil, nil
	}
	return &all[i], nil
}

// Convict keeps evidence and refuses the log from now on. The caller has verified
// the evidence, and that it is about this log. Evidence that was forgiven stays
// forgiven. It returns the path of the evidence and whether the log is refused for it.
func (r *Ring) Convict(log provider.Fingerprint, kind string, evidence []byte, text, by string, now time.Time) (path string, refused bool, err error) {
	if path, err = r.SaveEvidenceFile(kind, evidence); err != nil {
		return "", false, err
	}
	all, err := r.Convictions()
	if err != nil {
		return path, true, err
	}
	sum := sha256.Sum256(evidence)
	c := Conviction{Log: log, Evidence: filepath.Base(path), SHA256: hex.EncodeToString(sum[:]), Text: text, By: by, Noted: now.UTC().Truncate(time.Second)}
	if i := slices.IndexFunc(all, func(o Conviction) bool { return o.Log == log && o.SHA256 == c.SHA256 }); i >= 0 {
		return path, !all[i].Forgiven, nil
	}
	if len(all) >= maxConvictions && slices.ContainsFunc(all, func(o Conviction) bool { return o.Log == log && !o.Forgiven }) {
		return path, true, nil // refused already, and a file must not grow for ever
	}
	b, err := marshal(append(all, c))
	if err != nil {
		return path, true, err
	}
	return path, true, writePrivate(filepath.Join(r.dir, convictedFile), b)
}

// maxConvictions is after how many a log that is refused already is not convicted again.
const maxConvictions = 100

// Forgive lifts the conviction that rests on an evidence file, given by its name in
// the folder evidence. It is an ErrUnknown if there is none.
func (r *Ring) Forgive(name string) (*Conviction, error) {
	all, err := r.Convictions()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(c Conviction) bool { return c.Evidence == name && !c.Forgiven })
	if i < 0 {
		return nil, &Hinted{Err: fmt.Errorf("keyring: no log is refused for the evidence %q: %w", name, ErrUnknown), Hint: "kith status"}
	}
	all[i].Forgiven = true
	b, err := marshal(all)
	if err != nil {
		return nil, err
	}
	return &all[i], writePrivate(filepath.Join(r.dir, convictedFile), b)
}

// EvidencePath returns where an evidence file of a conviction lies.
func (r *Ring) EvidencePath(name string) string { return filepath.Join(r.dir, evidenceDir, name) }

// EvidenceFiles returns the names of all files in the folder evidence.
func (r *Ring) EvidenceFiles() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(r.dir, evidenceDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// checkpointFile holds the newest signed checkpoint of the audit log that was seen:
//
//	DOMAIN/checkpoint    a C2SP signed note
const checkpointFile = "checkpoint"

// Checkpoint returns the newest signed checkpoint seen, or nil. It may be that of a
// log which the provider had before.
func (r *Ring) Checkpoint() ([]byte, error) {
	b, err := readPrivate(filepath.Join(r.dir, checkpointFile), 1<<20)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// SetCheckpoint keeps a signed checkpoint in the place of any before it.
func (r *Ring) SetCheckpoint(note []byte) error {
	return writePrivate(filepath.Join(r.dir, checkpointFile), note)
}

// Handed returns when heads were last handed in to auditors, in whole seconds, or the zero time.
func (r *Ring) Handed() (time.Time, error) {
	line, err := r.line(handedFile)
	if err != nil || line == "" {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339, line)
	if err != nil {
		return time.Time{}, fmt.Errorf("keyring: %s: %w", filepath.Join(r.dir, handedFile), ErrDamaged)
	}
	return t, nil
}

// SetHanded keeps when heads were last handed in.
func (r *Ring) SetHanded(t time.Time) error {
	return r.setLine(handedFile, t.UTC().Format(time.RFC3339))
}

// handedFile says when heads were last handed in to auditors:
//
//	DOMAIN/handed-in    a time
const handedFile = "handed-in"
