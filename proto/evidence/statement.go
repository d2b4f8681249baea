package evidence

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// A Claim is what an observer says that a provider did.
type Claim uint8

// What can be claimed, and the Items that must show it.
const (
	Rollback           Claim = 1  // two checkpoints or two heads: seen first, then a smaller one
	StaleHead          Claim = 2  // a checkpoint and the leaf of its last entry, older than max_behind at Time
	FutureTimestamp    Claim = 3  // a checkpoint and a leaf, newer than Time by more than max_ahead
	FeedStalled        Claim = 4  // a checkpoint and an Absent: the entry's update is not served, nor any later one
	FeedDropped        Claim = 5  // a checkpoint and an Absent: what of the entry was asked for is refused
	BadAnswer          Claim = 6  // one Served or more: what an honest provider does not serve
	Withheld           Claim = 7  // a Saved proof of what is no longer answered for, or a checkpoint and an Absent
	UnexpectedVersion  Claim = 8  // a Saved proof of versions, the last of which its owner did not make; signed with the owner's account key
	OtherKeys          Claim = 9  // a Served provider document of another log at the same domain
	OtherConfiguration Claim = 10 // a checkpoint and a leaf of a Configuration that the document does not know
	Unjoined           Claim = 11 // two checkpoints of different sizes, which nothing that was served joins
)

// claims gives the word for each claim.
var claims = map[Claim]string{
	Rollback: "rollback", StaleHead: "stale-head", FutureTimestamp: "future-timestamp",
	FeedStalled: "feed-stalled", FeedDropped: "feed-dropped", BadAnswer: "bad-answer", Withheld: "withheld",
	UnexpectedVersion: "unexpected-version", OtherKeys: "other-keys", OtherConfiguration: "other-configuration", Unjoined: "unjoined",
}

// String returns the word for a claim: "rollback".
func (c Claim) String() string {
	if word, ok := claims[c]; ok {
		return word
	}
	return fmt.Sprintf("claim-%d", uint8(c))
}

// Bounds of a statement.
const (
	maxItems = 16
	maxName  = 255  // bytes
	maxText  = 1024 // bytes of an ItemText
)

// A Statement is what an observer saw, signed with the observer's key.
type Statement struct {
	Observer ed25519.PublicKey // an auditor's cosigner key, an owner's account key, or one made for the occasion
	Name     string            // of an auditor's cosigner key; "": anonymous
	Time     uint64            // by the observer's clock, ms since the Unix epoch
	About    Claim
	Entry    uint64 // position of the log entry it is about; 0 if it is about none
	Items    []Item // at most 16
	// Signature covers all above, and the SHA-256 of the provider document.
	Signature [64]byte
}

// statementContext begins what an observer signs.
const statementContext = "kith-statement 1\n"

// message is what the observer signs.
func (s *Statement) message(payload []byte) ([]byte, error) {
	digest := sha256.Sum256(payload)
	w := &writer{b: append([]byte(statementContext), digest[:]...)}
	s.encodeUnsigned(w)
	return w.b, w.err
}

// SignStatement returns a statement about the provider of a document as evidence.
// sign makes an Ed25519 signature of msg with the observer's key.
func SignStatement(document []byte, s *Statement, sign func(msg []byte) ([]byte, error)) (*Evidence, error) {
	x, _, err := documentOf(document, nil)
	if err != nil {
		return nil, err
	}
	signed := *s
	msg, err := signed.message(x.Payload)
	if err != nil {
		return nil, err
	}
	signature, err := sign(msg)
	if err != nil {
		return nil, fmt.Errorf("evidence: statement: %w", err)
	}
	if len(signature) != ed25519.SignatureSize {
		return nil, invalid("a signature of %d bytes", len(signature))
	}
	signed.Signature = [64]byte(signature)
	e := &Evidence{Kind: Stated, Document: *x, Body: &signed}
	if _, err := e.Append(nil); err != nil {
		return nil, err
	}
	// What rests on a saved proof can only be verified by who has a SavedVerifier.
	if _, err := e.VerifyWith(trustSaved); err != nil {
		return nil, err
	}
	return e, nil
}

func (s *Statement) kind() Kind { return Stated }

func (s *Statement) encode(w *writer) {
	s.encodeUnsigned(w)
	w.fixed(s.Signature[:])
}

func (s *Statement) encodeUnsigned(w *writer) {
	if len(s.Observer) != ed25519.PublicKeySize {
		w.fail("an observer's key of %d bytes", len(s.Observer))
	}
	w.fixed(s.Observer)
	w.opaque8("an observer's name", []byte(s.Name), maxName)
	w.u64(s.Time)
	w.u8(uint8(s.About))
	w.u64(s.Entry)
	w.count8("items", len(s.Items), maxItems)
	for _, item := range s.Items {
		w.u8(item.item())
		item.encode(w)
	}
}

func (s *Statement) decode(r *reader) {
	s.Observer = r.next(ed25519.PublicKeySize)
	s.Name = string(r.opaque8("an observer's name", maxName))
	s.Time, s.About, s.Entry = r.u64(), Claim(r.u8()), r.u64()
	for range r.count8("items", maxItems) {
		if item := decodeItem(r); item != nil {
			s.Items = append(s.Items, item)
		}
	}
	s.Signature = r.signature()
}

func (s *Statement) verify(c *court) error {
	if _, ok := claims[s.About]; !ok {
		return invalid("unknown claim %d", s.About)
	}
	if s.Name != "" {
		if err := checkpoint.CheckOrigin(s.Name); err != nil {
			return invalid("an observer's name: %w", err)
		}
	}
	msg, err := s.message(c.payload)
	if err != nil {
		return err
	}
	if !ed25519.Verify(s.Observer, msg, s.Signature[:]) {
		return invalid("the statement is not signed by its observer")
	}
	c.verdict.Claim, c.verdict.Time, c.verdict.Observer = s.About, s.Time, s.verifierKey()
	shown, err := c.items(s.Items)
	if err != nil {
		return err
	}
	return c.claim(s, shown)
}

// algCosignature is the type byte of a cosigner's Ed25519 key (C2SP
// tlog-cosignature).
const algCosignature = 4

// verifierKey returns the observer's key as a cosigner's verifier key, so that it
// can be compared with those of a policy.
func (s *Statement) verifierKey() string {
	name := s.Name
	if name == "" {
		name = "anonymous"
	}
	key := append([]byte{algCosignature}, s.Observer...)
	h := sha256.Sum256(append([]byte(name+"\n"), key...))
	return fmt.Sprintf("%s+%08x+%s", name, binary.BigEndian.Uint32(h[:]), base64.StdEncoding.EncodeToString(key))
}
