package group

import (
	"fmt"
	"io"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// DefaultCapabilities is all that this package supports: every cipher suite, the
// proposals and extensions of the draft that it knows, and credentials of the
// given types, since those are the Authenticator's matter.
func DefaultCapabilities(credentials ...tree.CredentialType) tree.Capabilities {
	return tree.Capabilities{
		Versions:     []tree.ProtocolVersion{tree.MLS10},
		CipherSuites: suite.All(),
		Extensions:   []tree.ExtensionType{tree.ExtensionAppDataDictionary},
		Proposals:    []tree.ProposalType{tree.ProposalAppDataUpdate, tree.ProposalAppEphemeral, tree.ProposalSelfRemove},
		Credentials:  credentials,
	}
}

// knownComponents is what our leaf lists as app_components: the application's
// components, and those of the draft.
func (c *Config) knownComponents() component.List {
	list := component.List{component.AppComponentsID, component.SafeAADID, component.LastResortKeyPackageID, component.AppAckID}
	for id := range c.Components {
		if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

// "GREASE" (13.5): values that nobody knows, so that others keep ignoring what
// they do not know. They stand at a random place of the list.

// greaseValue draws one of the 15 values.
func greaseValue(rand io.Reader) (uint16, error) {
	b, err := random(rand, 1)
	if err != nil {
		return 0, err
	}
	return uint16(b[0]%15)<<12 | 0x0a00 | uint16(b[0]%15)<<4 | 0x0a, nil
}

// greaseCapabilities adds a value to each list that may have one.
func greaseCapabilities(rand io.Reader, c *tree.Capabilities) error {
	var values [4]uint16
	for i := range values {
		var err error
		if values[i], err = greaseValue(rand); err != nil {
			return err
		}
	}
	at := func(n int, v uint16) int { return int(v>>12) % (n + 1) }
	c.CipherSuites = slices.Insert(slices.Clone(c.CipherSuites), at(len(c.CipherSuites), values[0]), suite.ID(values[0]))
	c.Extensions = slices.Insert(slices.Clone(c.Extensions), at(len(c.Extensions), values[1]), tree.ExtensionType(values[1]))
	c.Proposals = slices.Insert(slices.Clone(c.Proposals), at(len(c.Proposals), values[2]), tree.ProposalType(values[2]))
	c.Credentials = slices.Insert(slices.Clone(c.Credentials), at(len(c.Credentials), values[3]), tree.CredentialType(values[3]))
	return nil
}

// greaseExtensions returns extensions of a KeyPackage or a GroupInfo with one that
// nobody knows, unless its type is among them.
func greaseExtensions(rand io.Reader, extensions tree.Extensions) (tree.Extensions, error) {
	v, err := greaseValue(rand)
	if err != nil {
		return nil, err
	}
	if _, ok := extensions.Find(tree.ExtensionType(v)); ok {
		return extensions, nil
	}
	data, err := random(rand, int(v>>12)+1)
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(extensions), tree.Extension{Type: tree.ExtensionType(v), Data: data}), nil
}

// random draws n bytes.
func random(rand io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(rand, b); err != nil {
		return nil, fmt.Errorf("mls: reading randomness: %w", err)
	}
	return b, nil
}
