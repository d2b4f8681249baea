package client

import (
	"fmt"
	"reflect"
)

// Reconfigured returns the same state under another Configuration of the same log,
// of which no more has changed than the auditor: its key, where it begins, how far
// it may lag, and whether there is one. Everything known is kept; the head that
// was verified under the Configuration before stays valid, and the next one must
// come from an auditor that begins no later than the one before ended ("Auditor
// Tree Head Signature", step 1). For everything else that changed, the error is an
// ErrState.
func (s *State) Reconfigured(log *Log) (*State, error) {
	if log.Fingerprint() != s.log.Fingerprint() {
		return nil, fmt.Errorf("client: %w: it belongs to another log", ErrState)
	}
	before, after := s.log.config, log.config
	before.AuditorPublicKey, before.AuditorStartPos, before.MaxAuditorLag = after.AuditorPublicKey, after.AuditorStartPos, after.MaxAuditorLag
	if !reflect.DeepEqual(before, after) {
		return nil, fmt.Errorf("client: %w: more than the auditor has changed in the log's configuration", ErrState)
	}
	next := s.clone()
	next.log = log
	return next, nil
}
