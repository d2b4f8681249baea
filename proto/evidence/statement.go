package evidence

import "crypto/ed25519"

// A Claim is what an observer says that a provider did.
type Claim uint8

// What can be claimed, and the Items that must show it.
const (
	Rollback           Claim = 1  // two checkpoints or two heads: seen first, then a smaller one
	StaleHead          Claim = 2  // a checkpoint and the leaf of its last entry, older than max_behind at Time
	FutureTimestamp    Claim = 3  // a checkpoint and a leaf, newer than Time by more than max_ahead
	FeedStalled        Claim = 4  // a checkpoint and an Absent: the entry's update is not served, nor any later one
	FeedDropped        Claim = 5  // a checkpoint and an Absent: the entry's update is not served, later ones are
	BadAnswer          Claim = 6  // one Served or more: what an honest provider does not serve
	Withheld           Claim = 7  // a Saved proof of what is no longer answered for
	UnexpectedVersion  Claim = 8  // a Saved proof of versions, the last of which its owner did not make; signed with the owner's account key
	OtherKeys          Claim = 9  // a Served provider document of another log at the same domain
	OtherConfiguration Claim = 10 // a checkpoint and a leaf of a Configuration that the document does not know
	Unjoined           Claim = 11 // two checkpoints of different sizes, which nothing that was served joins
)

// A Statement is what an observer saw, signed with the observer's key.
type Statement struct {
	Observer ed25519.PublicKey // an auditor's cosigner key, an owner's account key, or one made for the occasion
	Name     string            // of an auditor's cosigner key; "": anonymous
	Time     uint64            // by the observer's clock, ms since the Unix epoch
	About    Claim
	Entry    uint64 // position of the log entry it is about
	Items    []Item // at most 16
	// Signature covers all above, and the SHA-256 of the provider document.
	Signature [64]byte
}

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
	// An ItemServed is the answer to a request.
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
		Attempts uint32
	}
	// An ItemText is a sentence, at most 1024 bytes.
	ItemText struct{ Text string }
)

// SignStatement returns a statement about the provider of a document as evidence.
// sign makes an Ed25519 signature of msg with the observer's key.
func SignStatement(document []byte, s *Statement, sign func(msg []byte) ([]byte, error)) (*Evidence, error) {
	return nil, ErrMissing
}

// Served returns the item of an answer, cut if it is longer than most bytes.
func Served(path string, answer []byte, most int) ItemServed { return ItemServed{} }

// CheckpointOf returns a signed checkpoint, as served, as an item needs it.
func CheckpointOf(document, note []byte) (SignedCheckpoint, error) {
	return SignedCheckpoint{}, ErrMissing
}

// A SavedValue is what a saved proof proves of a label.
type SavedValue struct {
	Label   string
	Version uint32
	Value   []byte
	Entry   uint64 // position of the log entry that the search ended at
}

// A SavedVerifier verifies a client's saved proof and that its log is the one with
// the encoded configuration, and returns what it proves, in order. Package client
// has one.
type SavedVerifier func(proof, configuration []byte) ([]SavedValue, error)
