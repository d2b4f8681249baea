package schedule

import (
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// ConfirmedTranscriptHash returns the confirmed_transcript_hash of an epoch
// ("Transcript Hashes" (8.2)): interim is the interim_transcript_hash of the
// epoch before it, empty in epoch 0, and input the encoding of the
// ConfirmedTranscriptHashInput of the Commit between the two.
func ConfirmedTranscriptHash(s *suite.Suite, interim, input []byte) []byte {
	return s.Hash(interim, input)
}

// InterimTranscriptHash returns the interim_transcript_hash of an epoch: confirmed
// is the epoch's confirmed_transcript_hash and tag the confirmation_tag of the
// Commit, or of the GroupInfo, that the epoch was entered by.
func InterimTranscriptHash(s *suite.Suite, confirmed, tag []byte) []byte {
	var w syntax.Writer
	w.Vector(tag)
	return s.Hash(confirmed, w.Bytes())
}
