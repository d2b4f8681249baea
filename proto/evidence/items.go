package evidence

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// An Item is one thing that an observer shows: an ItemCheckpoint and so on.
type Item interface {
	item() byte
	encode(w *writer)
}

// The items. All signatures and proofs in them are verified, under the keys of the
// document.
type (
	// An ItemCheckpoint is a signed checkpoint.
	ItemCheckpoint struct{ Checkpoint SignedCheckpoint }
	// An ItemHead is a signed tree head.
	ItemHead struct{ Head SignedHead }
	// An ItemLeaf is a leaf under the nearest ItemCheckpoint before it.
	ItemLeaf struct {
		Position uint64
		Leaf     Included
	}
	// An ItemSaved is a client's saved proof.
	ItemSaved struct{ Proof []byte }
	// An ItemServed is the answer to a request. Only that its data is what the
	// observer signed can be verified.
	ItemServed struct {
		Path   string   // of the address, at most 255 bytes
		Size   uint64   // length of the answer, in bytes
		Digest [32]byte // SHA-256 of the answer
		Data   []byte   // all of it, or as much of its beginning as there is room for
	}
	// An ItemAbsent is what was not served, though the checkpoint says it is there.
	ItemAbsent struct {
		Path     string // of the address, at most 255 bytes
		Since    uint64 // when it was first asked for, ms since the Unix epoch
		Attempts uint32 // at least 1
	}
	// An ItemText is a sentence, at most 1024 bytes in one line.
	ItemText struct{ Text string }
)

// Served returns the item of an answer, cut if it is longer than most bytes.
func Served(path string, answer []byte, most int) ItemServed {
	return ItemServed{path, uint64(len(answer)), sha256.Sum256(answer), answer[:min(len(answer), max(most, 0))]}
}

func (ItemCheckpoint) item() byte { return 1 }
func (ItemHead) item() byte       { return 2 }
func (ItemLeaf) item() byte       { return 3 }
func (ItemSaved) item() byte      { return 4 }
func (ItemServed) item() byte     { return 5 }
func (ItemAbsent) item() byte     { return 6 }
func (ItemText) item() byte       { return 7 }

func (x ItemCheckpoint) encode(w *writer) { x.Checkpoint.encode(w) }
func (x ItemHead) encode(w *writer)       { x.Head.encode(w) }
func (x ItemSaved) encode(w *writer)      { w.opaque16("a saved proof", x.Proof) }
func (x ItemText) encode(w *writer)       { encodeText(w, x.Text, maxText) }

func (x ItemLeaf) encode(w *writer) {
	w.u64(x.Position)
	x.Leaf.encode(w)
}

func (x ItemServed) encode(w *writer) {
	encodeText(w, x.Path, maxName)
	w.u64(x.Size)
	w.fixed(x.Digest[:])
	w.opaque16("an answer", x.Data)
}

func (x ItemAbsent) encode(w *writer) {
	encodeText(w, x.Path, maxName)
	w.u64(x.Since)
	w.u32(x.Attempts)
}

func encodeText(w *writer, s string, most int) {
	if len(s) > most {
		w.fail("a text of %d bytes, the most is %d", len(s), most)
	}
	w.opaque16("text", []byte(s))
}

func decodeText(r *reader, most int) string {
	b := r.opaque16()
	if len(b) > most {
		r.fail("a text of %d bytes, the most is %d", len(b), most)
		return ""
	}
	return string(b)
}

func decodeItem(r *reader) Item {
	switch kind := r.u8(); kind {
	case 1:
		var x ItemCheckpoint
		x.Checkpoint.decode(r)
		return x
	case 2:
		var x ItemHead
		x.Head.decode(r)
		return x
	case 3:
		x := ItemLeaf{Position: r.u64()}
		x.Leaf.decode(r)
		return x
	case 4:
		return ItemSaved{r.opaque16()}
	case 5:
		return ItemServed{decodeText(r, maxName), r.u64(), r.hash(), r.opaque16()}
	case 6:
		return ItemAbsent{decodeText(r, maxName), r.u64(), r.u32()}
	case 7:
		return ItemText{decodeText(r, maxText)}
	default:
		r.fail("unknown item %d", kind)
		return nil
	}
}

// A SavedValue is what a saved proof proves of a label.
type SavedValue struct {
	Label   string
	Version uint32
	Value   []byte
	Entry   uint64 // position of the log entry that the search ended at
	// FirstSeen says that the proof rests on no earlier head. Otherwise it rests on
	// what its maker retained of one, which nobody else can verify.
	FirstSeen bool
}

// A SavedVerifier verifies a client's saved proof and that its log is the one with
// the encoded configuration, and returns what it proves, in order. Package client
// has one.
type SavedVerifier func(proof, configuration []byte) ([]SavedValue, error)

// trustSaved stands in for a SavedVerifier where a statement is made: its observer
// has verified its own proofs.
func trustSaved([]byte, []byte) ([]SavedValue, error) { return nil, errTrusted }

// shown is what the verified items of a statement show.
type shown struct {
	checkpoints []SignedCheckpoint
	heads       []SignedHead
	leaves      []shownLeaf
	saved       [][]SavedValue
	trusted     bool // a saved proof was not verified: its observer is making the statement
	served      []ItemServed
	absent      []ItemAbsent
	texts       []string
}

type shownLeaf struct {
	under SignedCheckpoint
	leaf  *checkpoint.Leaf
}

// items verifies all items.
func (c *court) items(items []Item) (*shown, error) {
	s := new(shown)
	for i, item := range items {
		if err := c.show(s, item); err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return s, nil
}

func (c *court) show(s *shown, item Item) error {
	switch x := item.(type) {
	case ItemCheckpoint:
		s.checkpoints = append(s.checkpoints, x.Checkpoint)
		return c.checkpoint(&x.Checkpoint)
	case ItemHead:
		s.heads = append(s.heads, x.Head)
		return c.head(&x.Head)
	case ItemLeaf:
		if len(s.checkpoints) == 0 {
			return invalid("a leaf without a checkpoint before it")
		}
		under := s.checkpoints[len(s.checkpoints)-1]
		leaf, err := c.leaf(&under, &x.Leaf)
		if err != nil {
			return err
		}
		if leaf.Position != x.Position {
			return invalid("leaf %d says that it is leaf %d", x.Position, leaf.Position)
		}
		s.leaves = append(s.leaves, shownLeaf{under, leaf})
	case ItemSaved:
		return c.showSaved(s, x.Proof)
	case ItemServed:
		whole := uint64(len(x.Data)) == x.Size
		if uint64(len(x.Data)) > x.Size || whole && sha256.Sum256(x.Data) != x.Digest {
			return invalid("data is not of the answer it is said to be")
		}
		s.served = append(s.served, x)
		return checkText(x.Path)
	case ItemAbsent:
		if x.Attempts == 0 {
			return invalid("it was never asked for")
		}
		s.absent = append(s.absent, x)
		return checkText(x.Path)
	case ItemText:
		s.texts = append(s.texts, x.Text)
		return checkText(x.Text)
	}
	return nil
}

// checkText refuses texts that would not stand in one line as what they are.
func checkText(s string) error {
	if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return invalid("a text is not one line of UTF-8")
	}
	return nil
}
