package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/gossip"
	"github.com/kith-kt/kith/proto/evidence"
)

// An exhibit is an evidence file that this program made, or was sent and verified.
type exhibit struct {
	file    []byte
	update  []byte // that the file commits to and has no room for; nil: none
	verdict *evidence.Verdict
}

// exhibit puts a misbehaviour into an evidence file, which others can verify
// without this program. Two signed heads that contradict each other need no
// witness; for the rest somebody states what was served, anonymously, with a key
// made for the occasion. It returns nil where there is nothing to show.
func (s *session) exhibit(m *client.Misbehaviour, saved []byte) (*exhibit, error) {
	if m.File != nil {
		return s.verified(m.File)
	}
	e, err := s.contradiction(m)
	if err == nil && e == nil {
		e, err = s.statement(m, saved)
	}
	if err != nil || e == nil {
		return nil, err
	}
	file, err := e.Append(nil)
	if err != nil {
		return nil, err
	}
	return s.verified(file)
}

// verified reads an evidence file that must be about the pinned log.
func (s *session) verified(file []byte) (*exhibit, error) {
	verdict, err := gossip.Verify(file, s.pinned.Document)
	if err != nil {
		return nil, err
	}
	return &exhibit{file: file, verdict: verdict}, nil
}

// heads returns the newest head of the state, and the one that a finding holds
// against it, if there is one.
func (s *session) heads(m *client.Misbehaviour) (ours, theirs *evidence.SignedHead) {
	if head := s.client.State().Head(); head != nil {
		ours = signedHead(head)
	}
	if m.Against == nil {
		return ours, nil
	}
	_, verdict, err := client.VerifySaved(m.Against)
	if err != nil || verdict.State.Head() == nil {
		return ours, nil
	}
	return ours, signedHead(verdict.State.Head())
}

func signedHead(h *client.Head) *evidence.SignedHead {
	return &evidence.SignedHead{Size: h.Tree.TreeSize, Root: h.Root, Signature: h.Tree.Signature}
}

// contradiction is what the signed heads of a finding prove by themselves, or nil.
func (s *session) contradiction(m *client.Misbehaviour) (*evidence.Evidence, error) {
	ours, theirs := s.heads(m)
	if ours == nil || theirs == nil || ours.Size != theirs.Size || ours.Root == theirs.Root {
		return nil, nil
	}
	return evidence.NewTwoHeads(s.envelope, *ours, *theirs)
}

// Bounds of what a statement shows: an evidence file has 64 KiB.
const (
	maxShown   = 24 << 10 // bytes of one answer
	maxAnswers = 2
)

// statement says who was served what.
func (s *session) statement(m *client.Misbehaviour, saved []byte) (*evidence.Evidence, error) {
	st := &evidence.Statement{Time: uint64(max(0, s.p.now().UnixMilli()))}
	ours, theirs := s.heads(m)
	switch {
	case m.Kind == client.RolledBack && ours != nil && theirs != nil && theirs.Size < ours.Size:
		st.About, st.Entry = evidence.Rollback, theirs.Size
		st.Items = []evidence.Item{evidence.ItemHead{Head: *ours}, evidence.ItemHead{Head: *theirs}}
	case m.Kind == client.Withheld || m.Kind == client.Unexpected:
		if len(saved) > maxShown*maxAnswers {
			return nil, nil
		}
		st.About = evidence.Withheld
		st.Items = []evidence.Item{evidence.ItemSaved{Proof: saved}}
	default:
		st.About = evidence.BadAnswer
		for _, h := range []*evidence.SignedHead{ours, theirs} {
			if h != nil {
				st.Items = append(st.Items, evidence.ItemHead{Head: *h})
			}
		}
		parsed, err := client.ParseSaved(saved)
		if err != nil || len(parsed.Exchanges) == 0 {
			return nil, nil // nothing was answered
		}
		for _, e := range parsed.Exchanges[max(0, len(parsed.Exchanges)-maxAnswers):] {
			st.Items = append(st.Items, evidence.Served("/kt/v1/"+e.Operation.String(), e.Response, maxShown))
		}
	}
	text := string(m.Kind) + ": " + m.Detail
	st.Items = append(st.Items, evidence.ItemText{Text: oneLine(printable(text[:min(len(text), 1000)]))})
	return s.sign(st)
}

// sign signs a statement with a key that is forgotten at once.
func (s *session) sign(st *evidence.Statement) (*evidence.Evidence, error) {
	public, key, err := ed25519.GenerateKey(s.p.rand)
	if err != nil {
		return nil, err
	}
	st.Observer = public
	return evidence.SignStatement(s.envelope, st, func(msg []byte) ([]byte, error) { return ed25519.Sign(key, msg), nil })
}

// disownVersion is the statement of an owner, signed with the account key, that a version
// of a label is not its own. saved proves the owner's last version and that one.
func (s *session) disownVersion(key ed25519.PrivateKey, entry uint64, saved []byte) (*exhibit, error) {
	if len(saved) > maxShown*maxAnswers {
		return nil, errors.New("the proof is too large for an evidence file")
	}
	st := &evidence.Statement{
		Observer: key.Public().(ed25519.PublicKey), Time: uint64(max(0, s.p.now().UnixMilli())),
		About: evidence.UnexpectedVersion, Entry: entry, Items: []evidence.Item{evidence.ItemSaved{Proof: saved}},
	}
	e, err := evidence.SignStatement(s.envelope, st, func(msg []byte) ([]byte, error) { return ed25519.Sign(key, msg), nil })
	if err != nil {
		return nil, err
	}
	file, err := e.Append(nil)
	if err != nil {
		return nil, err
	}
	return s.verified(file)
}

// counts reports whether a verdict is a reason to refuse the log for good: it is proved,
// or attested by an auditor on whom the user's policy relies. What was late or away, or
// was by the observer's clock, is none: it passes, the auditor itself goes on with the
// log after it, and clocks err.
func (s *session) counts(v *evidence.Verdict) bool {
	if v.Proved {
		return true
	}
	switch v.Claim {
	case evidence.StaleHead, evidence.FutureTimestamp, evidence.FeedStalled, evidence.FeedDropped:
		return false
	}
	return s.inForce.Believes(v.Observer)
}

// convict keeps an exhibit. If it counts, the log is refused from now on. by says where
// it came from.
func (s *session) convict(x *exhibit, by string) (path string, refused bool, err error) {
	v := x.verdict
	if !s.counts(v) {
		path, err = s.ring.SaveEvidenceFile(v.Kind.String(), x.file)
	} else {
		text := v.Text
		if !v.Proved {
			text = fmt.Sprintf("%s (attested by %s, %s)", text, nameOfKey(v.Observer), evidence.Time(v.Time))
		}
		path, refused, err = s.ring.Convict(s.log.Fingerprint(), v.Kind.String(), x.file, oneLine(printable(text)), by, s.p.now())
	}
	if err == nil && x.update != nil {
		err = s.ring.SaveDetached(path, x.update)
	}
	return path, refused, err
}

// nameOfKey is the name in a verifier key, or its beginning.
func nameOfKey(vkey string) string {
	name, rest, _ := strings.Cut(vkey, "+")
	if name == "" || name == "anonymous" {
		return "an anonymous observer"
	}
	id, _, _ := strings.Cut(rest, "+")
	return printable(name + "+" + id)
}
