package cosign

import (
	"context"
	"sync"
	"time"
)

// A keeper writes the newest checkpoint that has its cosignatures to a durable
// place, beside the loops: a slow disk delays none of them.
type keeper struct {
	config *Config
	mu     sync.Mutex
	note   []byte // to be kept; nil: nothing
	size   uint64
	kept   uint64    // size of the one that is kept
	at     time.Time // when it was
	wake   chan struct{}
}

// keepAgain is how old a kept checkpoint gets before fresher cosignatures of the
// same one are written.
const keepAgain = 30 * time.Second

// patience bounds one write at the end.
const patience = 5 * time.Second

func (k *keeper) init(config *Config) {
	k.config = config
	k.wake = make(chan struct{}, 1)
}

// offer hands over the checkpoint to keep.
func (k *keeper) offer(note []byte, size uint64) {
	k.mu.Lock()
	k.note, k.size = note, size
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run keeps what is offered until ctx ends.
func (k *keeper) run(ctx context.Context) {
	for {
		select {
		case <-k.wake:
			k.write(ctx, false)
		case <-ctx.Done():
			return
		}
	}
}

// last keeps what is left.
func (k *keeper) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	k.write(ctx, true)
}

func (k *keeper) write(ctx context.Context, all bool) {
	k.mu.Lock()
	note, size, now := k.note, k.size, k.config.Now()
	if note == nil || !all && size == k.kept && now.Sub(k.at) < keepAgain {
		k.mu.Unlock()
		return
	}
	k.note = nil
	k.mu.Unlock()
	err := k.config.Keep(ctx, note)
	if err != nil && ctx.Err() == nil {
		k.config.Logger.Error("a cosigned checkpoint could not be kept", "size", size, "error", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err == nil:
		k.kept, k.at = size, now
	case k.note == nil: // nothing newer came meanwhile
		k.note = note
	}
}
