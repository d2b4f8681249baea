package watch

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/wire"
)

// maxServed bounds what of an answer is shown in a statement, in bytes.
const maxServed = 24 << 10

// evidenceOf makes evidence of a misbehaviour: one that proves it if there is one,
// else a statement of this auditor; nil if even that cannot be made.
func (w *Watch) evidenceOf(ctx context.Context, m *pass.Misbehaviour) (*evidence.Evidence, *evidence.Verdict) {
	c := &casebook{Watch: w, ctx: ctx, m: m}
	for _, try := range []func() (*evidence.Evidence, error){c.twoCheckpoints, c.twoLeaves, c.diverge, c.removal, c.entry} {
		e, err := try()
		if err != nil {
			w.o.Logger.Debug("not proved so", "domain", w.domain(), "error", err.Error())
			continue
		}
		if v, err := e.Verify(); err == nil && v.Proved {
			return e, v
		}
	}
	for _, s := range c.statements() {
		if e, v, err := w.state(s); err == nil {
			return e, v
		}
	}
	return nil, nil
}

// A casebook is a misbehaviour of which evidence is to be made.
type casebook struct {
	*Watch
	ctx context.Context
	m   *pass.Misbehaviour
}

var errNotSo = errors.New("it is nothing of that kind")

// signed returns the checkpoint under which the misbehaviour was found.
func (c *casebook) signed() (*checkpoint.Signed, error) {
	if c.m.Checkpoint == nil {
		return nil, errNotSo
	}
	return c.log.Verifier.Open(c.m.Checkpoint)
}

// served reads the hashes under the checkpoint, as the provider serves them.
func (c *casebook) served(s *checkpoint.Signed) tlog.HashReader {
	return pass.Hashes(c.ctx, c.source, s.Checkpoint)
}

// known returns a signed checkpoint under which everything is in the archive.
func (c *casebook) known() (note []byte, size uint64) {
	if c.audited == nil {
		return nil, 0
	}
	signed, err := c.log.Verifier.Open(c.audited)
	if err != nil || signed.Size > c.archive.Size() {
		return nil, 0
	}
	return c.audited, signed.Size
}

func (c *casebook) twoCheckpoints() (*evidence.Evidence, error) {
	if c.m.Previous == nil {
		return nil, errNotSo
	}
	return evidence.NewTwoCheckpoints(c.envelope, c.m.Previous, c.m.Checkpoint)
}

// twoLeaves looks for the first leaf at which what is served now and what was
// audited differ.
func (c *casebook) twoLeaves() (*evidence.Evidence, error) {
	if c.m.Kind != pass.Fork && c.m.Kind != pass.Rollback {
		return nil, errNotSo
	}
	signed, err := c.signed()
	if err != nil {
		return nil, err
	}
	note, size := c.known()
	return TwoLeaves(c.envelope, note, size, c.archive.Hashes(), c.m.Checkpoint, signed.Size, c.served(signed))
}

// diverge shows that what was audited is not the continuation of a smaller checkpoint.
// It asks nothing of the provider, who need not show what stands under that.
func (c *casebook) diverge() (*evidence.Evidence, error) {
	signed, err := c.signed()
	if err != nil {
		return nil, err
	}
	note, size := c.known()
	if signed.Size == 0 || signed.Size >= size {
		return nil, errNotSo
	}
	here, err := c.archive.Checkpoint(signed.Size)
	if err != nil {
		return nil, err
	}
	proof, err := c.archive.Consistency(signed.Size, size)
	if err != nil {
		return nil, err
	}
	return evidence.NewCheckpointsDiverge(c.envelope, c.m.Checkpoint, note, here.Root, proof)
}

// TwoLeaves returns evidence that under two signed checkpoints, as served, two
// different leaves stand at one position: the first one at which the logs that a
// and b read differ. Only their hashes are shown.
func TwoLeaves(document, noteA []byte, sizeA uint64, a tlog.HashReader, noteB []byte, sizeB uint64, b tlog.HashReader) (*evidence.Evidence, error) {
	if sizeA == 0 || sizeB == 0 {
		return nil, errNotSo
	}
	pos, ok, err := evidence.FirstDifference(min(sizeA, sizeB), a, b)
	if err != nil || !ok {
		return nil, errors.Join(errNotSo, err)
	}
	leafA, err := evidence.Include(a, sizeA, pos, nil)
	if err != nil {
		return nil, err
	}
	leafB, err := evidence.Include(b, sizeB, pos, nil)
	if err != nil {
		return nil, err
	}
	return evidence.NewTwoLeaves(document, pos, noteA, leafA, noteB, leafB)
}

// leafHere returns the leaf that the misbehaviour is about as it stands under the
// checkpoint, and its bytes.
func (c *casebook) leafHere(hashes tlog.HashReader, size uint64) (in evidence.Included, err error) {
	leaf := c.m.Leaf
	if leaf == nil && c.m.Kind == pass.BadLeaf && c.m.Data != nil {
		tile, err := checkpoint.ParseTilePath(c.m.Tile)
		if err != nil {
			return in, err
		}
		entries, err := checkpoint.ParseBundle(c.m.Data, tile.Width)
		if err != nil || tile.Level != checkpoint.Entries {
			return in, errors.Join(errNotSo, err)
		}
		leaf = entries[c.m.Entry-tile.Index*checkpoint.TileWidth]
	}
	if leaf == nil {
		return in, errNotSo
	}
	return evidence.Include(hashes, size, c.m.Entry, leaf)
}

// leafAt returns an audited leaf as it stands under a checkpoint.
func (c *casebook) leafAt(hashes tlog.HashReader, size, pos uint64) (*evidence.Included, error) {
	leaf, err := c.encoded(pos)
	if err != nil {
		return nil, err
	}
	in, err := evidence.Include(hashes, size, pos, leaf)
	return &in, err
}

func (c *casebook) encoded(pos uint64) ([]byte, error) { return c.archive.Encoded(pos) }

// entry is evidence of one entry that is wrong by itself, or against the one before.
func (c *casebook) entry() (*evidence.Evidence, error) {
	signed, err := c.signed()
	if err != nil {
		return nil, err
	}
	hashes := c.served(signed)
	leaf, err := c.leafHere(hashes, signed.Size)
	if err != nil {
		return nil, err
	}
	e := evidence.Entry{Position: c.m.Entry, Checkpoint: c.m.Checkpoint, Leaf: leaf, Update: c.m.Update}
	if state := c.progress.State; state.Size() == c.m.Entry {
		e.Subtrees = state.FullSubtrees()
	}
	if c.m.Entry > 0 {
		if e.Before, err = c.leafAt(hashes, signed.Size, c.m.Entry-1); err != nil {
			return nil, err
		}
	}
	return evidence.NewEntry(c.envelope, e)
}

// removal is evidence of a leaf that was removed before its time.
func (c *casebook) removal() (*evidence.Evidence, error) {
	state := c.progress.State
	if c.m.Step() != 5 || state.Size() != c.m.Entry {
		return nil, errNotSo
	}
	signed, err := c.signed()
	if err != nil {
		return nil, err
	}
	hashes := c.served(signed)
	update, err := wire.ParseAuditorUpdate(c.m.Update, c.log.Configuration.Format())
	if err != nil {
		return nil, err
	}
	removed, err := c.leafHere(hashes, signed.Size)
	if err != nil {
		return nil, err
	}
	here, err := checkpoint.ParseLeaf(c.m.Leaf)
	if err != nil {
		return nil, err
	}
	timestamp := func(pos uint64) (uint64, error) {
		if pos == c.m.Entry {
			return here.Timestamp, nil
		}
		leaf, err := c.archive.Leaf(pos)
		return leaf.Timestamp, err
	}
	for i := range update.Removed {
		key := update.Removed[i].VRFOutput
		added, ok := state.Added(&key)
		if !ok {
			continue
		}
		bound, any, err := evidence.RemovalBound(state.Window(), added, c.m.Entry, timestamp)
		if errors.Is(err, evidence.ErrNothing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := evidence.Removal{Checkpoint: c.m.Checkpoint, Key: key, Removed: removed, RemovedUpdate: c.m.Update}
		if any {
			if r.Bound, err = c.leafAt(hashes, signed.Size, bound); err != nil {
				return nil, err
			}
		}
		if added > 0 {
			if r.Before, err = c.leafAt(hashes, signed.Size, added-1); err != nil {
				return nil, err
			}
		}
		in, err := c.leafAt(hashes, signed.Size, added)
		if err != nil {
			return nil, err
		}
		r.Added = *in
		if r.AddedUpdate, err = c.update(added); err != nil {
			return nil, err
		}
		return evidence.NewEarlyRemoval(c.envelope, r)
	}
	return nil, errNotSo
}

// update returns the update of an audited entry: from the folder, or read again.
func (c *casebook) update(pos uint64) ([]byte, error) {
	leaf, err := c.archive.Leaf(pos)
	if err != nil {
		return nil, err
	}
	if b, err := c.updates.get(pos); err == nil && sha256.Sum256(b) == leaf.Update {
		return b, nil
	}
	page, err := c.source.Updates(c.ctx, pos)
	if err != nil {
		return nil, err
	}
	if len(page) < 4 || uint64(len(page)-4) < uint64(binary.BigEndian.Uint32(page)) {
		return nil, pass.ErrPage
	}
	b := page[4 : 4+binary.BigEndian.Uint32(page)]
	if sha256.Sum256(b) != leaf.Update {
		return nil, pass.ErrUpdate
	}
	return b, nil
}

// statements returns what this auditor can say of the misbehaviour, the best first.
func (c *casebook) statements() (out []*evidence.Statement) {
	say := func(about evidence.Claim, items ...evidence.Item) {
		items = append(items, evidence.ItemText{Text: short(c.m.Error())})
		out = append(out, &evidence.Statement{About: about, Entry: c.m.Entry, Items: items})
	}
	var here, before evidence.Item
	if s, err := evidence.CheckpointOf(c.envelope, c.m.Checkpoint); err == nil {
		here = evidence.ItemCheckpoint{Checkpoint: s}
	}
	if s, err := evidence.CheckpointOf(c.envelope, c.m.Previous); err == nil {
		before = evidence.ItemCheckpoint{Checkpoint: s}
	}
	if here != nil && before != nil {
		if c.m.Kind == pass.Rollback {
			say(evidence.Rollback, before, here)
		}
		say(evidence.Unjoined, before, here)
	}
	if here != nil && c.m.Kind == pass.Reconfigured {
		say(evidence.OtherConfiguration, here, evidence.ItemLeaf{Position: c.m.Entry, Leaf: evidence.Included{Leaf: c.m.Leaf, Proof: c.m.LeafProof}})
	}
	var items []evidence.Item
	if here != nil {
		items = append(items, here)
	}
	if here != nil && c.m.LeafProof != nil {
		items = append(items, evidence.ItemLeaf{Position: c.m.Entry, Leaf: evidence.Included{Leaf: c.m.Leaf, Proof: c.m.LeafProof}})
	}
	if c.m.Update != nil {
		items = append(items, evidence.Served(updatesAt(c.m.Entry), c.m.Update, maxServed))
	}
	if c.m.Data != nil {
		items = append(items, evidence.Served("/log/"+c.m.Tile, c.m.Data, maxServed))
	}
	if c.m.Update == nil && c.m.Data == nil {
		items = append(items, evidence.Served(updatesAt(c.m.Entry), c.m.Leaf, maxServed))
	}
	say(evidence.BadAnswer, items...)
	return out
}

// state signs a statement: with the cosigner's key, or with one for the occasion if
// there is no cosigner.
func (w *Watch) state(s *evidence.Statement) (*evidence.Evidence, *evidence.Verdict, error) {
	var key checkpoint.KeySigner
	if w.cosigner != nil {
		key, s.Name = w.cosigner.KeySigner, w.cosigner.Name()
	} else {
		secret := make([]byte, ed25519.SeedSize)
		if _, err := io.ReadFull(w.o.Rand, secret); err != nil {
			return nil, nil, err
		}
		key = seed(ed25519.NewKeyFromSeed(secret))
	}
	s.Observer = key.Public()
	if s.Time == 0 {
		s.Time = uint64(w.o.Now().UnixMilli())
	}
	_, envelope := w.Document()
	e, err := evidence.SignStatement(envelope, s, key.Sign)
	if err != nil {
		return nil, nil, err
	}
	v, err := e.Verify()
	return e, v, err
}

// short is a text as a statement holds it: one line, not too long.
func short(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	for len(s) > 1000 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}
