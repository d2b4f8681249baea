package cosign

import (
	"fmt"
	"strings"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
)

// The roles of cosigners.
const (
	RoleWitness = "witness" // has seen one sequence of leaves
	RoleAuditor = "auditor" // has also audited them
)

// A Target is a cosigner.
type Target struct {
	Role    string // RoleWitness or RoleAuditor
	Name    string // for people
	Key     string // note verifier key, of checkpoint.NewWitness
	Address string // base address, below which add-checkpoint is; "": it is not asked
}

// Targets are who cosigns, and how many of them a checkpoint needs. The zero
// Targets are nobody.
type Targets struct {
	List             []Target
	WitnessThreshold int
	AuditorThreshold int
	MaxLag           time.Duration // of a head behind the newest cosigned checkpoint; 0: none stated
}

// TargetsOf returns the cosigners that a provider document names.
func TargetsOf(d *provider.Document) Targets {
	t := Targets{
		WitnessThreshold: d.WitnessThreshold,
		AuditorThreshold: d.AuditorThreshold,
		MaxLag:           time.Duration(min(d.MaxWitnessLagMS, uint64((1<<63-1)/time.Millisecond))) * time.Millisecond,
	}
	for _, w := range d.Witnesses {
		name, _, _ := strings.Cut(w.Key, "+")
		t.List = append(t.List, Target{RoleWitness, name, w.Key, w.Address})
	}
	for _, a := range d.Auditors {
		if a.Cosigner != "" {
			t.List = append(t.List, Target{RoleAuditor, a.Name, a.Cosigner, a.Address})
		}
	}
	return t
}

// A crew is Targets ready for use.
type crew struct {
	targets   Targets
	witnesses checkpoint.Quorum
	auditors  checkpoint.Quorum
}

// MaxTargets is how many cosigners a log may have: each of their lines must fit
// into one note.
const MaxTargets = 32

// Check reports why nobody could use targets: keys that are none, a threshold that
// cannot be met, an address that is never asked.
func Check(t Targets) error {
	if _, err := newCrew(t); err != nil {
		return err
	}
	for _, x := range t.List {
		if x.Address == "" {
			continue
		}
		if err := CheckAddress(x.Address); err != nil {
			return fmt.Errorf("cosign: %s: %w", x.Name, err)
		}
	}
	return nil
}

func newCrew(t Targets) (*crew, error) {
	if len(t.List) > MaxTargets {
		return nil, fmt.Errorf("cosign: %d cosigners, above the limit of %d", len(t.List), MaxTargets)
	}
	c := &crew{targets: t}
	var keys [2][]string
	for _, x := range t.List {
		switch x.Role {
		case RoleWitness:
			keys[0] = append(keys[0], x.Key)
		case RoleAuditor:
			keys[1] = append(keys[1], x.Key)
		default:
			return nil, fmt.Errorf("cosign: %s has the role %q", x.Name, x.Role)
		}
	}
	var err error
	if c.witnesses, err = checkpoint.NewQuorum(t.WitnessThreshold, keys[0]...); err != nil {
		return nil, fmt.Errorf("cosign: witnesses: %w", err)
	}
	if c.auditors, err = checkpoint.NewQuorum(t.AuditorThreshold, keys[1]...); err != nil {
		return nil, fmt.Errorf("cosign: auditors: %w", err)
	}
	return c, nil
}

// demands reports whether a checkpoint needs any cosignature.
func (c *crew) demands() bool {
	return c.targets.WitnessThreshold > 0 || c.targets.AuditorThreshold > 0
}

// met reports whether a checkpoint has what it needs, whatever the age.
func (c *crew) met(s *checkpoint.Signed) bool {
	if !c.demands() {
		return false
	}
	for _, q := range []*checkpoint.Quorum{&c.witnesses, &c.auditors} {
		if _, err := q.Check(s, 0, 1<<63-1); err != nil {
			return false
		}
	}
	return true
}
