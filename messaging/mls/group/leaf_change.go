package group

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// LeafChange says what is different in our next leaf. Fields that are nil stay as
// they are in the current one.
type LeafChange struct {
	Credential   *tree.Credential
	Signer       suite.Signer // the key that the leaf and all after it is signed with
	Capabilities *tree.Capabilities
	// Extensions; empty and not nil: none. If they say nothing as app_components, these
	// stay as they are, as long as the leaf supports app_data_dictionary.
	Extensions tree.Extensions
}

// apply returns the template of the leaf after a change, and its signer. c may be
// nil.
func (c *LeafChange) apply(cfg *Config, leaf *tree.LeafNode, signer suite.Signer) (tree.LeafNode, suite.Signer, error) {
	next := *leaf
	if c == nil {
		return next, signer, nil
	}
	if c.Credential != nil {
		next.Credential = *c.Credential
	}
	if c.Capabilities != nil {
		next.Capabilities = *c.Capabilities
	}
	if c.Extensions != nil {
		next.Extensions = c.Extensions
	}
	if c.Signer != nil {
		signer = c.Signer
		next.SignatureKey = signer.Public()
	}
	return next, signer, cfg.advertise(&next, leaf.Extensions)
}

// advertise adds app_components to a leaf of ours that supports app_data_dictionary and
// says nothing as such ("Attaching Application Data to MLS Messages"): those of before,
// or else what we know.
func (c *Config) advertise(leaf *tree.LeafNode, before tree.Extensions) error {
	if !leaf.Capabilities.SupportsExtension(tree.ExtensionAppDataDictionary) {
		return nil
	}
	data, _, err := component.FromExtensions(leaf.Extensions)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if _, ok := data.Get(component.AppComponentsID); ok {
		return nil
	}
	old, _, err := component.FromExtensions(before)
	if err != nil {
		return err
	}
	list, ok := old.Get(component.AppComponentsID)
	if !ok {
		list = syntax.Marshal(c.knownComponents())
	}
	leaf.Extensions = data.With(component.AppComponentsID, list).Into(leaf.Extensions)
	return nil
}
