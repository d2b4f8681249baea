package login

import (
	"encoding/base64"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/opaque"
)

// perNetwork bounds the handshakes under way of one network, so that nobody alone
// pushes out those of others.
const perNetwork = 256

// A handshake is a login between two steps. It is used once, by the network that
// began it, for what it was begun for.
type handshake struct {
	kind    string // the step that may follow
	name    string
	from    Requester
	until   time.Time
	scales  []scale
	account uint64 // generation of the account; 0: there is none

	srp       *srp.Server
	a         []byte
	opaque    *opaque.Handshake
	challenge []byte // of a device, or the nonce that was sealed
	recovery  bool   // the code, and not the password
	how       string // of a login that waits for its second factor
	legacy    bool
	known     bool // device
}

// pending are the handshakes under way, oldest first.
type pending struct {
	mu    sync.Mutex
	live  time.Duration
	all   *simplelru.LRU[string, *handshake]
	count map[string]int // by network
}

func newPending(most int, live time.Duration) *pending {
	p := &pending{live: live, count: map[string]int{}}
	all, err := simplelru.NewLRU(most, func(_ string, h *handshake) {
		network := h.from.Network.String()
		if p.count[network]--; p.count[network] <= 0 {
			delete(p.count, network)
		}
	})
	if err != nil {
		panic("login: " + err.Error())
	}
	p.all = all
	return p
}

// add keeps a handshake, and returns its name.
func (p *pending) add(h *handshake, now time.Time, rand io.Reader) (id string, err error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(rand, b); err != nil {
		return "", err
	}
	id = base64.RawURLEncoding.EncodeToString(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	for { // those that are over make room
		_, old, ok := p.all.GetOldest()
		if !ok || now.Before(old.until) {
			break
		}
		p.all.RemoveOldest()
	}
	network := h.from.Network.String()
	if p.count[network] >= perNetwork {
		return "", &ThrottledError{After: p.live}
	}
	h.until = now.Add(p.live)
	p.count[network]++
	p.all.Add(id, h)
	return id, nil
}

// take ends a handshake, and returns it if it may go on in this way.
func (p *pending) take(id, kind string, from Requester, now time.Time) (*handshake, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h, ok := p.all.Peek(id)
	if !ok {
		return nil, ErrDenied
	}
	p.all.Remove(id)
	if h.kind != kind || !now.Before(h.until) || h.from.Network != from.Network {
		return nil, ErrDenied
	}
	return h, nil
}
