package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/proto/wire"
)

// A Setting says how strictly the gate acts. For roll-out it goes from Observe
// over Warn to Enforce.
type Setting uint8

// The settings of the gate.
const (
	// Enforce lets nothing through that is unproved or against policy.
	Enforce Setting = iota
	// Warn lets a proved value through in spite of policy and resets, with
	// warnings. What is not proved is not let through, but reported in
	// Lookup.Problem instead of returned as an error.
	Warn
	// Observe lets nothing through. It reports on the key that the caller has by
	// other means (Options.Own).
	Observe
)

// A Policy is what an answer must meet besides being proved.
type Policy struct {
	Setting Setting
	// RequireAuditor refuses a log without a third-party auditor.
	RequireAuditor bool
	// MinimumAge is how long a value must have been in the log before it is
	// handed out, for clients that cannot keep state; 0: none.
	MinimumAge time.Duration
	// Opaque says that values are not account records: they are proved, and no
	// chain is followed. Labels are then taken as they are.
	Opaque bool

	// Witnesses and Auditors are whose cosignatures a checkpoint of the audit log
	// must have to which the head is bound (see Binder). A threshold of 0 demands
	// none; if both are 0, no binding is asked for.
	Witnesses, Auditors checkpoint.Quorum
	// MaxCosignatureAge is how old a cosignature may be, by the user's clock; 0:
	// DefaultMaxCosignatureAge.
	MaxCosignatureAge time.Duration
	// MaxWitnessLag is how much newer than the newest entry under the checkpoint
	// that of the head may be, and how long a head may wait to be covered by a
	// checkpoint; 0: DefaultMaxWitnessLag.
	MaxWitnessLag time.Duration
}

// Options are what one lookup asks for.
type Options struct {
	// Version is a version to look up; nil: the greatest. The chain of records
	// is followed only to the greatest version.
	Version *uint32
	// Own is the key, or the whole value, that the caller uses already, for
	// Observe and Warn; nil: none.
	Own []byte
}

// A Check is one thing that was checked, in plain words.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// A Lookup is what the gate lets through, with what was checked.
type Lookup struct {
	Label   string
	Version uint32
	// Value is the proved value, and Record the account record in it; nil when
	// the gate did not let them through, and Record also in opaque-value mode.
	Value  []byte
	Record *record.Record
	// Held is the record that the gate holds back until Acknowledge, to be shown
	// and never to be used.
	Held *record.Record

	Events   []*record.Event // what happened since the record that was pinned
	Standing record.Standing // who holds the label now

	// Found is what was proved, or nil. Its Value too is nil when the gate did
	// not let it through.
	Found *Found

	Checks   []Check
	Warnings []string
	Problem  error // what Enforce would have returned
	// Match says, when Options.Own was given and a value proved, whether it is a
	// key of that value.
	Match *bool
	// Saved is a saved proof of all exchanges (see VerifySaved).
	Saved []byte
}

// Lookup is the gate: the one function through which a key reaches a caller. The
// value is proved; the head it is proved under is signed, fresh, and continues
// every head seen before; the chain of account records from the pinned one to
// this one is unbroken or its break acknowledged; the policy is met.
//
// Errors are a *Misbehaviour, an ErrClock, problem.ErrNoAnswer for a label that
// was never proved, ErrUnacknowledged (with a Lookup that says what happened),
// ErrPolicy, or what else the service met with. In the settings Warn and Observe
// they stand in Lookup.Problem.
func (c *Client) Lookup(ctx context.Context, name string, options Options) (l *Lookup, err error) {
	canonical, err := c.canonical(name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		if !c.finish(&err) {
			l = nil
		}
	}()
	c.begin(canonical)
	l = &Lookup{Label: canonical}
	problem := c.lookup(ctx, l, options)
	l.Saved = c.trace.Append(nil)
	c.trace = nil
	if m, ok := errors.AsType[*Misbehaviour](problem); ok && m.Evidence == nil {
		m.Evidence = l.Saved
	}
	return c.pass(l, options, problem)
}

// canonical brings a label to its one form, or in opaque-value mode leaves it as it is.
func (c *Client) canonical(name string) (string, error) {
	if c.config.Policy.Opaque {
		return name, nil
	}
	canonical, err := label.Canonical(name)
	if err != nil {
		return "", argument(err)
	}
	return canonical, nil
}

// pass is the narrow place of the gate.
func (c *Client) pass(l *Lookup, options Options, problem error) (*Lookup, error) {
	if options.Own != nil && l.Found != nil {
		match := l.holds(options.Own)
		l.Match = &match
		l.check("your key", match, map[bool]string{true: "the key you use is the one in the log", false: "the key you use is not in the log"}[match])
	}
	soft := soft(problem)
	l.Problem = problem
	if problem != nil {
		l.Warnings = append(l.Warnings, problem.Error())
	}
	switch c.config.Policy.Setting {
	case Observe:
		l.withhold()
		return l, nil
	case Warn:
		if problem != nil && !soft {
			l.withhold()
		}
		return l, nil
	}
	if problem == nil {
		return l, nil
	}
	held := l.Record
	l.withhold()
	if l.Held = held; soft {
		return l, problem
	}
	return nil, problem
}

// withhold takes the value out, wherever it stands.
func (l *Lookup) withhold() {
	l.Value, l.Record, l.Held = nil, nil, nil
	if l.Found != nil {
		found := *l.Found
		found.Value, found.response = nil, nil
		l.Found = &found
	}
}

// holds reports whether own is the value, or a key in it.
func (l *Lookup) holds(own []byte) bool {
	if bytes.Equal(own, l.Found.Value) {
		return true
	}
	if l.Record == nil {
		return false
	}
	if l.Record.Account != nil && bytes.Equal(own, l.Record.Account[:]) {
		return true
	}
	for _, k := range l.Record.Keys {
		if bytes.Equal(own, k.Data) {
			return true
		}
	}
	return false
}

// lookup proves, follows the chain and judges by policy. It returns the first
// thing that stands against letting the value through.
func (c *Client) lookup(ctx context.Context, l *Lookup, options Options) error {
	before := c.state
	found, err := c.search(ctx, l.Label, options.Version)
	if err != nil {
		return err
	}
	l.Found, l.Version, l.Value = found, found.Version, found.Value
	l.proved(before, c.state, found, c.config.Now())
	if !c.config.Policy.Opaque {
		if options.Version != nil {
			err = c.lone(l, found)
		} else {
			err = c.follow(ctx, l, found)
		}
		if err != nil {
			return err
		}
	}
	return c.judge(ctx, l)
}

// judge holds the proved value, and the head that it was proved under, against the
// policy.
func (c *Client) judge(ctx context.Context, l *Lookup) error {
	err := c.judgeValue(ctx, l)
	if err != nil && !soft(err) {
		return err
	}
	head := c.bind(ctx, l.check)
	if head == nil || err != nil && soft(head) {
		return err
	}
	return head
}

// soft reports whether an error is about the user's policy, not about the proof.
func soft(err error) bool {
	_, found := errors.AsType[*Misbehaviour](err)
	return !found && (errors.Is(err, ErrPolicy) || errors.Is(err, ErrUnacknowledged))
}

// search proves a version, or the greatest. A label that was proved before and is
// not answered now is withheld.
func (c *Client) search(ctx context.Context, name string, version *uint32) (*Found, error) {
	found, err := ask(ctx, c, name, func(s *State) (wire.Call, Verify[*Found], error) { return s.Search(name, version) })
	if err == nil && len(c.state.contacts[name].Monitor) > maxWatched {
		err = c.monitorContact(ctx, name).Err
	} else if declined(err, problem.ErrNoAnswer) {
		if greatest, ok := c.state.contacts[name].greatest(); ok && (version == nil || *version == greatest) {
			err = c.gone(ctx, name, greatest, version != nil, err)
		}
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

// gone judges that there is no answer for the greatest version seen. If it was
// asked for by number, there is an honest reason: a greater one has replaced it
// meanwhile, and it was erased or has expired.
func (c *Client) gone(ctx context.Context, name string, greatest uint32, byNumber bool, err error) error {
	if byNumber {
		found, e := c.search(ctx, name, nil)
		if e != nil {
			return e
		}
		if found.Version > greatest {
			return err
		}
	}
	return c.withheld(name, err, "version %d of %s was proved before, and now there is no answer", greatest, name)
}

// withheld is the finding that the directory does not answer for what it has
// proved before.
func (c *Client) withheld(label string, err error, format string, args ...any) error {
	evidence := &Saved{Provider: c.config.Provider, Log: c.state.log, Prior: c.state.only(label)}
	return &Misbehaviour{Kind: Withheld, Err: err, Evidence: evidence.Append(nil), Detail: fmt.Sprintf(format, args...)}
}

// greatest is Greatest for a contact that may be nil.
func (c *Contact) greatest() (uint32, bool) {
	if c == nil {
		return 0, false
	}
	return c.Greatest()
}

// judgeValue holds a proved value against the policy.
func (c *Client) judgeValue(ctx context.Context, l *Lookup) error {
	p := &c.config.Policy
	if c.state.contacts[l.Label].Pin.Blocked != 0 {
		l.check("acknowledged", false, "the record chain was broken, and you have not acknowledged it")
		return ErrUnacknowledged
	}
	if p.RequireAuditor && c.state.log.config.Mode != wire.ThirdPartyAuditing {
		l.check("auditor", false, "your policy demands a third-party auditor, and this log has none")
		return fmt.Errorf("%w: the log has no third-party auditor", ErrPolicy)
	}
	if p.MinimumAge > 0 {
		age, err := c.age(ctx, l)
		if err != nil {
			return err
		}
		ok := age >= p.MinimumAge
		l.check("age", ok, fmt.Sprintf("the value has been in the log for at least %s; your policy demands %s", age.Round(time.Millisecond), p.MinimumAge))
		if !ok {
			return fmt.Errorf("%w: the value has been in the log for %s only", ErrPolicy, age.Round(time.Millisecond))
		}
	}
	return nil
}

// age returns for how long the value has been in the log at least. A search for
// the greatest version need not look far back; one for the version may show more.
func (c *Client) age(ctx context.Context, l *Lookup) (time.Duration, error) {
	age := duration(l.Found.HeadTime - l.Found.TerminalTime)
	if age >= c.config.Policy.MinimumAge || !l.Found.Greatest {
		return age, nil
	}
	again, err := c.search(ctx, l.Label, &l.Version)
	if err != nil {
		return 0, err
	}
	return max(age, duration(again.HeadTime-again.TerminalTime)), nil
}
