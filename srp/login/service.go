package login

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/opaque"
)

// A Service is an account service. It is safe for concurrent use.
type Service struct {
	config   Config
	profiles map[string]*srp.Profile
	wells    map[string]*well
	opaque   *opaque.Server
	throttle *throttle
	gate     *gate
	pending  *pending
	nobody   *nobody
	shapes   atomic.Pointer[shapes]
	events   atomic.Uint32 // counts what was noted
}

// New returns the service of a configuration.
func New(c Config) (*Service, error) {
	if err := c.setDefaults(); err != nil {
		return nil, err
	}
	s := &Service{
		config: c, profiles: map[string]*srp.Profile{}, wells: map[string]*well{},
		throttle: newThrottle(), gate: newGate(c.Concurrent, c.Waiting), pending: newPending(c.Pending, c.Handshake),
	}
	for _, p := range append([]*srp.Profile{srp.Kith3072()}, c.Weak...) {
		if s.profiles[p.Name] != nil {
			return nil, fmt.Errorf("login: two profiles are named %s", p.Name)
		}
		s.profiles[p.Name] = p
		s.wells[p.Name] = &well{p, make(chan *srp.Ephemeral, ephemerals)}
	}
	server, err := opaque.NewServer(c.Key.derive("opaque", opaque.Nh), c.OPAQUEContext)
	if err != nil {
		return nil, err
	}
	s.opaque = server
	if s.nobody, err = newNobody(&c, s.profiles); err != nil {
		return nil, err
	}
	return s, s.reshape(context.Background())
}

// opaqueContext is Config.OPAQUEContext of our own clients.
const opaqueContext = "kith opaque 1"

// OPAQUEIdentities are those of a name's logins.
func (s *Service) opaqueIdentities(name string) opaque.Identities {
	return opaque.Identities{Client: []byte(name), Server: []byte(s.config.Domain)}
}

// DefaultProfile is the name of the SRP profile that is always taken.
const DefaultProfile = "kith-3072-sha256-argon2id"
