// Package authentication is the Authentication Service of MLS on key transparency
// (RFC 9420, "Credential Validation" (5.3.1); RFC 9750, "Authentication Service"): a
// leaf is who its credential says if the directory proves it.
//
// A credential is a basic one whose identity is a label, "bob@example.org", in its one
// form. It is accepted if the gate (client.Client.Lookup) hands out the account record
// of that label, and one of the devices in it has exactly the leaf's signature key for
// the cipher suite. So all that the gate holds against a provider holds for groups too:
// nobody is a member by the provider's word, and a provider who tries leaves evidence.
//
// [Service] is a group.Authenticator: it goes into mls.Config.Authenticator. Once
// somebody is a member nobody asks again, so an application calls [Service.Recheck] from
// time to time, and removes whom the directory does not list any more.
package authentication

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// Directory proves account records. A client.Client is one, for all labels of one
// provider; who has several providers chooses by the domain of the label.
type Directory interface {
	// Lookup proves the newest record of a label, or returns an error. A Lookup with a
	// Record is one that the gate let through; Problem is then nil, or in the setting
	// Warn what stands against it. It is called by several goroutines at once, and ends
	// with ctx.
	Lookup(ctx context.Context, label string, options client.Options) (*client.Lookup, error)
}

// Bounds of what one batch, and the memory of proofs, may come to. A leaf's own sizes are
// bounded by group.Limits before anybody is asked.
const (
	DefaultMaxLabels = 1024             // distinct labels in a batch
	DefaultParallel  = 8                // requests at once
	DefaultTimeout   = 30 * time.Second // without any answer
	DefaultMaxTime   = 10 * time.Minute // of a batch
	MaxReuse         = time.Hour
	maxKept          = 4096 // proofs kept for reuse
)

// Config is what a Service stands on. The first three fields must be there.
type Config struct {
	Directory Directory
	// Suite is the cipher suite of the mls.Client whose Authenticator this is. A
	// device's key counts for the suite under which its record lists it, so that a
	// client of another suite has another Service.
	Suite suite.ID
	Now   func() time.Time

	// Reuse is how long a proof is good for more batches, by Now; 0: it is asked for
	// anew for each, which every Commit then waits for; at most MaxReuse. For so long a
	// device that its owner has removed can still enter. Nobody is refused on the ground
	// of an old proof.
	Reuse time.Duration
	// MaxLabels is how many labels one batch may ask about; 0: DefaultMaxLabels.
	// Each is a request to the directory at least, and a contact that the client
	// watches from then on; and a group that we are invited to chooses them.
	MaxLabels int
	// Parallel is how many labels of a batch are asked about at once; 0: DefaultParallel.
	// A client.Client makes its requests one after another whatever this says, since
	// each of them continues the one before; so it is of use for a Directory that has
	// several, for labels of several providers.
	Parallel int
	// Timeout ends a batch in which no request is answered for so long; 0:
	// DefaultTimeout.
	Timeout time.Duration
	// MaxTime ends a batch however many are answered; 0: DefaultMaxTime. The group waits
	// for so long: 1,000 labels that are a tenth of a second away each, one after
	// another, are some two minutes.
	MaxTime time.Duration
	// Warn is told of what the gate let through in spite of policy or an unacknowledged
	// reset, which it does only in the setting client.Warn. nil: that is refused as if
	// the setting were client.Enforce. In client.Observe the gate lets nothing through,
	// and so nobody enters.
	Warn func(label string, problem error)
}

// Service is an Authentication Service. It may be used by several goroutines at once.
type Service struct {
	cfg Config

	mu   sync.Mutex
	kept map[string]*proof
}

var _ group.SuccessorAuthenticator = (*Service)(nil)

// New returns the service that cfg describes, or ErrConfig.
func New(cfg Config) (*Service, error) {
	switch {
	case cfg.Directory == nil:
		return nil, fmt.Errorf("%w: no Directory: nobody could be proved", ErrConfig)
	case cfg.Now == nil:
		return nil, fmt.Errorf("%w: no Now", ErrConfig)
	case cfg.Reuse < 0 || cfg.Reuse > MaxReuse:
		return nil, fmt.Errorf("%w: Reuse is %s, not 0 to %s", ErrConfig, cfg.Reuse, MaxReuse)
	case cfg.MaxLabels < 0 || cfg.Parallel < 0 || cfg.Timeout < 0 || cfg.MaxTime < 0:
		return nil, fmt.Errorf("%w: a negative bound", ErrConfig)
	}
	if _, err := suite.Get(cfg.Suite); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	cfg.MaxLabels = cmp.Or(cfg.MaxLabels, DefaultMaxLabels)
	cfg.Parallel = cmp.Or(cfg.Parallel, DefaultParallel)
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	cfg.MaxTime = cmp.Or(cfg.MaxTime, DefaultMaxTime)
	return &Service{cfg: cfg, kept: map[string]*proof{}}, nil
}

// Authenticate implements group.Authenticator: it returns nil if the directory proves
// every candidate. Nobody is asked before all credentials have the right form, and each
// label is asked about once, several at a time (Config.Parallel); nobody more once
// somebody is refused. The error names the first who is refused, in the order of
// candidates, and what to do. One that says something about a label comes before one that
// says that the directory is away. It is ErrConfig (a group of another suite),
// ErrCredential, ErrSuccessor, ErrTooMany, ErrUnproved or ErrNotListed, and wraps the
// gate's: a *client.Misbehaviour, with its evidence, is found with errors.As.
func (s *Service) Authenticate(_ []byte, candidates []group.Candidate) error {
	labels := map[string]bool{}
	for i := range candidates {
		c := &candidates[i]
		if c.Suite != s.cfg.Suite {
			return fmt.Errorf("%v %d: %w: the group has cipher suite %v, the Service is for %v: make another for it", c.Entry, c.Index, ErrConfig, c.Suite, s.cfg.Suite)
		}
		name, err := identity(&c.Credential)
		if err != nil {
			return fmt.Errorf("%v %d: %w", c.Entry, c.Index, err)
		}
		if err := successor(c); err != nil {
			return fmt.Errorf("%v %d: %w", c.Entry, c.Index, err)
		}
		labels[name] = true
		if len(labels) > s.cfg.MaxLabels {
			return fmt.Errorf("%w: the most is %d; if the group is meant to be so large, raise MaxLabels", ErrTooMany, s.cfg.MaxLabels)
		}
	}
	q := s.unproved(candidates)
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.MaxTime)
	defer cancel()
	answers := (&lookups{Service: s, labels: q.labels, refused: q.refused, silence: s.cfg.Timeout}).ask(ctx)
	s.warn(q.labels, answers)
	var missing error
	for i, a := range answers {
		if err := q.refused(i, a); err != nil && !away(err) {
			return err
		} else if missing == nil {
			missing = err
		}
	}
	return missing
}

// questions are the labels that the directory is to be asked about, in the order of the
// candidates, and these.
type questions struct {
	*Service
	labels     []string
	candidates [][]*group.Candidate // by label
}

// unproved leaves out those whom a proof of earlier batches lists.
func (s *Service) unproved(candidates []group.Candidate) *questions {
	q := &questions{Service: s}
	at := map[string]int{}
	for i := range candidates {
		c := &candidates[i]
		name := string(c.Credential.Identity)
		if p := s.reusable(name); p != nil && p.lists(s.cfg.Suite, c.SignatureKey) {
			continue
		}
		n, known := at[name]
		if !known {
			n = len(q.labels)
			at[name] = n
			q.labels, q.candidates = append(q.labels, name), append(q.candidates, nil)
		}
		q.candidates[n] = append(q.candidates[n], c)
	}
	return q
}

// refused is why the first candidate of a label is not let in after an answer; nil: all
// are.
func (q *questions) refused(i int, a answer) error {
	for _, c := range q.candidates[i] {
		err := a.err
		switch {
		case a.proof != nil:
			err = q.listed(a.proof, q.labels[i], c.SignatureKey)
		case err == nil:
			err = unproved(q.labels[i], errStopped) // it was not asked about
		}
		if err != nil {
			return fmt.Errorf("%v: %w", c.Entry, err)
		}
	}
	return nil
}

// warn tells the application what the gate let through in spite of something, in the
// order of the labels.
func (s *Service) warn(labels []string, answers []answer) {
	for i, a := range answers {
		if a.warning != nil {
			s.cfg.Warn(labels[i], a.warning)
		}
	}
}
