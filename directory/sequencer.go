package directory

import (
	"context"

	"github.com/kith-kt/kith/proto/wire"
)

// A Sequencer is the only writer of a log.
type Sequencer struct {
	config Config
}

// Open continues the log in config.Store. It refuses a store that is not
// initialised, contradicts itself at its right edge, or lies below or beside
// the high-water mark.
func Open(ctx context.Context, config Config) (*Sequencer, error) { panic("soon") }

// Init writes entry 0, which changes nothing, to an empty store.
func Init(ctx context.Context, config Config) error { panic("soon") }

// Run sequences submitted updates and writes heartbeats until ctx ends. Updates
// that were submitted before are still committed.
func (s *Sequencer) Run(ctx context.Context) error { panic("soon") }

// Submit queues an update and waits until it is durable and may be shown, or
// until ctx ends: then the update may still happen. A StaleError says that the
// label has moved on.
func (s *Sequencer) Submit(ctx context.Context, update *Update) (*Placement, error) { panic("soon") }

// Snapshot returns a view of the newest head that may be shown: durable, and
// below the high-water mark.
func (s *Sequencer) Snapshot() (Snapshot, error) { panic("soon") }

// Erase deletes the value and the opening of a version that is not the
// greatest one of its label.
func (s *Sequencer) Erase(ctx context.Context, label []byte, version uint32) error { panic("soon") }

// Heartbeat writes an entry without changes if the newest entry is older than
// half of Configuration.max_behind.
func (s *Sequencer) Heartbeat(ctx context.Context) error { panic("soon") }

// AuditorHead implements AuditorHeads.
func (s *Sequencer) AuditorHead() (*wire.AuditorTreeHead, error) { panic("soon") }

// PutAuditorHead implements AuditorHeads.
func (s *Sequencer) PutAuditorHead(ctx context.Context, head *wire.AuditorTreeHead) error {
	panic("soon")
}
