// Package checkpoint is the log that auditors and witnesses see: an RFC 6962 log
// with one small leaf for each log entry, its signed checkpoints and its tiles.
//
// It implements three texts of C2SP (signed-note, tlog-checkpoint and tlog-tiles,
// c2sp.org) over golang.org/x/mod/sumdb/tlog, whose record and node hashes are
// those of RFC 6962, section 2.1. The log has an Ed25519 note key of its own,
// which is not the signature key of the KEYTRANS log; the name of that key is the
// origin of its checkpoints; and its checkpoints have no extension lines.
//
//	GET /log/checkpoint            Verifier.Open
//	GET /log/tile/0/x001/234.p/5   ParseTilePath, tlog.ReadTileData
//	GET /log/tile/entries/x001/234 ParseTilePath, Tile.ParseLeaves
//
// Witnesses prove that there is one sequence of leaves; what the leaves say
// about the KEYTRANS log is an auditor's to check. Their cosignatures
// (tlog-cosignature) are made by a Cosigner, asked for with an AddCheckpoint
// (tlog-witness), and demanded by a Quorum. A Binding ties a head of the KEYTRANS
// log to a checkpoint that they cosigned.
package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrMalformed is returned by every parser of the package.
var ErrMalformed = errors.New("checkpoint: malformed")

// A Hash is a node of the RFC 6962 log: never one of the KEYTRANS trees.
type Hash = tlog.Hash

// A Digest is the SHA-256 of an encoded structure.
type Digest [32]byte

// LeafSize is the length of an encoded Leaf, in bytes.
const LeafSize = 1 + 8 + 8 + 3*32 + 4 + 32

// leafFormat is the first byte of an encoded Leaf.
const leafFormat = 1

// A Leaf is the record of one log entry in the audit log, at the same position.
//
// Its encoding is of a fixed size, integers big-endian: a byte 1 for this format,
// then the fields in order.
type Leaf struct {
	Position      uint64         // of the log entry
	Timestamp     uint64         // of the log entry, ms since the Unix epoch
	PrefixRoot    wire.HashValue // root of the prefix tree after the entry
	Root          wire.HashValue // root of the KEYTRANS log tree at size Position+1
	Configuration Digest         // of the encoded Configuration
	UpdateSize    uint32         // length of the encoded AuditorUpdate, in bytes
	Update        Digest         // of the encoded AuditorUpdate
}

// Append appends the encoding of the leaf to b.
func (l *Leaf) Append(b []byte) []byte {
	b = append(b, leafFormat)
	b = binary.BigEndian.AppendUint64(b, l.Position)
	b = binary.BigEndian.AppendUint64(b, l.Timestamp)
	b = append(b, l.PrefixRoot[:]...)
	b = append(b, l.Root[:]...)
	b = append(b, l.Configuration[:]...)
	b = binary.BigEndian.AppendUint32(b, l.UpdateSize)
	return append(b, l.Update[:]...)
}

// ParseLeaf decodes exactly one leaf.
func ParseLeaf(b []byte) (Leaf, error) {
	var l Leaf
	if len(b) != LeafSize {
		return l, fmt.Errorf("%w: a leaf of %d bytes", ErrMalformed, len(b))
	}
	if b[0] != leafFormat {
		return l, fmt.Errorf("%w: leaf format %d", ErrMalformed, b[0])
	}
	b = b[1:]
	l.Position, b = binary.BigEndian.Uint64(b), b[8:]
	l.Timestamp, b = binary.BigEndian.Uint64(b), b[8:]
	b = b[copy(l.PrefixRoot[:], b):]
	b = b[copy(l.Root[:], b):]
	b = b[copy(l.Configuration[:], b):]
	l.UpdateSize, b = binary.BigEndian.Uint32(b), b[4:]
	copy(l.Update[:], b)
	return l, nil
}

// LogEntry returns the KEYTRANS log entry of the leaf.
func (l *Leaf) LogEntry() wire.LogEntry {
	return wire.LogEntry{Timestamp: l.Timestamp, PrefixTree: l.PrefixRoot}
}

// Hash returns the hash of the leaf in the RFC 6962 log.
func (l *Leaf) Hash() Hash { return tlog.RecordHash(l.Append(make([]byte, 0, LeafSize))) }

// DigestOf returns the Digest of an encoded structure.
func DigestOf(encoded []byte) Digest { return sha256.Sum256(encoded) }
