package operator

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/proto/wire"
)

// An Operator is an open provider. It is safe for concurrent use.
type Operator struct {
	dir string
}

// Open opens the provider in dir, which Init made. It refuses a folder that
// another process has open, keys that others can read, and a store that is not
// the newest one. Unless it is Offline, the log has a fresh head and a
// checkpoint when Open returns.
func Open(dir string, o OpenOptions) (*Operator, error) { panic("not yet") }

// Run sequences updates, writes heartbeats and signs checkpoints until ctx ends.
// Updates that were taken before are still committed.
func (op *Operator) Run(ctx context.Context) error { panic("not yet") }

// Close closes everything. Run must have returned.
func (op *Operator) Close() error { panic("not yet") }

// Handler returns the HTTP interface. It answers before Run is called, but is
// not ready (/readyz) and takes no updates.
func (op *Operator) Handler() http.Handler { panic("not yet") }

// Directory answers user operations in process.
func (op *Operator) Directory() *directory.Directory { panic("not yet") }

// Sequencer returns the only writer of the log.
func (op *Operator) Sequencer() *directory.Sequencer { panic("not yet") }

// Store returns the store, for check and backup.
func (op *Operator) Store() *embedded.Store { panic("not yet") }

// Keys returns the keys of the log.
func (op *Operator) Keys() *directory.Keys { panic("not yet") }

// Tokens returns the bearer tokens of the provider.
func (op *Operator) Tokens() *directory.Tokens { panic("not yet") }

// Metrics returns what /metrics shows, for programs that add to it.
func (op *Operator) Metrics() *prometheus.Registry { panic("not yet") }

// Config returns the settings of the folder.
func (op *Operator) Config() *Config { panic("not yet") }

// Configuration returns the log's configuration.
func (op *Operator) Configuration() *wire.Configuration { panic("not yet") }

// Document returns the exact bytes of the signed provider document.
func (op *Operator) Document() []byte { panic("not yet") }

// Checkpoint returns the newest signed checkpoint; nil: none was signed.
func (op *Operator) Checkpoint() []byte { panic("not yet") }

// SignCheckpoint signs a checkpoint of the newest head now.
func (op *Operator) SignCheckpoint() ([]byte, error) { panic("not yet") }

// Ready reports why the provider cannot answer, or nil.
func (op *Operator) Ready() error { panic("not yet") }

// Publish makes value the next version of label in the provider's own name,
// whatever the version before is. Run must be running.
func (op *Operator) Publish(ctx context.Context, label, value []byte) (*directory.Placement, error) {
	panic("not yet")
}

// PutAuditorHead verifies a head of the auditor and serves it from now on.
func (op *Operator) PutAuditorHead(ctx context.Context, head *wire.AuditorTreeHead) error {
	panic("not yet")
}

// Init makes a new log in dir. It refuses to overwrite anything.
func Init(dir string, o Options) (*Summary, error) { panic("not yet") }
