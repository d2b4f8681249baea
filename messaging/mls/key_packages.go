package mls

import (
	"errors"
	"fmt"
	"time"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
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
// stored when it returns. It sweeps expired ones away. n is at least 1.
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
// Welcome that was made in time must have come, and of those that are damaged, and
// returns how many.
func (c *Client) SweepKeyPackages() (int, error) {
	now := c.cfg.Now().Add(-welcomeGrace).Unix()
	n, _, err := c.dropPackages(func(kp *keyPackage) bool {
		return now > 0 && kp.Public.LeafNode.Lifetime.NotAfter < uint64(now)
	})
	return n, err
}

// RevokeKeyPackages deletes the private keys of all KeyPackages, as after a theft or a
// change of the signature key, and returns how many. Take them down where they are
// published. ErrFormat names those that only a newer version can read, which are still
// there: all others are gone.
func (c *Client) RevokeKeyPackages() (int, error) {
	n, newer, err := c.dropPackages(func(*keyPackage) bool { return true })
	if err != nil {
		return 0, err
	}
	return n, errors.Join(reasons(newer)...)
}

// NewerKeyPackages returns an ErrFormat for each KeyPackage in the store that only a
// newer version of this package can read, with its key. They are left as they are,
// and nobody can join with them here. If this store has never seen a newer version they
// are damaged: delete those keys from the Store.
func (c *Client) NewerKeyPackages() ([]error, error) {
	all, _, newer, err := c.keyPackages()
	for _, kp := range all {
		kp.Private.Erase()
	}
	return reasons(newer), err
}

func reasons(all []unread) (out []error) {
	for _, u := range all {
		out = append(out, u.err)
	}
	return out
}

func (c *Client) dropPackages(which func(*keyPackage) bool) (n int, newer []unread, err error) {
	c.packs.Lock()
	defer c.packs.Unlock()
	all, damaged, newer, err := c.keyPackages()
	if err != nil {
		return 0, nil, err
	}
	var b Batch
	for _, key := range damaged { // of no use to anybody
		b.Write = append(b.Write, Record{Key: key})
	}
	for _, kp := range all {
		if which(kp) {
			b.Write = append(b.Write, kp.gone()...)
			n++
		}
		kp.Private.Erase()
	}
	if len(b.Write) == 0 {
		return 0, newer, nil
	}
	if err := c.cfg.Store.Apply(b); err != nil {
		return 0, nil, storeError("deleting KeyPackages", err)
	}
	return n + len(damaged), newer, nil
}
