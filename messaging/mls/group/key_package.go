package group

import (
	"fmt"
	"time"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// KeyPackage is a KeyPackage of ours with its private keys ("Key Packages", 10).
// The public half is published, the private half kept until a Welcome comes.
type KeyPackage struct {
	Public  *message.KeyPackage
	Private *message.KeyPackagePrivate
}

// LastResort reports whether the KeyPackage may be used more than once
// (draft-ietf-mls-extensions, "Last-Resort KeyPackages"). All others are used for
// one group: Join erases their keys.
func (k *KeyPackage) LastResort() bool {
	last, err := component.IsLastResort(k.Public.Extensions)
	return last && err == nil
}

// Marshal writes both halves, for the client's own storage.
func (k *KeyPackage) Marshal(w *syntax.Writer) {
	w.Nested(k.Public.Marshal)
	k.Private.Marshal(w)
}

// Unmarshal reads both halves.
func (k *KeyPackage) Unmarshal(r *syntax.Reader) {
	k.Public, k.Private = new(message.KeyPackage), new(message.KeyPackagePrivate)
	public := r.Nested()
	k.Public.Unmarshal(public)
	_ = public.Close() // r has its error
	k.Private.Unmarshal(r)
}

// LeafOptions says what our leaf says of us: in a KeyPackage, in a group that we
// found, and in one that we join by an external Commit.
type LeafOptions struct {
	Credential tree.Credential
	// Capabilities is what we support. nil: [DefaultCapabilities], GREASE added.
	Capabilities *tree.Capabilities
	// Lifetime is when a leaf from a KeyPackage can be used. Zero: from an hour ago
	// (clocks differ) to [DefaultLifetime] ahead. It has no meaning in an external
	// Commit.
	Lifetime tree.Lifetime
	// Extensions of the leaf. If it supports app_data_dictionary and says nothing as
	// app_components, the components that we know are added there, as the draft asks
	// ("Attaching Application Data to MLS Messages").
	Extensions tree.Extensions
}

// KeyPackageOptions says what a KeyPackage has besides its leaf.
type KeyPackageOptions struct {
	Leaf       LeafOptions
	Extensions tree.Extensions // of the KeyPackage; nil: GREASE
	LastResort bool
}

// DefaultLifetime is how long a KeyPackage can be used: a quarter of a year.
const DefaultLifetime = 90 * 24 * time.Hour

// NewKeyPackage makes a KeyPackage for one group of the Config's suite.
func NewKeyPackage(cfg Config, o KeyPackageOptions) (*KeyPackage, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	leaf, err := cfg.newLeaf(o.Leaf)
	if err != nil {
		return nil, err
	}
	extensions := o.Extensions
	if extensions == nil {
		if extensions, err = greaseExtensions(cfg.Rand, nil); err != nil {
			return nil, err
		}
	}
	if o.LastResort {
		if extensions, err = component.MarkLastResort(extensions); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	public, private, err := message.NewKeyPackage(cfg.Suite, cfg.Signer, cfg.Rand, message.KeyPackageOptions{
		Credential:     leaf.Credential,
		Capabilities:   leaf.Capabilities,
		Lifetime:       leaf.Lifetime,
		LeafExtensions: leaf.Extensions,
		Extensions:     extensions,
		// Nor is one published whose lifetime is longer than our own members would take.
		Rules: cfg.leafRules(nil, nil, false),
	})
	if err != nil {
		return nil, err
	}
	return &KeyPackage{public, private}, nil
}

// newLeaf returns our leaf without its encryption key, source and signature.
func (c *Config) newLeaf(o LeafOptions) (*tree.LeafNode, error) {
	leaf := &tree.LeafNode{
		SignatureKey: c.Signer.Public(),
		Credential:   o.Credential,
		Source:       tree.SourceKeyPackage,
		Lifetime:     o.Lifetime,
		Extensions:   o.Extensions,
	}
	if o.Lifetime == (tree.Lifetime{}) {
		now := c.Now()
		leaf.Lifetime = tree.Lifetime{NotBefore: seconds(now.Add(-time.Hour)), NotAfter: seconds(now.Add(DefaultLifetime))}
	}
	if o.Capabilities != nil {
		leaf.Capabilities = *o.Capabilities
	} else {
		leaf.Capabilities = DefaultCapabilities(o.Credential.Type)
		if err := greaseCapabilities(c.Rand, &leaf.Capabilities); err != nil {
			return nil, err
		}
	}
	return leaf, c.advertise(leaf, nil)
}

// seconds is the time of a Lifetime. Nothing before 1970 can be written.
func seconds(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) }
