package evidence

import (
	"bytes"
	"crypto/sha256"
	"fmt"
)

// kinds gives the word for each kind, and an empty body to read one into.
var kinds = map[Kind]struct {
	word string
	body func() Body
}{
	TwoHeads:           {"two-heads", func() Body { return new(TwoHeadsBody) }},
	TwoCheckpoints:     {"two-checkpoints", func() Body { return new(TwoCheckpointsBody) }},
	TwoLeaves:          {"two-leaves", func() Body { return new(TwoLeavesBody) }},
	HeadAndLeaf:        {"head-and-leaf", func() Body { return new(HeadAndLeafBody) }},
	TwoDocuments:       {"two-documents", func() Body { return new(TwoDocumentsBody) }},
	BadLeaf:            {"bad-leaf", func() Body { return new(BadLeafBody) }},
	BadTimestamps:      {"bad-timestamps", func() Body { return new(BadTimestampsBody) }},
	EarlyRemoval:       {"early-removal", func() Body { return new(EarlyRemovalBody) }},
	BadUpdate:          {"bad-update", func() Body { return new(BadUpdateBody) }},
	BadRoot:            {"bad-root", func() Body { return new(BadRootBody) }},
	HeadsDiverge:       {"heads-diverge", func() Body { return new(HeadsDivergeBody) }},
	CheckpointsDiverge: {"checkpoints-diverge", func() Body { return new(CheckpointsDivergeBody) }},
	Stated:             {"statement", func() Body { return new(Statement) }},
}

// String returns the word for a kind: "two-heads".
func (k Kind) String() string {
	if e, ok := kinds[k]; ok {
		return e.word
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// Is reports whether a file begins as evidence does.
func Is(b []byte) bool { return bytes.HasPrefix(b, []byte(Magic)) }

// Parse reads a file. It verifies its checksum, not what it shows.
func Parse(b []byte) (*Evidence, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, ErrTooLarge)
	}
	if !Is(b) {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrMalformed, Magic[:len(Magic)-1])
	}
	if len(b) < len(Magic)+sha256.Size {
		return nil, fmt.Errorf("%w: cut short", ErrMalformed)
	}
	content, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if sha256.Sum256(content) != [32]byte(sum) {
		return nil, fmt.Errorf("%w: its checksum is wrong: the file was changed or cut", ErrMalformed)
	}
	r := &reader{b: bytes.Clone(content[len(Magic):])}
	e := &Evidence{Kind: Kind(r.u8())}
	known, ok := kinds[e.Kind]
	if !ok {
		return nil, fmt.Errorf("%w: unknown kind %d", ErrMalformed, e.Kind)
	}
	e.Document.decode(r)
	e.Body = known.body()
	e.Body.decode(r)
	if err := r.end(); err != nil {
		return nil, err
	}
	return e, nil
}

// Append appends the file of e to b.
func (e *Evidence) Append(b []byte) ([]byte, error) {
	if e.Body == nil || e.Body.kind() != e.Kind {
		return b, fmt.Errorf("%w: %s has the body of another kind", ErrMalformed, e.Kind)
	}
	w := &writer{b: []byte(Magic)}
	w.u8(uint8(e.Kind))
	e.Document.encode(w)
	e.Body.encode(w)
	if w.err != nil {
		return b, w.err
	}
	sum := sha256.Sum256(w.b)
	w.fixed(sum[:])
	if len(w.b) > MaxSize {
		return b, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(w.b))
	}
	return append(b, w.b...), nil
}
