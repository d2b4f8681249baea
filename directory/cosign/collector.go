package cosign

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// Defaults of Config.
const (
	DefaultTimeout    = 10 * time.Second
	DefaultRefresh    = time.Minute
	DefaultBackoff    = time.Second
	DefaultMaxBackoff = time.Minute
)

// Config is what a Collector needs. Zero values of the optional fields are good.
type Config struct {
	// Log is the verifier of the audit log, whose checkpoints are offered.
	Log *checkpoint.Verifier
	// LogKey is its verifier key, for messages.
	LogKey string
	// Proof returns the proof that the log of size to begins with that of size
	// from, 0 < from < to. Every size up to that of the newest checkpoint may be
	// asked for.
	Proof func(ctx context.Context, from, to uint64) ([]checkpoint.Hash, error)
	// Keep keeps a checkpoint with its cosignatures durably. Kept is what it kept
	// last, nil if nothing. Keep is not called concurrently.
	Keep func(ctx context.Context, note []byte) error
	Kept []byte

	// Timeout bounds one request and its answer. Default 10 s.
	Timeout time.Duration
	// Refresh is the age at which a cosignature of the newest checkpoint is asked
	// for again. Default 1 min, or a third of Targets.MaxLag if that is less.
	Refresh time.Duration
	// Backoff and MaxBackoff bound how long a cosigner that failed is left alone:
	// twice as long after every failure. Default 1 s and 1 min.
	Backoff, MaxBackoff time.Duration
	// TLS changes how https is spoken. Default: the system's roots.
	TLS *tls.Config

	// Now is the clock. Default time.Now.
	Now func() time.Time
	// After is the timer. Default time.After.
	After func(time.Duration) <-chan time.Time
	// Logger is told what an operator should know. Default: none.
	Logger *slog.Logger
}

func (c *Config) setDefaults() error {
	if c.Log == nil || c.Proof == nil || c.Keep == nil {
		return errors.New("cosign: the log's verifier, proofs and a place to keep checkpoints are needed")
	}
	for _, d := range []struct {
		field     *time.Duration
		otherwise time.Duration
	}{{&c.Timeout, DefaultTimeout}, {&c.Backoff, DefaultBackoff}, {&c.MaxBackoff, DefaultMaxBackoff}} {
		if *d.field == 0 {
			*d.field = d.otherwise
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// A Collector collects the cosignatures of one log. It is safe for concurrent use.
type Collector struct {
	config Config

	mu      sync.Mutex
	crew    *crew
	rounds  []*round // checkpoints in ascending size, the newest last; at most maxRounds
	met     *round   // the newest that had what it needs; nil: none
	changed chan struct{}
	loops   map[Target]*loop
	running context.Context // of Run; nil before it
	group   sync.WaitGroup  // loops that run

	keep keeper
}

// maxRounds is how many checkpoints gather cosignatures at a time. A cosigner is
// asked for the newest alone; one that answers late finds its checkpoint still there.
const maxRounds = 8

// A round is one checkpoint and the cosignatures it has so far.
type round struct {
	checkpoint.Checkpoint
	bare []byte // without cosignatures

	// Under Collector.mu.
	signed *checkpoint.Signed
	note   []byte               // with the cosignatures
	times  map[string]time.Time // by key: when the cosignature arrived, by our clock
}

func newRound(signed *checkpoint.Signed, note []byte) *round {
	return &round{Checkpoint: signed.Checkpoint, bare: bareOf(note), signed: signed, note: note, times: map[string]time.Time{}}
}

// since counts the cosignatures that arrived since a time. The caller holds
// Collector.mu.
func (r *round) since(t time.Time) (n int) {
	for _, at := range r.times {
		if !at.Before(t) {
			n++
		}
	}
	return n
}

// New returns a Collector that asks nobody yet: see SetTargets, Offer and Run.
func New(config Config) (*Collector, error) {
	if err := config.setDefaults(); err != nil {
		return nil, err
	}
	c := &Collector{config: config, crew: &crew{}, loops: map[Target]*loop{}, changed: make(chan struct{})}
	c.keep.init(&c.config)
	if config.Kept != nil {
		signed, err := config.Log.Open(config.Kept)
		if err != nil {
			return nil, err
		}
		// When it was kept nobody knows; so it is old, and asked for anew.
		c.met = newRound(signed, config.Kept)
		c.rounds = []*round{c.met}
	}
	return c, nil
}

// bareOf returns a note with its first signature alone, which is the log's: the
// Signer puts it there, and cosignatures are added behind.
func bareOf(note []byte) []byte {
	at := bytes.LastIndex(note, []byte("\n\n")) + 2
	end := bytes.IndexByte(note[at:], '\n')
	return note[: at+end+1 : at+end+1]
}

// SetTargets says who cosigns from now on. Cosignatures of others are forgotten
// with the checkpoints that have them.
func (c *Collector) SetTargets(t Targets) error {
	crew, err := newCrew(t)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	loops, added := map[Target]*loop{}, []*loop(nil)
	for _, target := range t.List {
		l := c.loops[target]
		if l == nil {
			if l, err = newLoop(c, target); err != nil {
				return err // and nothing has changed
			}
			added = append(added, l)
		}
		loops[target] = l
	}
	for target, l := range c.loops {
		if loops[target] == nil {
			l.stop()
		}
	}
	c.crew, c.loops = crew, loops
	if c.running != nil {
		for _, l := range added {
			c.start(l)
		}
	}
	if c.met != nil && !crew.met(c.met.signed) {
		c.met = nil
	}
	for _, r := range c.rounds {
		c.judge(r)
	}
	c.tell()
	return nil
}

// Offer hands over a checkpoint that the log has just signed. Those that were
// offered before are not newer.
func (c *Collector) Offer(note []byte) error {
	signed, err := c.config.Log.Open(note)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.rounds); n > 0 {
		last := c.rounds[n-1].Checkpoint
		if last == signed.Checkpoint {
			return nil
		}
		if last.Size >= signed.Size {
			return &checkpoint.ForkError{A: last, B: signed.Checkpoint}
		}
	}
	c.rounds = append(c.rounds, newRound(signed, note))
	if len(c.rounds) > maxRounds {
		c.rounds = append([]*round(nil), c.rounds[len(c.rounds)-maxRounds:]...)
	}
	c.tell()
	return nil
}

// tell wakes those who wait for a checkpoint. The caller holds c.mu.
func (c *Collector) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// judge makes r the newest that has what it needs, if it does. The caller holds
// c.mu.
func (c *Collector) judge(r *round) {
	if c.met != nil && c.met != r && c.met.Size >= r.Size {
		return
	}
	if c.crew.met(r.signed) {
		c.met = r
		c.keep.offer(r.note, r.Size)
	}
}

// Run asks the cosigners until ctx ends, and then keeps what is not kept yet.
func (c *Collector) Run(ctx context.Context) error {
	c.mu.Lock()
	if c.running != nil {
		c.mu.Unlock()
		return errors.New("cosign: it runs already")
	}
	c.running = ctx
	for _, l := range c.loops {
		c.start(l)
	}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.running = nil
		c.mu.Unlock()
	}()
	c.keep.run(ctx)
	c.group.Wait()
	c.keep.last(ctx)
	return nil
}

// start runs a loop below Run. The caller holds c.mu.
func (c *Collector) start(l *loop) {
	ctx, cancel := context.WithCancel(c.running)
	l.cancel = cancel
	c.group.Go(func() {
		defer cancel()
		l.run(ctx)
	})
}

// Newest returns the newest signed checkpoint with the cosignatures it has so
// far; nil: none was offered.
func (c *Collector) Newest() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rounds) == 0 {
		return nil
	}
	return c.rounds[len(c.rounds)-1].note
}

// Best returns the newest checkpoint that has the cosignatures it needs; or, if
// none has or none are asked for, the newest of those with the most cosigners that
// still renew theirs, so that one that is gone keeps nobody at an older checkpoint;
// or with the most cosignatures, where nobody does; nil: none was offered.
func (c *Collector) Best() ([]byte, checkpoint.Checkpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	best := c.met
	if best == nil {
		most, still := -1, c.config.Now().Add(-2*c.refresh())
		for _, r := range c.rounds {
			switch n := r.since(still); {
			case n < most || n == 0 && most == 0 && len(r.signed.Others) < len(best.signed.Others):
			default:
				best, most = r, n
			}
		}
	}
	if best == nil {
		return nil, checkpoint.Checkpoint{}
	}
	return best.note, best.Checkpoint
}

// Met returns the newest checkpoint that has the cosignatures it needs; nil: none
// has, or none are asked for.
func (c *Collector) Met() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.met == nil {
		return nil
	}
	return c.met.note
}

// add keeps a cosignature of a checkpoint, which was verified, if the checkpoint
// still gathers them.
func (c *Collector) add(of *round, key string, line []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	note, err := checkpoint.AddCosignatures(of.note, line)
	if err != nil {
		return err
	}
	signed, err := c.config.Log.Open(note)
	if err != nil {
		return err
	}
	of.note, of.signed = note, signed
	of.times[key] = c.config.Now()
	c.judge(of)
	return nil
}
