package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// A Store keeps a state between requests and programs.
//
// Save returns only when the state is durable; or else an error, and the former
// state is still what the store holds. The client saves after full
// verification and before it returns what was verified, and before it sends an
// update. A store may refuse a state that is older than the one it holds.
type Store interface {
	Save(state *State) error
}

// A Config is what a Client needs. Service and State are required.
type Config struct {
	Service Service
	State   *State
	Store   Store            // nil: the state is kept in memory only
	Now     func() time.Time // nil: time.Now
	Policy  Policy

	// Domain is the provider's domain, as it stands in account records.
	// Required unless Policy.Opaque.
	Domain string
	// Provider is the pinned provider document, to go into saved proofs; or nil.
	Provider []byte
	// Binder and AuditLog, the verifier of the audit log's checkpoints, are required
	// if the policy demands cosignatures.
	Binder   Binder
	AuditLog *checkpoint.Verifier
	// Former are the digests of the Configurations that the log had before, as the
	// provider document has them (Document.Configurations).
	Former []checkpoint.Digest
	// Token returns the bearer token for a label, or ""; nil: no tokens.
	Token func(label string) string
}

// A Client asks a service, verifies, and keeps the state. It is safe for
// concurrent use; requests are made one after another, since each advertises
// the head that the one before it verified.
type Client struct {
	config Config

	mu    sync.Mutex
	state *State
	saved *State            // what the store holds
	trace *Saved            // the exchanges of the operation under way
	bound *checkpoint.Bound // the last that met the policy, or nil
}

// New returns a client that goes on from config.State.
func New(config Config) *Client {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Client{config: config, state: config.State, saved: config.State}
}

// State returns the newest state.
func (c *Client) State() *State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Edit replaces the state by one that follows from it without a request, such as
// State.WithoutAlerts, and saves it.
func (c *Client) Edit(edit func(*State) (*State, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next, err := edit(c.state)
	if err != nil {
		return err
	}
	c.state = next
	return c.save()
}

// save makes the state durable. The caller holds c.mu.
func (c *Client) save() error {
	if c.config.Store == nil || c.saved == c.state {
		return nil
	}
	if err := c.config.Store.Save(c.state); err != nil {
		return fmt.Errorf("client: the state was not saved: %w", err)
	}
	c.saved = c.state
	return nil
}

// finish saves what an operation verified, even if it failed later on. No
// result leaves before its state is durable.
func (c *Client) finish(err *error) (saved bool) {
	e := c.save()
	if e != nil && *err == nil {
		*err = e
	}
	return e == nil
}

// begin starts to trace the exchanges of an operation on a label.
func (c *Client) begin(label string) {
	c.trace = &Saved{Provider: c.config.Provider, Log: c.state.log, Prior: c.state.only(label)}
}

// exchange makes one request from state and verifies the response.
func exchange[T any](ctx context.Context, c *Client, state *State, label string, call wire.Call, verify Verify[T]) (result T, next *State, e *Exchange, err error) {
	if c.config.Token != nil {
		call.Token = c.config.Token(label)
	}
	response, err := c.config.Service.Do(ctx, call)
	if err != nil {
		return result, nil, nil, err
	}
	now := c.config.Now()
	e = &Exchange{Operation: call.Operation, Request: call.Body, Response: response, Received: uint64(max(0, now.UnixMilli()))}
	result, next, err = verify(response, now)
	if m, ok := errors.AsType[*Misbehaviour](err); ok && m.Evidence == nil {
		saved := &Saved{Provider: c.config.Provider, Log: state.log, Prior: state.only(label), Exchanges: []Exchange{*e}}
		m.Evidence = saved.Append(nil)
	}
	return result, next, e, err
}

// ask makes one request from the newest state, verifies the response and goes on
// from the next state. When the response does not fit the head seen before, it
// finds out why. The caller holds c.mu.
func ask[T any](ctx context.Context, c *Client, label string, request func(*State) (wire.Call, Verify[T], error)) (result T, err error) {
	call, verify, err := request(c.state)
	if err != nil {
		return result, err
	}
	result, next, e, err := exchange(ctx, c, c.state, label, call, verify)
	if err != nil {
		var none T
		return none, c.diagnose(ctx, err)
	}
	if c.trace != nil {
		c.trace.Exchanges = append(c.trace.Exchanges, *e)
	}
	c.state = next
	return result, nil
}

// diagnose looks closer at a response that a returning user could not accept: is
// the proof bad, or is there, for somebody who comes without memory, another log
// under the same signature? It returns err or a finding that says more.
func (c *Client) diagnose(ctx context.Context, err error) error {
	m, found := errors.AsType[*Misbehaviour](err)
	if c.state.head == nil || found && m.Kind != BadProof && m.Kind != BadSignature && m.Kind != RolledBack ||
		!found && !errors.Is(err, problem.ErrRefused) {
		return err
	}
	blank := NewState(c.state.log)
	call, verify, e := blank.Walk(nil)
	if e != nil {
		return err
	}
	_, other, ex, e := exchange(ctx, c, blank, "", call, verify)
	if e != nil {
		return err // nothing holds, with or without memory
	}
	fresh := &Saved{Provider: c.config.Provider, Log: blank.log, Prior: blank, Exchanges: []Exchange{*ex}}
	ours, theirs := c.state.head, other.head
	finding := &Misbehaviour{Err: err, Against: fresh.Append(nil)}
	if found {
		finding.Evidence = m.Evidence
	}
	switch {
	case theirs.Tree.TreeSize < ours.Tree.TreeSize:
		finding.Kind = RolledBack
		finding.Detail = fmt.Sprintf("it signs a log of %d entries now, and had signed one of %d entries before", theirs.Tree.TreeSize, ours.Tree.TreeSize)
	case theirs.Tree.TreeSize == ours.Tree.TreeSize && theirs.Root != ours.Root:
		finding.Kind = Forked
		finding.Detail = fmt.Sprintf("it has signed two different logs of %d entries", ours.Tree.TreeSize)
		finding.File = evidenceFile(evidence.NewTwoHeads(c.config.Provider, ours.signed(), theirs.signed()))
	case theirs.Tree.TreeSize > ours.Tree.TreeSize && c.broken(ctx):
		finding.Kind = Forked
		finding.Detail = fmt.Sprintf("it signs a log of %d entries for newcomers, and cannot show that it continues the %d entries seen before", theirs.Tree.TreeSize, ours.Tree.TreeSize)
	default:
		return err
	}
	if finding.Evidence == nil {
		finding.Evidence = finding.Against
	}
	return finding
}

// broken reports whether the directory, asked for a newer head that continues the
// state's, shows one that does not, or refuses. Not to be reached, or too busy,
// proves nothing.
func (c *Client) broken(ctx context.Context) bool {
	call, verify, err := c.state.Walk(nil)
	if err != nil {
		return false
	}
	_, _, _, err = exchange(ctx, c, c.state, "", call, verify)
	_, found := errors.AsType[*Misbehaviour](err)
	return found || declined(err, problem.ErrRefused, problem.ErrMalformed, problem.ErrNoAnswer)
}
