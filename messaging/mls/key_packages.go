package mls

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// packages is where KeyPackages of ours are kept with their private keys, by
// KeyPackageRef.
const packages = "keypackage/"

// welcomeGrace is how long the private keys of an expired KeyPackage are kept: it was
// used in time, and the Welcome was under way, or we were away.
const welcomeGrace = 30 * 24 * time.Hour

// KeyPackages makes n KeyPackages, to be published where others who want to add us to
// a group will ask for one each (RFC 9420, "Key Packages", 10). Their private keys are
// stored when it returns. It sweeps expired ones away.
func (c *Client) KeyPackages(n int) ([][]byte, error) { return c.makePackages(n, false) }

// LastResort makes a KeyPackage that may be used more than once, for when all others
// are used up (draft-ietf-mls-extensions, "Last-Resort KeyPackages"). Whoever
// publishes it replaces it now and then: its keys are as old as it is.
func (c *Client) LastResort() ([]byte, error) {
	one, err := c.makePackages(1, true)
	if err != nil {
		return nil, err
	}
	return one[0], nil
}

func (c *Client) makePackages(n int, lastResort bool) ([][]byte, error) {
	if n <= 0 {
		return nil, fmt.Errorf("%w: %d KeyPackages", ErrConfig, n)
	}
	if _, err := c.SweepKeyPackages(); err != nil {
		return nil, err
	}
	cfg, err := c.config(c.cfg.Suite)
	if err != nil {
		return nil, err
	}
	public, batch := make([][]byte, n), Batch{Write: make([]Record, n)}
	for i := range n {
		kp, err := group.NewKeyPackage(cfg, group.KeyPackageOptions{Leaf: c.leaf(), LastResort: lastResort})
		if err != nil {
			return nil, err
		}
		public[i] = message.Wrap(kp.Public).Bytes()
		batch.Write[i] = Record{packageKey(kp.Public.Ref(cfg.Suite)), syntax.Marshal(&keyPackage{KeyPackage: kp})}
		kp.Private.Erase()
	}
	if err := c.cfg.Store.Apply(batch); err != nil {
		return nil, storeError("storing KeyPackages", err)
	}
	return public, nil
}

// SweepKeyPackages deletes the private keys of KeyPackages that have expired, once a
// Welcome that was made in time must have come, and returns how many.
func (c *Client) SweepKeyPackages() (int, error) {
	now := c.cfg.Now().Add(-welcomeGrace).Unix()
	return c.dropPackages(func(kp *keyPackage) bool {
		return now > 0 && kp.Public.LeafNode.Lifetime.NotAfter < uint64(now)
	})
}

// RevokeKeyPackages deletes the private keys of all KeyPackages, as after a theft or a
// change of the signature key, and returns how many. Take them down where they are
// published.
func (c *Client) RevokeKeyPackages() (int, error) {
	return c.dropPackages(func(*keyPackage) bool { return true })
}

func (c *Client) dropPackages(which func(*keyPackage) bool) (int, error) {
	c.packs.Lock()
	defer c.packs.Unlock()
	all, damaged, err := c.keyPackages()
	if err != nil {
		return 0, err
	}
	var b Batch
	for _, key := range damaged { // of no use to anybody
		b.Write = append(b.Write, Record{Key: key})
	}
	for _, kp := range all {
		if which(kp) {
			b.Write = append(b.Write, Record{Key: kp.stored.Key})
		}
		kp.Private.Erase()
	}
	if len(b.Write) == 0 {
		return 0, nil
	}
	if err := c.cfg.Store.Apply(b); err != nil {
		return 0, storeError("deleting KeyPackages", err)
	}
	return len(b.Write), nil
}

// keyPackage is a KeyPackage as it is stored.
type keyPackage struct {
	*group.KeyPackage
	restored   bool // from a backup: it may have been used since
	lastResort bool
	stored     Record
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
	kp.lastResort = kp.LastResort()
	return kp, nil
}

// keyPackages reads all KeyPackages, and names those that are damaged. One that only a
// newer version can read is an error, so that nobody deletes it.
func (c *Client) keyPackages() (all []*keyPackage, damaged []string, err error) {
	keys, err := c.cfg.Store.List(packages)
	if err != nil {
		return nil, nil, storeError("listing KeyPackages", err)
	}
	for _, key := range keys {
		kp, err := c.readPackage(key)
		switch {
		case errors.Is(err, ErrCorrupt):
			damaged = append(damaged, key)
		case err != nil:
			for _, kp := range all {
				kp.Private.Erase()
			}
			return nil, nil, err
		case kp != nil:
			all = append(all, kp)
		}
	}
	return all, damaged, nil
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
