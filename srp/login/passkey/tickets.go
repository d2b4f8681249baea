package passkey

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/kith-kt/kith/srp/login"
)

// Bounds of what is under way.
const (
	maxTickets = 4096
	perAccount = 16 // more of one account replace its oldest
)

// Kinds of tickets.
const (
	kindMake = iota // a passkey is being made
	kindLink        // an address that was given out
	kindOpen        // the page that was opened by it
)

// A ticket is what its holder may do once, for one account.
type ticket struct {
	kind      int
	of        login.Session // who asked for it, and is still logged in
	network   netip.Prefix  // that may use it; of a link: all
	challenge []byte        // of kindMake
	link      string        // of kindMake: the open ticket that it uses up
	until     time.Time
}

// tickets are those given out, by the SHA-256 of their secret.
type tickets struct {
	mu   sync.Mutex
	life time.Duration
	all  *simplelru.LRU[[32]byte, *ticket]
}

func newTickets(life time.Duration) *tickets {
	all, err := simplelru.NewLRU[[32]byte, *ticket](maxTickets, nil)
	if err != nil {
		panic("passkey: " + err.Error())
	}
	return &tickets{life: life, all: all}
}

// add keeps a ticket, and returns its secret. t.until is set if it is zero.
func (p *tickets) add(t *ticket, now time.Time, rand io.Reader) (secret string, err error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(rand, b); err != nil {
		return "", err
	}
	secret = base64.RawURLEncoding.EncodeToString(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	var oldest *[32]byte
	count := 0
	for _, k := range p.all.Keys() { // oldest first
		o, _ := p.all.Peek(k)
		switch {
		case !now.Before(o.until):
			p.all.Remove(k)
		case o.of.Name == t.of.Name:
			if count++; oldest == nil {
				oldest = &k
			}
		}
	}
	if count >= perAccount {
		p.all.Remove(*oldest)
	}
	if t.until.IsZero() {
		t.until = now.Add(p.life)
	}
	p.all.Add(sha256.Sum256([]byte(secret)), t)
	return secret, nil
}

// get returns a ticket that is good for a network; take says that it is used up.
func (p *tickets) get(secret string, kind int, network netip.Prefix, now time.Time, take bool) (*ticket, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := sha256.Sum256([]byte(secret))
	t, ok := p.all.Peek(k)
	if !ok || t.kind != kind {
		return nil, login.ErrDenied
	}
	if take {
		p.all.Remove(k)
	}
	if !now.Before(t.until) || t.kind != kindLink && t.network != network {
		return nil, login.ErrDenied
	}
	return t, nil
}
