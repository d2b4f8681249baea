package group

import (
	"fmt"
	"math"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// wireFormats reads supported_wire_formats or required_wire_formats, sorted, each once
// (draft-ietf-mls-extensions, "Negotiating Extensions and Components").
func wireFormats(extensions tree.Extensions, t tree.ExtensionType) ([]message.WireFormat, error) {
	data, ok := extensions.Find(t)
	if !ok {
		return nil, nil
	}
	r := syntax.NewReader(data)
	list := syntax.ReadListOf(r, math.MaxUint16+1, func(r *syntax.Reader) message.WireFormat { return message.WireFormat(r.Uint16()) })
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("wire formats: %w", err)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// checkWireFormats requires that every leaf supports the wire formats that a
// group's extensions require. Leaves that before, which may be nil, has at the
// same index need not be looked at: pass it if the extensions did not change.
func checkWireFormats(t, before *tree.Tree, extensions tree.Extensions) error {
	required, err := wireFormats(extensions, tree.ExtensionRequiredWireFormats)
	if err != nil || len(required) == 0 {
		return err
	}
	for i, leaf := range t.Members() {
		if before != nil && before.Leaf(i) == leaf {
			continue
		}
		supported, err := wireFormats(leaf.Extensions, tree.ExtensionSupportedWireFormats)
		if err != nil {
			return fmt.Errorf("leaf %d: %w", i, err)
		}
		for _, format := range required {
			// Those of RFC 9420 are not listed.
			if format <= message.WireFormatKeyPackage {
				continue
			}
			if _, ok := slices.BinarySearch(supported, format); !ok {
				return fmt.Errorf("leaf %d: %w: the group's wire format %d", i, tree.ErrUnsupported, format)
			}
		}
	}
	return nil
}
