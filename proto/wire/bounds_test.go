package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// TestValuesOutsideBoundsAreNotEncoded has one case for every way a Go value
// can be no message; the bytes before it are returned as they were.
func TestValuesOutsideBoundsAreNotEncoded(t *testing.T) {
	type appends interface {
		Append([]byte, wire.Format) ([]byte, error)
	}
	contact := wire.Format{Suite: wire.KT_128_SHA256_Ed25519, Mode: wire.ContactMonitoring}
	auditing := wire.Format{Suite: wire.KT_128_SHA256_P256, Mode: wire.ThirdPartyAuditing}
	config := wire.Configuration{CipherSuite: wire.KT_128_SHA256_P256, Mode: wire.ContactMonitoring}
	noMode, noSuite, longKey := config, config, config
	noMode.Mode, noSuite.CipherSuite, longKey.VRFPublicKey = 4, 3, make([]byte, 1<<16)
	updated := wire.FullTreeHead{HeadType: wire.HeadUpdated}

	for _, c := range []struct {
		name string
		x    appends
		f    wire.Format
	}{
		{"label of 256 bytes", &wire.SearchRequest{Label: make([]byte, 256)}, contact},
		{"256 values", &wire.UpdateRequest{Values: make([]wire.LabelValue, 256)}, contact},
		{"256 monitor map entries", &wire.ContactMonitorRequest{Entries: make([]wire.MonitorMapEntry, 256)}, contact},
		{"256 timestamps", &wire.CombinedTreeProof{Timestamps: make([]uint64, 256)}, contact},
		{"256 heads", &wire.DistinguishedHead{Heads: make([]wire.HashValue, 256)}, contact},
		{"65536 elements", &wire.InclusionProof{Elements: make([]wire.HashValue, 1<<16)}, contact},
		{"65536 leaves", &wire.AuditorUpdate{Added: make([]wire.PrefixLeaf, 1<<16)}, contact},
		{"signature of 65536 bytes", &wire.TreeHead{Signature: make([]byte, 1<<16)}, contact},
		{"key of 65536 bytes", &longKey, contact},
		{"no deployment mode", &noMode, contact},
		{"no cipher suite", &noSuite, contact},
		{"no head type", &wire.FullTreeHead{}, contact},
		{"no result type", &wire.PrefixSearchResult{}, contact},
		{"no credential type", &wire.Credential{}, contact},
		{"short VRF proof", &wire.BinaryLadderStep{Proof: make([]byte, 79)}, contact},
		{"long VRF proof", &wire.BinaryLadderStep{Proof: make([]byte, 81)}, contact},
		{"VRF proof of the other suite", &wire.BinaryLadderStep{Proof: make([]byte, 80)}, auditing},
		{"VRF proof of no suite", &wire.BinaryLadderStep{}, wire.Format{Mode: wire.ContactMonitoring}},
		{"auditor's head missing", &updated, auditing},
		{"format without mode, head", &updated, wire.Format{Suite: wire.KT_128_SHA256_P256}},
		{"format without mode, suffix", &wire.UpdateSuffix{}, wire.Format{Suite: wire.KT_128_SHA256_P256}},
	} {
		b, err := c.x.Append([]byte("before"), c.f)
		if !errors.Is(err, wire.ErrUnencodable) || !bytes.Equal(b, []byte("before")) {
			t.Errorf("%s: %q, %v", c.name, b, err)
		}
	}
}

// TestLargestBoundsAreEncoded: one fewer of each is fine.
func TestLargestBoundsAreEncoded(t *testing.T) {
	f := benchFormat
	config := wire.Configuration{CipherSuite: wire.KT_128_SHA256_P256, Mode: wire.ContactMonitoring, VRFPublicKey: make([]byte, 1<<16-1)}
	if b, err := config.Append(nil, f); err != nil {
		t.Error(err)
	} else if x, err := wire.ParseConfiguration(b, f); err != nil || len(x.VRFPublicKey) != 1<<16-1 {
		t.Error(err)
	}
	proof := wire.InclusionProof{Elements: make([]wire.HashValue, 1<<16-1)}
	if b, err := proof.Append(nil, f); err != nil {
		t.Error(err)
	} else if x, err := wire.ParseInclusionProof(b, f); err != nil || len(x.Elements) != 1<<16-1 {
		t.Error(err)
	}
	request := wire.UpdateRequest{Label: make([]byte, 255), Values: make([]wire.LabelValue, 255)}
	if b, err := request.Append(nil, f); err != nil {
		t.Error(err)
	} else if x, err := wire.ParseUpdateRequest(b, f); err != nil || len(x.Label) != 255 || len(x.Values) != 255 {
		t.Error(err)
	}
}

// TestFormatWithoutModeIsRefused: a decoder that needs the mode says so.
func TestFormatWithoutModeIsRefused(t *testing.T) {
	head := wire.FullTreeHead{HeadType: wire.HeadUpdated}
	b, err := head.Append(nil, wire.Format{Mode: wire.ContactMonitoring})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.ParseFullTreeHead(b, wire.Format{}); !errors.Is(err, wire.ErrMalformed) {
		t.Error(err)
	}
}

// TestSmallestElementsFillVectors has the most of the smallest elements in
// every vector: the check against hostile counts must let them through.
func TestSmallestElementsFillVectors(t *testing.T) {
	f := wire.Format{Suite: wire.KT_128_SHA256_Ed25519, Mode: wire.ContactMonitoring}
	steps := make([]wire.BinaryLadderStep, 255)
	for i := range steps {
		steps[i].Proof = make([]byte, wire.VRFProofSizeEd25519)
	}
	results := make([]wire.PrefixSearchResult, 255)
	for i := range results {
		results[i].ResultType = wire.Inclusion
	}
	same := wire.FullTreeHead{HeadType: wire.HeadSame}
	for name, x := range map[string]any{
		"SearchResponse":        &wire.SearchResponse{FullTreeHead: same, Version: new(uint32), BinaryLadder: steps},
		"OwnerInitResponse":     &wire.OwnerInitResponse{FullTreeHead: same, GreatestVersions: make([]uint32, 255), BinaryLadder: steps},
		"Credential":            &wire.Credential{BinaryLadder: steps, CredentialType: wire.StandardCredential},
		"PrefixProof":           &wire.PrefixProof{Results: results},
		"CombinedTreeProof":     &wire.CombinedTreeProof{Timestamps: make([]uint64, 255), PrefixProofs: make([]wire.PrefixProof, 255)},
		"ContactMonitorRequest": &wire.ContactMonitorRequest{Entries: make([]wire.MonitorMapEntry, 255)},
		"OwnerMonitorRequest":   &wire.OwnerMonitorRequest{Entries: make([]wire.MonitorMapEntry, 255)},
		"UpdateRequest":         &wire.UpdateRequest{Values: make([]wire.LabelValue, 255)},
		"ManagerUpdateRequest":  &wire.ManagerUpdateRequest{Values: make([]wire.UpdateValue, 255)},
		"UpdateResponse": &wire.UpdateResponse{FullTreeHead: same, Values: make([]wire.LabelValue, 255),
			Info: make([]wire.UpdateInfo, 255), BinaryLadder: steps},
		"AuditorUpdate": &wire.AuditorUpdate{Added: make([]wire.PrefixLeaf, 1<<16-1), Removed: make([]wire.PrefixLeaf, 1<<16-1)},
	} {
		c := find(name, false)
		b, err := c.append(x, nil, f)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		back, err := c.parse(b, f)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := c.append(back, nil, f); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
