package component

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/tree"
)

// MarkLastResort returns the extensions of a KeyPackage with the mark that it may
// be used more than once, when no other is left ("Last-Resort KeyPackages"). The
// error is that of a dictionary already there.
func MarkLastResort(extensions tree.Extensions) (tree.Extensions, error) {
	d, _, err := FromExtensions(extensions)
	if err != nil {
		return nil, err
	}
	return d.With(LastResortKeyPackageID, nil).Into(extensions), nil
}

// IsLastResort reports whether the extensions of a KeyPackage have the mark. The
// error is ErrData if the mark carries data, which it must not.
func IsLastResort(extensions tree.Extensions) (bool, error) {
	d, _, err := FromExtensions(extensions)
	if err != nil {
		return false, err
	}
	data, ok := d.Get(LastResortKeyPackageID)
	if ok && len(data) > 0 {
		return false, fmt.Errorf("last_resort_key_package: %w", ErrData)
	}
	return ok, nil
}
