package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/strictjson"
)

// evidenceFormat names the version of the format of evidence files.
const evidenceFormat = "kith-auditor-evidence-1"

// An evidence file is one JSON object: what a provider served, and what is wrong
// with it. Bytes are in base64, checkpoints are text.
type evidence struct {
	Format string `json:"format"` // evidenceFormat
	Kind   string `json:"kind"`   // pass.Kind
	Entry  uint64 `json:"entry"`  // position of the log entry
	Step   int    `json:"step,omitempty"`
	Error  string `json:"error"` // for people

	Domain      string           `json:"domain"`
	Fingerprint string           `json:"fingerprint"`
	Document    strictjson.Bytes `json:"document"` // the signed provider document, with all keys

	Checkpoint string             `json:"checkpoint,omitempty"`          // signed
	Previous   string             `json:"previous_checkpoint,omitempty"` // signed, seen before
	Leaf       strictjson.Bytes   `json:"leaf,omitempty"`                // of the audit log, at entry
	LeafProof  []strictjson.Bytes `json:"leaf_proof,omitempty"`          // RFC 6962 inclusion of leaf in checkpoint
	Update     strictjson.Bytes   `json:"update,omitempty"`              // AuditorUpdate served for entry
	Tile       string             `json:"tile,omitempty"`                // path below /log/
	Data       strictjson.Bytes   `json:"data,omitempty"`                // served there

	// The log before entry, as the auditor had computed it.
	Root       strictjson.Bytes `json:"root_before"`
	PrefixRoot strictjson.Bytes `json:"prefix_root_before"`
	SizeBefore uint64           `json:"size_before"`

	Found time.Time `json:"found"` // by this computer's clock
}

// keep writes evidence of a misbehaviour down, if err is one.
func (w *watch) keep(err error) error {
	m, ok := errors.AsType[*pass.Misbehaviour](err)
	if !ok {
		return err
	}
	root, prefix := w.progress.State.Root(), w.progress.State.PrefixRoot()
	e := evidence{
		Format: evidenceFormat, Kind: string(m.Kind), Entry: m.Entry, Step: m.Step(), Error: plain(m),
		Domain: w.pinned.Document.Domain, Document: w.envelope,
		Checkpoint: string(m.Checkpoint), Previous: string(m.Previous),
		Leaf: m.Leaf, Update: m.Update, Tile: m.Tile, Data: m.Data,
		Root: root[:], PrefixRoot: prefix[:], SizeBefore: w.progress.State.Size(),
	}
	if f, err := w.pinned.Document.Fingerprint(); err == nil {
		e.Fingerprint = f.String()
	}
	for _, h := range m.LeafProof {
		e.LeafProof = append(e.LeafProof, h[:])
	}
	f := &failure{err: err, code: exitMisbehaved, hint: "keep the evidence, trust no key from this provider until it is explained, and ask the provider over another channel"}
	path, kept := w.writeEvidence(&e)
	if kept != nil {
		f.err = errors.Join(err, fmt.Errorf("the evidence was not kept: %w", kept))
	}
	f.evidence = path
	return f
}

// writeEvidence writes a file whose name says what is in it; the same is not
// written twice.
func (w *watch) writeEvidence(e *evidence) (string, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	name := fmt.Sprintf("%s-%d-%s.json", e.Kind, e.Entry, hex.EncodeToString(sum[:6]))
	e.Found = w.p.now().UTC().Truncate(time.Second)
	if b, err = json.MarshalIndent(e, "", "  "); err != nil {
		return "", err
	}
	path := "kith-auditor-" + name
	if w.folder != nil {
		if err := os.MkdirAll(w.folder.path(evidenceFolder), 0o700); err != nil {
			return "", err
		}
		path = filepath.Join(w.folder.path(evidenceFolder), name)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return path, nil
	}
	if err != nil {
		return "", err
	}
	_, err = file.Write(append(b, '\n'))
	return path, errors.Join(err, file.Sync(), file.Close())
}
