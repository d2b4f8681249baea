package client

import (
	"bytes"
	"fmt"
)

// Reconfigured returns the same state under another Configuration of the same log,
// in which no more has changed than the auditor: its key, where it begins, how far
// it may lag. Everything known is kept; the head that was verified under the
// Configuration before stays valid, and the next one must come from an auditor that
// begins no later than the one before ended ("Auditor Tree Head Signature", step
// 1). If anything else has changed, the error is an ErrState.
func (s *State) Reconfigured(log *Log) (*State, error) {
	if log.Fingerprint() != s.log.Fingerprint() {
		return nil, fmt.Errorf("client: %w: it belongs to another log", ErrState)
	}
	before := s.log.config
	before.AuditorPublicKey = log.config.AuditorPublicKey
	before.AuditorStartPos = log.config.AuditorStartPos
	before.MaxAuditorLag = log.config.MaxAuditorLag
	encoded, err := before.Append(nil, s.log.format)
	if err != nil || !bytes.Equal(encoded, log.encoded) {
		return nil, fmt.Errorf("client: %w: more than the auditor has changed in the log's configuration", ErrState)
	}
	next := s.clone()
	next.log = log
	return next, nil
}
