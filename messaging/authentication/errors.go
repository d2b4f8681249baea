package authentication

import (
	"context"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/problem"
)

var (
	// ErrConfig: the Config cannot work.
	ErrConfig = errors.New("authentication: unusable configuration")
	// ErrCredential: a credential that is no label. No directory was asked.
	ErrCredential = errors.New("the credential is not a label of the directory")
	// ErrSuccessor: a leaf that would pass from one person to another.
	ErrSuccessor = errors.New("a leaf cannot change hands")
	// ErrTooMany: more labels in one batch than Config.MaxLabels.
	ErrTooMany = errors.New("too many labels at once")
	// ErrUnproved: the gate handed out no record. It wraps why, and says nothing
	// about the device: it may be listed, or not.
	ErrUnproved = errors.New("the directory proves no record")
	// ErrNotListed: the directory proves a record of the label, and it lists no device
	// with that signature key for the cipher suite. It was removed, or never was there.
	ErrNotListed = errors.New("the device is not listed")
)

// unproved is why a label has no proof, with what to do.
func unproved(label string, err error) error {
	return fmt.Errorf("%s: %w: %w; %s", label, ErrUnproved, err, advice(err))
}

func advice(err error) string {
	if _, ok := errors.AsType[*client.Misbehaviour](err); ok {
		return "do not go on with this directory; keep the evidence, and show it to others"
	}
	for _, known := range []struct {
		err  error
		text string
	}{
		{client.ErrUnacknowledged, "compare safety numbers with them, and acknowledge the change if they match"},
		{client.ErrPolicy, "wait until the answer meets your policy, or change the policy"},
		{client.ErrClock, "set your clock, or try again later"},
		{client.ErrRecord, "ask them to publish an account record with this device"},
		{client.ErrState, "mend the saved state of the client first"},
		{problem.ErrNoAnswer, "check the name, or ask them to publish an account record with this device"},
		{problem.ErrUnauthorized, "get a token that may search for them"},
		{problem.ErrForbidden, "get a token that may search for them"},
		{errSetting, "set the gate to enforce"},
		{errForeign, "let the Directory choose the provider by the domain of the label"},
		{errNobody, "ask them to claim the label"},
		{context.DeadlineExceeded, "try again when the directory can be reached"},
	} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	return "try again when the directory can be reached"
}

// What a Directory can answer without an error, and yet without a record to rest on.
var (
	errSetting = errors.New("the gate holds the record back")
	errForeign = errors.New("the answer is for another label")
	errNobody  = errors.New("nobody has signed the record")
)
