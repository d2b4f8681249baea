package gossip

import (
	"fmt"
	"strings"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/provider"
)

// NewSighting returns what a user saw of a log: the newest head, the head that waits
// to be covered by a cosigned checkpoint, the roots at the distinguished entries
// retained, the pinned provider document, and signed checkpoints, of which the first
// few count.
//
// It holds nothing that depends on a label.
func NewSighting(state *client.State, document []byte, checkpoints ...[]byte) *gossip.Sighting {
	s := &gossip.Sighting{Document: document, Fingerprint: state.Log().Fingerprint()}
	if head := state.Head(); head != nil {
		s.Heads = append(s.Heads, evidence.SignedHead{Size: head.Tree.TreeSize, Root: head.Root, Signature: head.Tree.Signature})
		if p := state.Pending(); p != nil && p.Size != head.Tree.TreeSize {
			s.Heads = append(s.Heads, evidence.SignedHead{Size: p.Size, Root: p.Root, Signature: p.Signature})
		}
	}
	s.Distinguished = state.DistinguishedHead(gossip.MaxDistinguished).Heads
	for _, c := range checkpoints {
		if len(c) > 0 && len(s.Checkpoints) < gossip.MaxCheckpoints {
			s.Checkpoints = append(s.Checkpoints, c)
		}
	}
	return s
}

// Verify verifies an evidence file, and that it is about the log of the provider
// document that the user has pinned: about the keys in it, its domain and its
// fingerprint. Whether it is proved, or only attested by somebody, the verdict
// says. Errors are those of package evidence.
func Verify(file []byte, pinned *provider.Document) (*evidence.Verdict, error) {
	e, err := evidence.Parse(file)
	if err != nil {
		return nil, err
	}
	verdict, err := e.VerifyWith(client.SavedValues)
	if err != nil {
		return nil, err
	}
	return verdict, Concerns(verdict, pinned)
}

// Concerns reports, as an evidence.ErrForeign, that a verdict is about another log
// than that of the pinned document. A log that the same provider had before, or has
// elsewhere, is another one.
func Concerns(verdict *evidence.Verdict, pinned *provider.Document) error {
	if err := verdict.Concerns(pinned); err != nil {
		return err
	}
	known, err := pinned.Fingerprint()
	if err != nil {
		return err
	}
	// Of two documents, either may be the user's: it is the provider who is accused.
	if verdict.Domain != pinned.Domain || verdict.Fingerprint != known && verdict.Kind != evidence.TwoDocuments {
		return fmt.Errorf("%w: it is about the log %s of %s", evidence.ErrForeign, verdict.Fingerprint, verdict.Domain)
	}
	return nil
}

// Bare returns a signed checkpoint with the log's own signature alone, so that it is
// small, whoever added what to it. Errors are those of Verifier.Open.
func Bare(v *checkpoint.Verifier, note []byte) ([]byte, *checkpoint.Signed, error) {
	signed, err := v.Open(note)
	if err != nil {
		return nil, nil, err
	}
	text := signed.Text() + "\n"
	for line := range strings.Lines(strings.TrimPrefix(string(note), text)) {
		if bare := []byte(text + line); strings.HasPrefix(line, "— "+v.Origin()+" ") {
			if _, err := v.Open(bare); err == nil {
				return bare, signed, nil
			}
		}
	}
	return nil, nil, fmt.Errorf("gossip: %w", checkpoint.ErrSignature)
}
