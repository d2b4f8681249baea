package directory

import (
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/vrf"
)

// Keys are the secrets of a log.
type Keys struct {
	Suite  suite.Suite
	Signer suite.Signer   // of tree heads
	VRF    vrf.PrivateKey // of search keys
	// LogSigner is the note key of the audit log's checkpoints, in the form of
	// golang.org/x/mod/sumdb/note ("PRIVATE+KEY+...").
	LogSigner string
}
