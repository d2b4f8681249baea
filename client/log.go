package client

import (
	"fmt"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/vrf"
	"github.com/kith-kt/kith/proto/wire"
)

// A Log is one transparency log as its users know it: the Configuration they
// pinned, and what follows from it. It never changes and is safe for
// concurrent use.
type Log struct {
	config  wire.Configuration
	encoded []byte // the Configuration in TLS format
	format  wire.Format
	suite   suite.Suite
	vrf     vrf.PublicKey
	signer  suite.Verifier // of tree heads
	auditor suite.Verifier // ThirdPartyAuditing only
	params  combined.Params
}

// NewLog checks a Configuration and prepares to verify under it.
func NewLog(config wire.Configuration) (*Log, error) {
	l := &Log{config: config, format: config.Format(), params: combined.ParamsOf(&config)}
	var err error
	if l.encoded, err = config.Append(nil, l.format); err != nil {
		return nil, fmt.Errorf("client: configuration: %w", err)
	}
	if l.suite, err = suite.Get(config.CipherSuite); err != nil {
		return nil, fmt.Errorf("client: configuration: %w", err)
	}
	if l.vrf, err = l.suite.ParseVRFPublicKey(config.VRFPublicKey); err != nil {
		return nil, fmt.Errorf("client: configuration: VRF key: %w", err)
	}
	if l.signer, err = l.suite.ParseVerifier(config.SignaturePublicKey); err != nil {
		return nil, fmt.Errorf("client: configuration: signature key: %w", err)
	}
	switch config.Mode {
	case wire.ContactMonitoring:
	case wire.ThirdPartyManagement:
		if _, err = l.suite.ParseVerifier(config.LeafPublicKey); err != nil {
			return nil, fmt.Errorf("client: configuration: leaf key: %w", err)
		}
	case wire.ThirdPartyAuditing:
		if l.auditor, err = l.suite.ParseVerifier(config.AuditorPublicKey); err != nil {
			return nil, fmt.Errorf("client: configuration: auditor key: %w", err)
		}
	default:
		return nil, fmt.Errorf("client: configuration: deployment mode %d is unknown", config.Mode)
	}
	if m := config.MaximumLifetime; m != nil && (*m == 0 || *m <= config.ReasonableMonitoringWindow) {
		return nil, fmt.Errorf("client: configuration: a maximum lifetime of %d ms is not greater than the monitoring window", *m)
	}
	return l, nil
}

// Configuration returns the log's Configuration. It is not to be changed.
func (l *Log) Configuration() *wire.Configuration { return &l.config }

// Fingerprint names the log by its cipher suite and keys.
func (l *Log) Fingerprint() provider.Fingerprint { return provider.FingerprintOf(&l.config) }

// Format returns the format of the log's messages.
func (l *Log) Format() wire.Format { return l.format }

// verifyHead verifies the signature of a TreeHead over a candidate root ("Tree
// Head Signature"), with the key parsed once.
func (l *Log) verifyHead(h *wire.TreeHead, root wire.HashValue) error {
	tbs := wire.TreeHeadTBS{Config: l.config, TreeSize: h.TreeSize, Root: root}
	return l.verify(l.signer, &tbs, h.Signature)
}

// verifyAuditor verifies the signature of an AuditorTreeHead ("Auditor Tree Head
// Signature", step 4).
func (l *Log) verifyAuditor(h *wire.AuditorTreeHead, root wire.HashValue) error {
	tbs := wire.AuditorTreeHeadTBS{Config: l.config, Timestamp: h.Timestamp, TreeSize: h.TreeSize, Root: root}
	return l.verify(l.auditor, &tbs, h.Signature)
}

func (l *Log) verify(key suite.Verifier, tbs interface {
	Append([]byte, wire.Format) ([]byte, error)
}, signature []byte) error {
	message, err := tbs.Append(make([]byte, 0, 512), l.format)
	if err != nil {
		return err
	}
	return key.Verify(message, signature)
}
