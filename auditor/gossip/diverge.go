package gossip

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/auditor/archive"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
)

// errArchive is another auditor's archive that cannot be read, or does not stand
// under its checkpoint: that is the auditor's fault, not the log's.
var errArchive = errors.New("its archive does not stand under its checkpoint")

// maxReads bounds the tiles of another auditor's archive that are read to find where
// two logs part: a few for each level of a tree.
const maxReads = 128

// A Mirror is where another auditor's archive is read, or any other copy of a log:
// a feed.Feed.
type Mirror interface {
	// Checkpoint returns a signed checkpoint.
	Checkpoint(ctx context.Context) ([]byte, error)
	// Tile returns a tile of hashes or a bundle of entries under it.
	Tile(ctx context.Context, t checkpoint.Tile) ([]byte, error)
	// Document returns a signed provider document.
	Document(ctx context.Context) ([]byte, error)
}

// A tree is the audit log under one signed checkpoint, read by its tiles. All hashes
// that it gives stand under the checkpoint.
type tree struct {
	signed *checkpoint.Signed
	note   []byte
	tile   func(checkpoint.Tile) ([]byte, error)
	kept   map[tlog.Tile][]byte
	reads  int
}

func newTree(s *checkpoint.Signed, note []byte, tile func(checkpoint.Tile) ([]byte, error)) *tree {
	return &tree{signed: s, note: note, tile: tile, kept: map[tlog.Tile][]byte{}}
}

// Height implements tlog.TileReader.
func (t *tree) Height() int { return checkpoint.TileHeight }

// SaveTiles implements tlog.TileReader: what was read is kept as long as t.
func (t *tree) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements tlog.TileReader.
func (t *tree) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(want))
	for i, tile := range want {
		if out[i] = t.kept[tile]; out[i] != nil {
			continue
		}
		named, err := checkpoint.TileOf(tile)
		if err != nil {
			return nil, err
		}
		b, err := t.read(named)
		if err != nil {
			return nil, err
		}
		if len(b) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%w: %s has %d bytes", errArchive, named.Path(), len(b))
		}
		out[i], t.kept[tile] = b, b
	}
	return out, nil
}

func (t *tree) read(named checkpoint.Tile) ([]byte, error) {
	if t.reads++; t.reads > maxReads {
		return nil, fmt.Errorf("%w: more than %d tiles were read", errArchive, maxReads)
	}
	return t.tile(named)
}

func (t *tree) hashes() tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: int64(t.signed.Size), Hash: t.signed.Root}, t)
}

// include returns the leaf at pos with its proof.
func (t *tree) include(pos uint64) (evidence.Included, error) {
	index := pos / checkpoint.TileWidth
	width := int(min(checkpoint.TileWidth, t.signed.Size-index*checkpoint.TileWidth))
	bundle, err := t.read(checkpoint.Tile{Level: checkpoint.Entries, Index: index, Width: width})
	if err != nil {
		return evidence.Included{}, err
	}
	entries, err := checkpoint.ParseBundle(bundle, width)
	if err != nil {
		return evidence.Included{}, fmt.Errorf("%w: %w", errArchive, err)
	}
	return evidence.Include(t.hashes(), t.signed.Size, pos, entries[pos%checkpoint.TileWidth])
}

// parting returns evidence of the first leaf that two trees do not share, nil if the
// smaller is the beginning of the greater.
func parting(document []byte, a, b *tree) (*evidence.Evidence, error) {
	pos, apart, err := evidence.FirstDifference(min(a.signed.Size, b.signed.Size), a.hashes(), b.hashes())
	if err != nil || !apart {
		return nil, err
	}
	leafA, err := a.include(pos)
	if err != nil {
		return nil, err
	}
	leafB, err := b.include(pos)
	if err != nil {
		return nil, err
	}
	return evidence.NewTwoLeaves(document, pos, a.note, leafA, b.note, leafB)
}

// own returns the tree of the archive under our audited checkpoint.
func (d *Desk) own(now *audited) *tree {
	return newTree(now.signed, now.note, func(t checkpoint.Tile) ([]byte, error) {
		b, err := d.view.Archive().Tile(t)
		if errors.Is(err, archive.ErrBeyond) {
			err = fmt.Errorf("gossip: %w", err)
		}
		return b, err
	})
}

// Hold holds another copy of the log against ours: its newest checkpoint, and if
// that is not of our log, the leaf at which the two part. It returns the size of the
// other copy. Contradictions convict, whoever shows them: they are the provider's
// own signatures. A greater checkpoint whose
// tiles cannot be read is remembered until the audit comes there. Errors are the Mirror's, the archive's, ErrSignature and ErrNothing.
func (d *Desk) Hold(ctx context.Context, m Mirror, source string) (size uint64, outcome Outcome, err error) {
	l, err := d.logOf()
	if err != nil {
		return 0, 0, err
	}
	now, err := d.auditedOf(l)
	if err != nil {
		return 0, 0, err
	}
	note, err := m.Checkpoint(ctx)
	if err != nil {
		return 0, 0, err
	}
	signed, err := l.verifier.Open(note)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if note, err = bare(note, l.verifier); err != nil {
		return 0, 0, err
	}
	theirs := newTree(signed, note, func(t checkpoint.Tile) ([]byte, error) { return m.Tile(ctx, t) })
	same, err := d.sameLog(now, theirs)
	s := &seen{kind: checkpointSeen, size: signed.Size, root: signed.Root, signed: note, document: l.envelope, source: source, since: d.o.Now()}
	if err != nil {
		return d.unread(l, now, s, err)
	}
	if same {
		d.mu.Lock()
		defer d.mu.Unlock()
		outcome, _, err := d.compare(l, now, s) // remembered until the audit comes there
		return signed.Size, outcome, err
	}
	var e *evidence.Evidence
	if signed.Size != now.signed.Size {
		if e, err = parting(l.envelope, d.own(now), theirs); err != nil && signed.Size > now.signed.Size {
			return d.unread(l, now, s, err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if e == nil { // the checkpoints alone are enough
		_, e, err = d.compare(l, now, s)
	} else {
		e = d.checked(e, nil)
	}
	if e != nil {
		d.convict(l, e)
	}
	return signed.Size, Contradicts, err
}

// unread remembers a greater checkpoint whose tiles could not be read: the provider has
// signed it, and the audit may come there.
func (d *Desk) unread(l *log, now *audited, s *seen, fault error) (size uint64, outcome Outcome, err error) {
	if s.size <= now.signed.Size {
		return s.size, 0, fault
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, e, err := d.compare(l, now, s); err == nil && e != nil && d.convict(l, e) {
		return s.size, Contradicts, nil
	}
	return s.size, 0, fault
}

// sameLog reports whether the smaller of our log and theirs is the beginning of the
// greater.
func (d *Desk) sameLog(now *audited, theirs *tree) (bool, error) {
	if theirs.signed.Size <= now.signed.Size {
		ours, err := d.view.Archive().Checkpoint(theirs.signed.Size)
		return err == nil && ours.Root == theirs.signed.Root, err
	}
	root, err := tlog.TreeHash(int64(now.signed.Size), theirs.hashes())
	return err == nil && root == now.signed.Root, err
}

// HoldDocument holds a provider document that somebody else was served against ours.
func (d *Desk) HoldDocument(envelope []byte) error {
	l, err := d.logOf()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.documents(l, l.sameRoots(envelope), envelope); e != nil {
		d.convict(l, e)
	}
	return nil
}
