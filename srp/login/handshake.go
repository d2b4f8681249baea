package login

import (
	"container/list"
	"encoding/base64"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/opaque"
)

// Bounds of the handshakes under way, so that nobody alone pushes out those of
// others.
const (
	perNetwork = 256  // of one network
	perRegion  = 1024 // of one region: where one party may have many networks
	perDevice  = 16   // of one known device, which the others do not concern
)

// A handshake is a login between two steps. It is used once, by the network that
// began it, for what it was begun for.
type handshake struct {
	kind    string // the step that may follow
	name    string
	from    Requester
	began   time.Time
	charged []charged
	account uint64 // generation of the account; 0: there is none

	srp       *srp.Server
	a         []byte
	opaque    *opaque.Handshake
	challenge []byte // of a device, the nonce that was sealed, or a state of package passkey
	recovery  bool   // the code, and not the password
	how       string // of a login that waits for its second factor
	legacy    bool
	known     bool // device
}

// pending are the handshakes under way. When there are too many, those go first
// whose region has most.
type pending struct {
	mu      sync.Mutex
	most    int
	live    time.Duration
	all     map[string]*list.Element // of waiting, by id
	oldest  *list.List
	count   map[string]int // by network, or known device
	regions map[netip.Prefix]*list.List
}

// waiting is a handshake in its two lists.
type waiting struct {
	*handshake
	id     string
	region *list.Element // of *list.Element
}

func newPending(most int, live time.Duration) *pending {
	return &pending{
		most: most, live: live, all: map[string]*list.Element{}, oldest: list.New(),
		count: map[string]int{}, regions: map[netip.Prefix]*list.List{},
	}
}

// region is what one party is likely to have of networks: an IPv6 site of 48 bits.
func region(network netip.Prefix) netip.Prefix {
	if a := network.Addr(); a.Is6() && !a.Is4In6() && network.Bits() > 48 {
		wide, _ := a.Prefix(48) // 48 bits are within the address
		return wide
	}
	return network
}

// counted is what a handshake is counted under, and how many there may be.
func (h *handshake) counted() (key string, most int) {
	if h.known {
		return "device " + string(deviceKey(h.name, h.from.Device)), perDevice
	}
	return h.from.Network.String(), perNetwork
}

// room reports a ThrottledError if one more of h would be refused. It costs
// nothing: ask it before anything is computed.
func (p *pending) room(h *handshake, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refuse(h, now)
}

func (p *pending) refuse(h *handshake, now time.Time) error {
	for e := p.oldest.Front(); e != nil && !p.good(e.Value.(*waiting).handshake, now); e = p.oldest.Front() {
		p.remove(e) // those that are over make room
	}
	key, most := h.counted()
	full := p.count[key] >= most
	if r := p.regions[region(h.from.Network)]; !h.known && r != nil && r.Len() >= perRegion {
		full = true
	}
	if full {
		return &ThrottledError{After: p.live}
	}
	return nil
}

// good reports whether a handshake is not over. One from the future is: the clock
// went back, and nobody knows how long ago it began.
func (p *pending) good(h *handshake, now time.Time) bool {
	age := now.Sub(h.began)
	return age < p.live && age > -p.live
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
	if err := p.refuse(h, now); err != nil {
		return "", err
	}
	if len(p.all) >= p.most {
		p.evict()
	}
	h.began = now
	w := &waiting{handshake: h, id: id}
	e := p.oldest.PushBack(w)
	p.all[id] = e
	key, _ := h.counted()
	p.count[key]++
	wide := region(h.from.Network)
	if p.regions[wide] == nil {
		p.regions[wide] = list.New()
	}
	w.region = p.regions[wide].PushBack(e)
	return id, nil
}

// evict drops the older half of what the region with most has. Half, so that a
// flood pays for the search but once in a while.
func (p *pending) evict() {
	var most *list.List
	for _, r := range p.regions {
		if most == nil || r.Len() > most.Len() {
			most = r
		}
	}
	for n := (most.Len() + 1) / 2; n > 0; n-- {
		p.remove(most.Front().Value.(*list.Element))
	}
}

func (p *pending) remove(e *list.Element) {
	w := e.Value.(*waiting)
	p.oldest.Remove(e)
	delete(p.all, w.id)
	key, _ := w.counted()
	if p.count[key]--; p.count[key] <= 0 {
		delete(p.count, key)
	}
	wide := region(w.from.Network)
	r := p.regions[wide]
	if r.Remove(w.region); r.Len() == 0 {
		delete(p.regions, wide)
	}
}

// take ends a handshake, and returns it if it may go on in this way. Who asks for
// what is not theirs ends nothing.
func (p *pending) take(id, kind string, from Requester, now time.Time) (*handshake, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.all[id]
	if !ok {
		return nil, ErrDenied
	}
	h := e.Value.(*waiting).handshake
	if h.from.Network != from.Network {
		return nil, ErrDenied
	}
	p.remove(e)
	if h.kind != kind || !p.good(h, now) {
		return nil, ErrDenied
	}
	return h, nil
}
