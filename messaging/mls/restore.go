package mls

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// Restore is NewClient for a Store that was put back from a backup, or copied from
// another device. It is called once; afterwards NewClient opens the store as ever.
//
// A backup holds the ratchets as they were. Since then messages may have been sent,
// with keys that the backup still believes to be unused. To send with them again is
// the one thing that breaks the encryption of both messages ("Content Encryption",
// 6.3.1: the reuse guard makes that less likely, and does not repair it). No look at
// the backup tells how far the ratchets had come. So every group, and every KeyPackage,
// which may have been used since, is marked as restored:
//
//   - Messages are received as before, once more if need be.
//   - Send, and proposals and Commits as PrivateMessages, are refused with
//     [ErrRestored].
//   - [Group.Update] sends a PublicMessage, which needs no such key. Once it is
//     accepted, the group is in an epoch whose secrets have fresh randomness in them
//     that the backup never knew, its ratchets begin anew, and the mark is gone. A
//     Commit that was in the backup does not count: it may have been accepted, and
//     its epoch used.
//   - If the group has moved on, its Commits are received first. One of our own that the
//     backup does not know, or one that is lost, cannot be: then [Client.JoinExternal]
//     with Resync is the way back. So it is if the group takes no PublicMessages.
//   - A group that is joined with a KeyPackage of the backup begins as a restored one.
//   - What is damaged stays behind: a group as it is, a KeyPackage deleted. A backup
//     with a group of a newer version is refused with [ErrFormat], and not touched. A
//     KeyPackage of a newer version stays as it is, with a note beside it that it is
//     restored: see [Client.NewerKeyPackages].
//
// Forward secrecy ends at the backup too: it opens what was sent since, until the
// group has moved on. The device that the backup is of must not go on using its copy.
func Restore(cfg Config) (*Client, error) {
	c, err := NewClient(cfg)
	if err != nil {
		return nil, err
	}
	var b Batch
	ids, err := c.Groups()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		r, all, err := readRecords(cfg.Store, groupPrefix(id))
		if errors.Is(err, ErrCorrupt) {
			continue // it cannot be opened either
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", syntax.Hex(id), err)
		}
		var changes []Record
		if _, ok := all[healsRecord]; ok {
			changes = append(changes, Record{Key: healsRecord})
		}
		part := r.batch(changes, true)
		b.Expect = append(b.Expect, part.Expect...)
		b.Write = append(b.Write, part.Write...)
	}
	packs, damaged, newer, err := c.keyPackages()
	if err != nil {
		return nil, err
	}
	for _, key := range damaged {
		b.Write = append(b.Write, Record{Key: key})
	}
	for _, u := range newer {
		b.Write = append(b.Write, Record{restoredKey(u.key), []byte{1}})
	}
	for _, kp := range packs {
		kp.restored = true
		b.Expect = append(b.Expect, kp.stored)
		b.Write = append(b.Write, Record{kp.stored.Key, syntax.Marshal(kp)})
	}
	if len(b.Write) == 0 {
		return c, nil
	}
	if err := cfg.Store.Apply(b); err != nil {
		return nil, storeError("marking what was restored", err)
	}
	return c, nil
}

// Restored reports whether the group comes from a backup and has not been renewed by a
// Commit of ours since: see [Restore].
func (g *Group) Restored() (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.ready(); err != nil {
		return false, err
	}
	return g.rec.restored, nil
}
