package directory

import (
	"context"
	"encoding/binary"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/wire"
)

// AuditTile returns a tile of the audit log, of hashes or of entries, as every
// file host serves it (C2SP tlog-tiles). A tile that lies beyond the head of the
// snapshot is ErrNotFound.
func AuditTile(snap Snapshot, t checkpoint.Tile) (b []byte, err error) {
	if !t.Within(snap.Head().Size) {
		return nil, ErrNotFound
	}
	if t.Level != checkpoint.Entries {
		return tlog.ReadTileData(t.Tlog(), HashReader{AuditLog: snap})
	}
	lo := t.Index * checkpoint.TileWidth
	leaves, err := snap.AuditLeaves(lo, lo+uint64(t.Width))
	if err != nil {
		return nil, err
	}
	for _, leaf := range leaves {
		if b, err = checkpoint.AppendEntry(b, leaf); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// AuditUpdates returns the AuditorUpdates of the entries [lo, hi), each behind its
// length in four bytes, big-endian. They are made again from the pages of the
// tree. The update that takes them to limit bytes is the last one; 0: no limit.
func AuditUpdates(ctx context.Context, snap Snapshot, f wire.Format, lo, hi uint64, limit int) (b []byte, err error) {
	for pos := lo; pos < hi && (limit == 0 || len(b) < limit); pos++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		entry, err := snap.LogEntry(pos)
		if err != nil {
			return nil, err
		}
		update, err := prefixtree.Update(snap, pos, entry.Timestamp)
		if err != nil {
			return nil, err
		}
		at := len(b)
		if b, err = update.Append(append(b, 0, 0, 0, 0), f); err != nil {
			return nil, err
		}
		binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	return b, nil
}
