package suite

import "github.com/kith-kt/kith/proto/wire"

// SignTreeHead signs the head of a log of the given size and root for its
// configuration. The signer's key must be the configuration's.
func SignTreeHead(s Signer, c *wire.Configuration, size uint64, root wire.HashValue) (*wire.TreeHead, error) {
	panic("not yet")
}

// VerifyTreeHead verifies h.Signature with the configuration's key: that a log
// with exactly this configuration had this root at h.TreeSize.
func VerifyTreeHead(c *wire.Configuration, h *wire.TreeHead, root wire.HashValue) error {
	panic("not yet")
}

// SignAuditorTreeHead signs an auditor's view of the log: the root of the log
// when it had the given size, and the timestamp of its rightmost entry, in ms
// since the Unix epoch.
func SignAuditorTreeHead(s Signer, c *wire.Configuration, timestamp, size uint64, root wire.HashValue) (*wire.AuditorTreeHead, error) {
	panic("not yet")
}

// VerifyAuditorTreeHead verifies h.Signature with the auditor's key in the
// configuration; root is the root of the log at h.TreeSize. It is only step 4
// of the verification of an AuditorTreeHead.
func VerifyAuditorTreeHead(c *wire.Configuration, h *wire.AuditorTreeHead, root wire.HashValue) error {
	panic("not yet")
}

// SignUpdate makes the suffix of a value: empty unless the deployment mode is
// ThirdPartyManagement, and then the signature of the service operator, whose
// key is the configuration's leaf_public_key. Outside that mode s may be nil.
func SignUpdate(s Signer, c *wire.Configuration, label []byte, version uint32, value []byte) (wire.UpdateSuffix, error) {
	panic("not yet")
}

// VerifyUpdate verifies the suffix of a value ("Update Format"): users MUST call
// it before they consume update.Value. Outside ThirdPartyManagement a suffix
// must be empty.
func VerifyUpdate(c *wire.Configuration, label []byte, version uint32, update *wire.UpdateValue) error {
	panic("not yet")
}
