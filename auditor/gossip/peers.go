package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/problem"
)

// Defaults of PeerOptions.
const (
	DefaultInterval = time.Minute
	peerTimeout     = 20 * time.Second // of one request
	peerPatience    = time.Minute      // of an exchange
	soon            = time.Second      // between exchanges before there is anything to tell
)

const nothingYet = "nothing is audited here yet"

// PeerOptions say how other auditors are asked. The zero value is good.
type PeerOptions struct {
	Interval time.Duration // between exchanges, give or take a fifth; 0: DefaultInterval
	Now      func() time.Time
	Logger   *slog.Logger // nil: nothing is logged
	// Timeout bounds one request; 0: 20 s.
	Timeout time.Duration
}

// Peers exchanges sightings with other auditors: what was seen here goes to each of
// them, what they answer is held against what was audited, and so are their
// archives. A peer that lies, or floods, costs a bounded time and convicts nobody.
type Peers struct {
	o     PeerOptions
	desks Desks
	peers []*peer
}

// A peer is another auditor.
type peer struct {
	feed *feed.Feed

	mu   sync.Mutex
	said map[*Desk]PeerStatus
}

// A PeerStatus is what another auditor said of a log.
type PeerStatus struct {
	Address string
	Says    string    // in words
	Agrees  bool      // as far as both have audited
	Size    uint64    // that it audited; 0: not known
	At      time.Time // of the last exchange that was finished; zero: none was
}

// NewPeers returns the exchange with the auditors at the addresses, about the logs of
// the desks. Its errors are those of feed.New.
func NewPeers(addresses []string, desks Desks, o PeerOptions) (*Peers, error) {
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	if o.Timeout == 0 {
		o.Timeout = peerTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Peers{o: o, desks: desks}
	for _, address := range addresses {
		f, err := feed.New(address, feed.Options{Timeout: o.Timeout, MaxWait: -1})
		if err != nil {
			return nil, err
		}
		p.peers = append(p.peers, &peer{feed: f, said: map[*Desk]PeerStatus{}})
	}
	return p, nil
}

// Close closes idle connections.
func (p *Peers) Close() {
	for _, one := range p.peers {
		one.feed.Close()
	}
}

// Status returns what the peers said of a desk's log. nil Peers are nobody.
func (p *Peers) Status(d *Desk) []PeerStatus {
	if p == nil {
		return nil
	}
	var all []PeerStatus
	for _, one := range p.peers {
		one.mu.Lock()
		s, ok := one.said[d]
		one.mu.Unlock()
		if !ok {
			s = PeerStatus{Address: one.feed.Address(), Says: "not asked yet"}
		}
		all = append(all, s)
	}
	return all
}

// Run exchanges with all peers until ctx ends. Peers do not wait for each other.
func (p *Peers) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, one := range p.peers {
		all.Go(func() {
			for {
				wait := time.Duration((0.8 + 0.4*rand.Float64()) * float64(p.o.Interval))
				if !p.exchangeAll(ctx, one) {
					wait = min(wait, soon)
				}
				select {
				case <-time.After(wait):
				case <-ctx.Done():
					return
				}
			}
		})
	}
	all.Wait()
	<-ctx.Done() // also where there are no peers
	return nil
}

// Once exchanges with every peer once.
func (p *Peers) Once(ctx context.Context) {
	var all sync.WaitGroup
	for _, one := range p.peers {
		all.Go(func() { p.exchangeAll(ctx, one) })
	}
	all.Wait()
}

// exchangeAll exchanges with a peer about all logs. It reports whether there was
// something to tell of each.
func (p *Peers) exchangeAll(ctx context.Context, one *peer) bool {
	all := true
	for _, d := range p.desks {
		s := p.exchange(ctx, one, d)
		if ctx.Err() != nil {
			return false
		}
		all = all && s.Says != nothingYet
		one.mu.Lock()
		if before := one.said[d]; s.Says != before.Says {
			p.o.Logger.Info("a peer says", "peer", s.Address, "domain", d.Domain(), "says", s.Says)
		}
		one.said[d] = s
		one.mu.Unlock()
	}
	return all
}

// exchange is one exchange with a peer about one log.
func (p *Peers) exchange(ctx context.Context, one *peer, d *Desk) (s PeerStatus) {
	ctx, cancel := context.WithTimeout(ctx, peerPatience)
	defer cancel()
	s = PeerStatus{Address: one.feed.Address(), At: p.o.Now()}
	sighting, err := d.Sighting()
	if err != nil {
		s.Says, s.At = nothingYet, time.Time{}
		return s
	}
	answer, err := ask(ctx, one.feed, sighting)
	switch {
	case errors.Is(err, problem.ErrNoAnswer):
		s.Says = "does not follow this log"
		return s
	case err != nil:
		s.Says, s.At = "could not be asked: "+plain(err), one.last(d)
		return s
	}
	s.Size = answer.Size
	also := ""
	if len(answer.Evidence) > 0 {
		err := d.Believe(answer.Evidence)
		if err == nil {
			s.Says = "sent evidence against the provider, which holds"
			return s
		}
		also = "; it sent evidence that does not hold: " + plain(err) // and its archive may show more
	}
	if d.Convicted() {
		s.Says = "was told of the evidence"
		return s
	}
	mirror := one.feed.Mirror(d.Domain())
	if envelope, err := mirror.Document(ctx); err == nil {
		if err := d.HoldDocument(envelope); err != nil {
			s.Says = "could not be compared: " + plain(err) + also
			return s
		}
	}
	size, outcome, err := d.Hold(ctx, mirror, s.Address)
	switch {
	case err != nil:
		s.Says = fmt.Sprintf("audited %s; its archive could not be compared: %s", entries(answer.Size), plain(err))
	case outcome == Contradicts:
		s.Says = "was shown another log, of " + entries(size)
	default:
		s.Agrees = also == ""
		s.Says = "agrees; it audited " + entries(size)
	}
	s.Says += also
	s.Size = max(size, answer.Size)
	return s
}

// last is when the peer was heard last about a log.
func (one *peer) last(d *Desk) time.Time {
	one.mu.Lock()
	defer one.mu.Unlock()
	return one.said[d].At
}

func ask(ctx context.Context, f *feed.Feed, s *gossip.Sighting) (*gossip.Answer, error) {
	body, err := s.Append(nil)
	if err != nil {
		return nil, err
	}
	b, err := f.Sight(ctx, body, gossip.MaxAnswer)
	if err != nil {
		return nil, err
	}
	return gossip.ParseAnswer(b)
}

func entries(n uint64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// plain is an error as people read it, in few words: some of it may be a stranger's.
func plain(err error) string {
	s := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "feed: ")), " ")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "..."
	}
	return s
}

var _ Mirror = (*feed.Feed)(nil)
