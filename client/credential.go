package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// Classes of fault of credentials.
var (
	// ErrNotRecent is a credential on a log entry that the user does not know as
	// a recent distinguished one. It must not prompt a request ("Credentials").
	ErrNotRecent = errors.New("the credential rests on no recent log entry that you know")
	// ErrCredential is a credential that does not verify, or cannot be made.
	ErrCredential = errors.New("credential does not hold")
)

// StandardCredential makes a credential from an own search for the greatest
// version ("Credentials", "Standard"). The search must have found it in the
// rightmost distinguished log entry, which is the credential's position.
func (s *State) StandardCredential(f *Found) (*wire.Credential, error) {
	start, ok := s.RightmostDistinguished()
	if !f.Greatest || f.response == nil || !ok || f.Terminal != start || f.Size != s.head.Tree.TreeSize {
		return nil, fmt.Errorf("client: %w: version %d of %s was not just found in the newest distinguished log entry", ErrCredential, f.Version, f.Label)
	}
	// The search began there, so its first ladder is whole.
	credential := f.credential(start)
	credential.CredentialType = wire.StandardCredential
	credential.Distinguished = f.response.Search.PrefixProofs[0]
	return credential, nil
}

func (f *Found) credential(position uint64) *wire.Credential {
	return &wire.Credential{
		Label: []byte(f.Label), Version: f.Version, Opening: f.Opening, Value: f.response.Value,
		BinaryLadder: f.response.BinaryLadder, Position: position,
	}
}

// ProvisionalCredential asks for what a credential on an older distinguished log
// entry needs, for a version that is not included there yet ("Credentials",
// "Provisional"). The search is made as if that entry were the last seen, and
// the user's state does not change.
func (s *State) ProvisionalCredential(label string, position uint64) (wire.Call, func(response []byte, now time.Time) (*wire.Credential, error), error) {
	i, ok := s.findDistinguished(position)
	if !ok {
		return wire.Call{}, nil, fmt.Errorf("client: %w: log entry %d", ErrNotRecent, position)
	}
	d := s.distinguished[i]
	side := &State{log: s.log, head: &Head{Tree: wire.TreeHead{TreeSize: position + 1}, Root: d.Root, Retained: d.Retained}}
	call, verify, err := side.Search(label, nil)
	if err != nil {
		return wire.Call{}, nil, err
	}
	return call, func(response []byte, now time.Time) (*wire.Credential, error) {
		f, _, err := verify(response, now)
		if err != nil {
			return nil, err
		}
		if f.Same || f.Terminal <= position {
			return nil, fmt.Errorf("client: %w: version %d of %s is included in log entry %d; a standard credential can be made", ErrCredential, f.Version, label, position)
		}
		c := f.credential(position)
		c.CredentialType = wire.ProvisionalCredential
		c.TreeHead = f.response.FullTreeHead.TreeHead
		c.Search = f.response.Search
		if a := f.response.FullTreeHead.AuditorTreeHead; a != nil {
			if c.Search.Inclusion.Elements, err = withoutAuditor(c.Search.Inclusion.Elements, c.TreeHead.TreeSize, position+1, a.TreeSize); err != nil {
				return nil, err
			}
		}
		return c, nil
	}, nil
}

// withoutAuditor turns the elements of an InclusionProof of a greatest-version
// search, from size prev to size n, made for an AuditorTreeHead of size also,
// into those made for none: a Credential carries no AuditorTreeHead.
func withoutAuditor(elements []wire.HashValue, n, prev, also uint64) ([]wire.HashValue, error) {
	var leaves []uint64
	last := prev - 1
	path := treemath.DirectPath(last, n)
	for _, pos := range path {
		if pos >= prev {
			leaves, last = append(leaves, pos), pos
		}
	}
	for next, ok := treemath.Right(last, n); ok; next, ok = treemath.Right(next, n) {
		leaves = append(leaves, next)
	}
	values := make(map[logtree.Node]wire.HashValue)
	for i, node := range logtree.Needed(leaves, n, prev, also) {
		if i >= len(elements) {
			return nil, fmt.Errorf("client: %w: too few elements", ErrCredential)
		}
		values[node] = elements[i]
	}
	var out []wire.HashValue
	for _, node := range logtree.Needed(leaves, n, prev, 0) {
		value, err := fold(node, values)
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}
	return out, nil
}

// fold computes the value of a balanced subtree from those of its parts.
func fold(node logtree.Node, values map[logtree.Node]wire.HashValue) (wire.HashValue, error) {
	if v, ok := values[node]; ok {
		return v, nil
	}
	if node.Level == 0 {
		return wire.HashValue{}, fmt.Errorf("client: %w: node %v is not in the proof", ErrCredential, node)
	}
	left, err := fold(logtree.Node{Level: node.Level - 1, Index: node.Index << 1}, values)
	if err != nil {
		return left, err
	}
	right, err := fold(logtree.Node{Level: node.Level - 1, Index: node.Index<<1 | 1}, values)
	if err != nil {
		return right, err
	}
	// A tree of this subtree alone, of which the left half was retained.
	size := uint64(1) << node.Level
	eval, err := logtree.Evaluate(nil, size/2, []wire.HashValue{left}, size, 0, []wire.HashValue{right})
	if err != nil {
		return wire.HashValue{}, fmt.Errorf("client: %w: %w", ErrCredential, err)
	}
	return eval.Root(), nil
}

// A Credited is the content of a credential that verified.
type Credited struct {
	Label    string
	Version  uint32
	Value    []byte
	Position uint64
	// Provisional is what the user retains until final verification; nil for a
	// standard credential.
	Provisional *Provisional
}

// A Provisional is a credential that is verified initially and not yet finally.
// It is no part of the State, which it MUST NOT affect.
type Provisional struct {
	Label    string
	Version  uint32
	Terminal uint64
	Entry    wire.LogEntry     // at Terminal
	Retained combined.Retained // of the tree the credential shows
	known    []combined.Known
}

// VerifyCredential verifies a credential received from another user. It makes
// no request and changes no state. A standard credential is then final; of a
// provisional one the content may be used, and FinishCredential is due.
func (s *State) VerifyCredential(c *wire.Credential) (*Credited, error) {
	i, ok := s.findDistinguished(c.Position) // step 1
	if !ok {
		return nil, fmt.Errorf("client: %w: log entry %d", ErrNotRecent, c.Position)
	}
	d := s.distinguished[i]
	f := &Found{Label: string(c.Label), Version: c.Version, Greatest: true, Opening: c.Opening}
	known, err := s.searchLadder(f, &c.Value, c.BinaryLadder) // steps 2 to 4
	if err != nil {
		return nil, credentialError(err)
	}
	out := &Credited{Label: f.Label, Version: c.Version, Value: c.Value.Value, Position: c.Position}
	switch c.CredentialType {
	case wire.StandardCredential:
		root, err := combined.StandardCredential(c.Version, known, &c.Distinguished)
		if err != nil {
			return nil, credentialError(err)
		}
		if root != d.Entry.PrefixTree {
			return nil, fmt.Errorf("client: %w: it is not from log entry %d", ErrCredential, c.Position)
		}
	case wire.ProvisionalCredential:
		out.Provisional, err = s.verifyProvisional(c, d, known)
		if err != nil {
			return nil, credentialError(err)
		}
	default:
		return nil, fmt.Errorf("client: %w: unknown type %d", ErrCredential, c.CredentialType)
	}
	return out, nil
}

// verifyProvisional is the initial verification of "Provisional".
func (s *State) verifyProvisional(c *wire.Credential, d *Distinguished, known []combined.Known) (*Provisional, error) {
	size := c.TreeHead.TreeSize
	if size <= c.Position { // step 1
		return nil, fmt.Errorf("its tree of %d entries ends before entry %d", size, c.Position)
	}
	replay, err := combined.NewReplay(&c.Search, size, &d.Retained, known)
	if err != nil {
		return nil, err
	}
	view, err := replay.View(s.log.params)
	if err != nil {
		return nil, err
	}
	terminal, err := view.Provisional(c.Version, c.Position) // step 2
	if err != nil {
		return nil, err
	}
	result, err := replay.Finish(0) // step 3
	if err != nil {
		return nil, err
	}
	if err := s.log.verifyHead(&c.TreeHead, result.Root); err != nil { // step 4
		return nil, err
	}
	entry, ok := result.Entry(terminal)
	if !ok {
		return nil, errors.New("its terminal log entry is not shown")
	}
	return &Provisional{Label: string(c.Label), Version: c.Version, Terminal: terminal, Entry: entry, Retained: result.Next, known: known}, nil
}

// FinishCredential verifies a provisional credential finally: with update, or,
// if it is nil, by the terminal log entry having become distinguished. An
// ErrNotRecent means that the user does not know the necessary log entry yet; the
// update is to be kept until it does. No state changes.
func (s *State) FinishCredential(p *Provisional, update *wire.CredentialUpdate) error {
	if update == nil {
		i, ok := s.findDistinguished(p.Terminal)
		if !ok {
			return fmt.Errorf("client: %w: log entry %d", ErrNotRecent, p.Terminal)
		}
		if s.distinguished[i].Entry.PrefixTree != p.Entry.PrefixTree {
			return fmt.Errorf("client: %w: it showed another log entry %d than the log itself", ErrCredential, p.Terminal)
		}
		return nil
	}
	// The update does not say where it ends. It ends at the first distinguished
	// entry, of those known, that the credential's tree does not go beyond.
	err := fmt.Errorf("client: %w: no log entry from %d on", ErrNotRecent, p.Retained.Size-1)
	for _, d := range s.distinguished {
		if d.Position < p.Terminal || d.Position+1 < p.Retained.Size {
			continue
		}
		e := s.verifyUpdateTo(p, update, d)
		if e == nil {
			return nil
		}
		err = credentialError(e)
	}
	return err
}

func (s *State) verifyUpdateTo(p *Provisional, update *wire.CredentialUpdate, d *Distinguished) error {
	known := append([]combined.Known(nil), p.known...)
	replay, err := combined.NewReplay(&update.Monitor, d.Position+1, &p.Retained, known)
	if err != nil {
		return err
	}
	view, err := replay.View(s.log.params) // step 2
	if err != nil {
		return err
	}
	if s.log.config.Mode == wire.ContactMonitoring {
		if err := view.CredentialUpdate(p.Terminal, p.Version); err != nil {
			return err
		}
	}
	result, err := replay.Finish(0) // step 3
	if err != nil {
		return err
	}
	if result.Root != d.Root {
		return fmt.Errorf("it shows another log than the one whose entry %d you know", d.Position)
	}
	return nil
}

// credentialError makes a fault of a credential, which is not the directory's
// misbehaviour: anybody can send one.
func credentialError(err error) error {
	if m, ok := errors.AsType[*Misbehaviour](err); ok {
		return fmt.Errorf("client: %w: %s", ErrCredential, m.Detail)
	}
	return fmt.Errorf("client: %w: %w", ErrCredential, err)
}
