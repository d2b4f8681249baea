package gossip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

// An Auditor is where a sighting is handed in.
type Auditor struct {
	Name    string // for people; "": its address
	Address string // https, or http on loopback; sightings are posted below it
}

// Auditors returns the auditors to whom a user hands in: those in the provider
// document that have an address, and others by their addresses, each address once.
func Auditors(d *provider.Document, addresses []string) []Auditor {
	var all []Auditor
	add := func(name, address string) {
		if address != "" && !slices.ContainsFunc(all, func(a Auditor) bool { return strings.TrimSuffix(a.Address, "/") == strings.TrimSuffix(address, "/") }) {
			all = append(all, Auditor{name, address})
		}
	}
	for _, a := range d.Auditors {
		add(a.Name, a.Address)
	}
	for _, address := range addresses {
		add(address, address)
	}
	return all
}

// ErrNoOverlap is an auditor whose roots at recent distinguished entries do not
// overlap with the user's: it sees another log, or one of the two is far behind.
// Nobody signed the roots, so that it convicts nobody.
var ErrNoOverlap = gossip.ErrNoOverlap

// A Reply is what came of handing in at one auditor.
type Reply struct {
	Auditor
	Answer *gossip.Answer // nil if there is none; see Err
	Err    error          // why there is no answer

	// Apart is ErrNoOverlap if its roots and the sighting's do not overlap.
	Apart error
	// Verdict is what its evidence shows about the pinned log, verified here; nil if
	// it sent none that holds, and NoVerdict then says why, unless it sent nothing.
	Verdict   *evidence.Verdict
	NoVerdict error
}

// concurrent bounds how many auditors are asked at once.
const concurrent = 8

// HandIn hands a sighting in to auditors, in random order, and judges their answers
// for the user of a pinned provider document. It returns a reply for each, in the
// order given, when all have answered or ctx is done.
func HandIn(ctx context.Context, auditors []Auditor, s *gossip.Sighting, pinned *provider.Document, o Options) ([]Reply, error) {
	o = o.withDefaults()
	encoded, err := s.Append(nil)
	if err != nil && len(s.Document) > 0 { // auditors know the document of who they audit
		bare := *s
		bare.Document = nil
		encoded, err = bare.Append(nil)
	}
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	replies := make([]Reply, len(auditors))
	turns := make(chan struct{}, concurrent)
	var wait sync.WaitGroup
	for _, i := range rand.Perm(len(auditors)) {
		turns <- struct{}{}
		wait.Go(func() {
			defer func() { <-turns }()
			replies[i] = ask(ctx, auditors[i], s, encoded, pinned, &o)
		})
	}
	wait.Wait()
	return replies, nil
}

// ask hands in at one auditor.
func ask(ctx context.Context, a Auditor, s *gossip.Sighting, encoded []byte, pinned *provider.Document, o *Options) Reply {
	r := Reply{Auditor: a}
	if o.Jitter > 0 {
		if r.Err = o.Sleep(ctx, time.Duration(rand.Int64N(int64(o.Jitter)))); r.Err != nil {
			return r
		}
	}
	b, err := post(ctx, a.Address, encoded, gossip.MaxAnswer, o)
	if err != nil {
		r.Err = err
		return r
	}
	if r.Answer, err = gossip.ParseAnswer(b); err != nil {
		r.Answer, r.Err = nil, fmt.Errorf("gossip: %w: %w", ErrForeign, err)
		return r
	}
	r.judge(s, pinned)
	return r
}

// judge holds an answer against what the user knows.
func (r *Reply) judge(s *gossip.Sighting, pinned *provider.Document) {
	if err := overlap(s.Distinguished, r.Answer.Distinguished); errors.Is(err, ErrNoOverlap) {
		r.Apart = err
	}
	if len(r.Answer.Evidence) > 0 {
		r.Verdict, r.NoVerdict = Verify(r.Answer.Evidence, pinned)
		if r.NoVerdict != nil {
			r.Verdict = nil
		}
	} else if r.Answer.Verdict == gossip.Contradicts {
		r.NoVerdict = errors.New("it shows no evidence")
	}
}

// overlap compares two lists of roots: laid over each other so that at least one root
// is in both, they must be the same wherever both have one. For lists of one length
// that is compare_roots ("Detecting Forks"); an auditor at the beginning of a log, or
// a user there, has fewer.
func overlap(a, b []wire.HashValue) error {
	if len(a) == 0 || len(b) == 0 {
		return gossip.ErrIncomparable
	}
	for off := 1 - len(b); off < len(a); off++ {
		lo, hi := max(0, off), min(len(a), off+len(b))
		if slices.Equal(a[lo:hi], b[lo-off:hi-off]) {
			return nil
		}
	}
	return ErrNoOverlap
}
