package client

import (
	"context"
	"sync"
	"time"

	"github.com/kith-kt/kith/proto/wire"
)

// A Store keeps a state between requests and programs.
//
// Save returns only when the state is durable, or an error and the former
// state is still what the store holds. The client calls it after every full
// verification and before it returns what was verified, and before it sends an
// update.
type Store interface {
	Save(state *State) error
}

// A Setting says how strictly the gate acts. For roll-out it goes from Observe
// over Warn to Enforce.
type Setting uint8

// The settings of the gate.
const (
	Enforce Setting = iota // nothing unproved and nothing against policy reaches the caller
	Warn                   // a proved key reaches the caller in spite of policy and resets, with warnings; failures are reported, not returned as errors
	Observe                // nothing reaches the caller but a report on the key that it uses already
)

// A Policy is what an answer must meet besides being proved.
type Policy struct {
	Setting Setting
	// RequireAuditor refuses a log without a third-party auditor.
	RequireAuditor bool
	// MinimumAge is how long a value must have been in the log before it is
	// handed out, for clients that cannot keep state; 0 for none.
	MinimumAge time.Duration
	// Opaque says that values are not account records: only greatest values
	// are proved, and no chain is followed.
	Opaque bool
}

// A Config is what a Client needs. Service and State are required.
type Config struct {
	Service Service
	State   *State
	Store   Store            // nil: the state is kept in memory only
	Now     func() time.Time // nil: time.Now
	Policy  Policy
	Token   string // bearer token, or ""
}

// A Client asks a service, verifies, and keeps the state. It is safe for
// concurrent use; requests are made one after another, since each advertises
// the head that the one before it verified.
type Client struct {
	service Service
	store   Store
	now     func() time.Time
	policy  Policy
	token   string

	mu    sync.Mutex
	state *State
}

// New returns a client that goes on from config.State.
func New(config Config) *Client {
	c := &Client{service: config.Service, store: config.Store, now: config.Now, policy: config.Policy, token: config.Token, state: config.State}
	if c.now == nil {
		c.now = time.Now
	}
	return c
}

// State returns the newest state.
func (c *Client) State() *State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// ask makes one request from the newest state, verifies the response and keeps
// the next state. The caller holds c.mu.
func ask[T any](ctx context.Context, c *Client, call wire.Call, verify Verify[T]) (T, error) {
	panic("not yet")
}
