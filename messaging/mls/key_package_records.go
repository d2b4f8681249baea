package mls

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// keyPackage is a KeyPackage as it is stored.
type keyPackage struct {
	*group.KeyPackage
	restored   bool // from a backup: it may have been used since
	noted      bool // restored is in a note beside it, see restoredKey
	lastResort bool
	stored     Record
}

// unread is a KeyPackage that only a newer version can read: an ErrFormat.
type unread struct {
	key string
	err error
}

// restoredKey is where Restore notes that a KeyPackage is from a backup if it cannot
// write that into the KeyPackage: the newer version that reads it has to know, and does
// not write anything with it that the epoch's first keys encrypt (see [Restore]).
func restoredKey(key string) string { return restoredNotes + key }

const restoredNotes = "restored/"

// gone returns what deletes the KeyPackage.
func (k *keyPackage) gone() []Record {
	gone := []Record{{Key: k.stored.Key}}
	if k.noted {
		gone = append(gone, Record{Key: restoredKey(k.stored.Key)})
	}
	return gone
}

func (k *keyPackage) Marshal(w *syntax.Writer) {
	w.Uint8(packageFormat)
	w.Optional(k.restored)
	k.KeyPackage.Marshal(w)
}

func (k *keyPackage) Unmarshal(r *syntax.Reader) {
	if r.Uint8() != packageFormat {
		r.Fail(errFormat)
	}
	k.restored = r.Optional()
	k.KeyPackage = new(group.KeyPackage)
	k.KeyPackage.Unmarshal(r)
}

// readPackage reads a KeyPackage; nil: there is none. It is checked to be whole: its
// name is the hash of its public half, and the private keys are those of it.
func (c *Client) readPackage(key string) (*keyPackage, error) {
	value, err := c.cfg.Store.Get(key)
	if err != nil {
		return nil, storeError("reading a KeyPackage", err)
	}
	if value == nil {
		return nil, nil
	}
	if err := checkFormat(key, value, packageFormat); err != nil {
		return nil, err
	}
	kp := &keyPackage{stored: Record{key, value}}
	if err := syntax.Unmarshal(value, kp); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
	}
	s, err := suite.Get(kp.Public.CipherSuite)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFormat, key, err)
	}
	if packageKey(kp.Public.Ref(s)) != key {
		return nil, fmt.Errorf("%w: %s is another KeyPackage", ErrCorrupt, key)
	}
	for _, pair := range [][2][]byte{{kp.Private.InitKey, kp.Public.InitKey}, {kp.Private.EncryptionKey, kp.Public.LeafNode.EncryptionKey}} {
		if public, err := s.PublicKey(pair[0]); err != nil || string(public) != string(pair[1]) {
			return nil, fmt.Errorf("%w: %s has other private keys", ErrCorrupt, key)
		}
	}
	note, err := c.cfg.Store.Get(restoredKey(key))
	if err != nil {
		return nil, storeError("reading a note", err)
	}
	kp.noted = note != nil
	kp.restored = kp.restored || kp.noted
	kp.lastResort = kp.LastResort()
	return kp, nil
}

// keyPackages reads all KeyPackages. It names those that are damaged, and those that
// only a newer version can read, which nobody is to delete.
func (c *Client) keyPackages() (all []*keyPackage, damaged []string, newer []unread, err error) {
	keys, err := c.cfg.Store.List(packages)
	if err != nil {
		return nil, nil, nil, storeError("listing KeyPackages", err)
	}
	for _, key := range keys {
		kp, err := c.readPackage(key)
		switch {
		case errors.Is(err, ErrCorrupt):
			damaged = append(damaged, key)
		case errors.Is(err, ErrFormat):
			newer = append(newer, unread{key, err})
		case err != nil:
			for _, kp := range all {
				kp.Private.Erase()
			}
			return nil, nil, nil, err
		case kp != nil:
			all = append(all, kp)
		}
	}
	return all, damaged, newer, nil
}

// keyPackageFor returns the KeyPackage of ours that a Welcome was made for.
func (c *Client) keyPackageFor(w *message.Welcome) (*keyPackage, error) {
	// A Welcome may name more than a hundred thousand, and anybody can write one: the
	// store is asked once, and not for each.
	keys, err := c.cfg.Store.List(packages)
	if err != nil {
		return nil, storeError("listing KeyPackages", err)
	}
	ours := make(map[string]bool, len(keys))
	for _, key := range keys {
		ours[key] = true
	}
	for _, e := range w.Secrets {
		if len(e.NewMember) > 64 || !ours[packageKey(e.NewMember)] {
			continue // no reference of any suite, or somebody else's
		}
		kp, err := c.readPackage(packageKey(e.NewMember))
		if err != nil {
			return nil, err
		}
		if kp != nil && kp.Public.CipherSuite == w.CipherSuite {
			return kp, nil
		}
	}
	return nil, ErrNoKeyPackage
}

func packageKey(ref []byte) string { return packages + hex.EncodeToString(ref) }
