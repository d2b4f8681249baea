package client

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/proto/evidence"
)

var _ evidence.SavedVerifier = SavedValues

// SavedValues verifies a saved proof that is part of an evidence file, as
// VerifySaved does, and that its log has the encoded Configuration. It returns what
// the searches in it proved, in order. A saved proof of what does not hold proves
// nothing, and is an error.
func SavedValues(proof, configuration []byte) ([]evidence.SavedValue, error) {
	saved, verdict, err := VerifySaved(proof)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(saved.Log.encoded, configuration) {
		return nil, fmt.Errorf("client: %w: it is of a log with another configuration", ErrSaved)
	}
	var values []evidence.SavedValue
	for _, f := range verdict.Found {
		values = append(values, evidence.SavedValue{Label: f.Label, Version: f.Version, Value: f.Value, Entry: f.Terminal, FirstSeen: saved.FirstSeen()})
	}
	return values, nil
}
