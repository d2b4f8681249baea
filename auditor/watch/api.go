package watch

import (
	"context"
	"errors"
	"io"

	"github.com/kith-kt/kith/auditor/archive"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
)

// A Watch is one auditor at one provider.
type Watch struct{ archive *archive.Archive }

var errTodo = errors.New("not there yet")

// Open opens a Watch. The folder is locked until Close.
func Open(ctx context.Context, o Options) (*Watch, error) { return nil, errTodo }

// Close closes the files and gives the folder back.
func (w *Watch) Close() error { return nil }

// Run makes pass after pass until ctx ends, which is nil, or the provider was
// caught, which is a *Misbehaved. A provider that cannot be reached is asked again.
func (w *Watch) Run(ctx context.Context) error { return errTodo }

// Pass audits up to the newest checkpoint and signs for it. Its error is a
// *Misbehaved, or why the pass was not finished.
func (w *Watch) Pass(ctx context.Context) (pass.Result, error) { return pass.Result{}, errTodo }

// Await returns once size entries were audited, making passes for it or waiting for
// those of Run; or why that cannot be, when ctx ends at the latest.
func (w *Watch) Await(ctx context.Context, size uint64) error { return errTodo }

// Status returns how the Watch stands.
func (w *Watch) Status() Status { return Status{} }

// Archive returns what was audited. It is readable until Close.
func (w *Watch) Archive() *archive.Archive { return w.archive }

// Document returns the pinned provider document and the envelope it came in.
func (w *Watch) Document() (*provider.Pinned, []byte) { return nil, nil }

// Log returns what is pinned of the log.
func (w *Watch) Log() *pass.Log { return nil }

// Checkpoint returns the newest signed checkpoint up to which all was audited, with
// this auditor's cosignature if it made one; nil: none yet. The archive has all
// that stands under it.
func (w *Watch) Checkpoint() []byte { return nil }

// Cosigned returns the newest checkpoint that this auditor cosigned, with the
// cosignature; nil: none yet.
func (w *Watch) Cosigned() []byte { return nil }

// Cosign cosigns a checkpoint whose log is audited that far. older is the size
// that the asker believes was cosigned last: if it is not, the error is a
// *SizeError. Sizes never go back. The cosignature is durable before it is
// returned: a line of a note, with its newline.
func (w *Watch) Cosign(ctx context.Context, c checkpoint.Checkpoint, older uint64) (line []byte, err error) {
	return nil, errTodo
}

// Convict keeps an evidence file that somebody else found, if it holds, is proved,
// and is against this provider, and ends the Watch. It returns the finding; one
// that was known already is nothing new.
func (w *Watch) Convict(file []byte) (Finding, error) { return Finding{}, errTodo }

// State as evidence is made of it: Statements of this auditor are signed by its
// cosigner key. SignStatement returns an Ed25519 signature.
func (w *Watch) SignStatement(msg []byte) (signature []byte, public []byte, name string, err error) {
	return nil, nil, "", errTodo
}

// Findings returns all findings, oldest first.
func (w *Watch) Findings() []Finding { return nil }

// Evidence returns the evidence file of a finding, nil if there is none.
func (w *Watch) Evidence(id string) ([]byte, error) { return nil, nil }

// InitOptions say what Init makes.
type InitOptions struct {
	Dir, Address string
	Source       Source
	Expect       *provider.Fingerprint
	Name         string // of the cosigner key, such as "audit.example.net"; "": a random one
	Suite        string // of the head key where there is no log yet: "ed25519" or "p256"
	Agent        KeyHolder
	HeadKey      string // name of a key that Agent holds, instead of a file; "": a file
	CosignerKey  string
	Rand         io.Reader
}

// A SizeError says that another size was cosigned last.
type SizeError struct{ Size uint64 }

func (e *SizeError) Error() string { return "another size was cosigned last" }
