package wire_test

import (
	"github.com/kith-kt/kith/proto/wire"
)

// A codec is one structure's Append and Parse, without its type.
type codec struct {
	name   string // in the draft
	fixed  bool   // SearchResponse to a request with a version
	fresh  func() any
	parse  func(b []byte, f wire.Format) (any, error)
	append func(x any, b []byte, f wire.Format) ([]byte, error)
}

func (c codec) String() string {
	if c.fixed {
		return c.name + "Fixed"
	}
	return c.name
}

// contexts are the formats a structure comes in.
func (c codec) contexts() (cs []refContext) {
	for _, s := range []wire.CipherSuite{wire.KT_128_SHA256_P256, wire.KT_128_SHA256_Ed25519} {
		for _, m := range []wire.DeploymentMode{wire.ContactMonitoring, wire.ThirdPartyManagement, wire.ThirdPartyAuditing} {
			cs = append(cs, refContext{wire.Format{Suite: s, Mode: m}, c.fixed})
		}
	}
	return cs
}

type appender[T any] interface {
	*T
	Append([]byte, wire.Format) ([]byte, error)
}

func of[T any, P appender[T]](name string, parse func([]byte, wire.Format) (*T, error)) codec {
	return codec{
		name:  name,
		fresh: func() any { return new(T) },
		parse: func(b []byte, f wire.Format) (any, error) {
			x, err := parse(b, f)
			if err != nil {
				return nil, err // an untyped nil
			}
			return x, nil
		},
		append: func(x any, b []byte, f wire.Format) ([]byte, error) { return P(x.(*T)).Append(b, f) },
	}
}

func searchResponse(fixed bool) codec {
	c := of("SearchResponse", func(b []byte, f wire.Format) (*wire.SearchResponse, error) {
		return wire.ParseSearchResponse(b, f, fixed)
	})
	c.fixed = fixed
	return c
}

// codecs lists every structure of the draft.
var codecs = []codec{
	of("Configuration", wire.ParseConfiguration),
	of("TreeHead", wire.ParseTreeHead),
	of("TreeHeadTBS", wire.ParseTreeHeadTBS),
	of("AuditorTreeHead", wire.ParseAuditorTreeHead),
	of("AuditorTreeHeadTBS", wire.ParseAuditorTreeHeadTBS),
	of("FullTreeHead", wire.ParseFullTreeHead),
	of("UpdateSuffix", wire.ParseUpdateSuffix),
	of("UpdateValue", wire.ParseUpdateValue),
	of("UpdateTBS", wire.ParseUpdateTBS),
	of("CommitmentValue", wire.ParseCommitmentValue),
	of("VrfInput", wire.ParseVRFInput),
	of("LogEntry", wire.ParseLogEntry),
	of("InclusionProof", wire.ParseInclusionProof),
	of("PrefixLeaf", wire.ParsePrefixLeaf),
	of("PrefixSearchResult", wire.ParsePrefixSearchResult),
	of("PrefixProof", wire.ParsePrefixProof),
	of("CombinedTreeProof", wire.ParseCombinedTreeProof),
	of("SearchRequest", wire.ParseSearchRequest),
	of("BinaryLadderStep", wire.ParseBinaryLadderStep),
	searchResponse(false),
	searchResponse(true),
	of("MonitorMapEntry", wire.ParseMonitorMapEntry),
	of("ContactMonitorRequest", wire.ParseContactMonitorRequest),
	of("ContactMonitorResponse", wire.ParseContactMonitorResponse),
	of("OwnerInitRequest", wire.ParseOwnerInitRequest),
	of("OwnerInitResponse", wire.ParseOwnerInitResponse),
	of("OwnerMonitorRequest", wire.ParseOwnerMonitorRequest),
	of("OwnerMonitorResponse", wire.ParseOwnerMonitorResponse),
	of("LabelValue", wire.ParseLabelValue),
	of("UpdateRequest", wire.ParseUpdateRequest),
	of("UpdateInfo", wire.ParseUpdateInfo),
	of("UpdateResponse", wire.ParseUpdateResponse),
	of("DistinguishedRequest", wire.ParseDistinguishedRequest),
	of("DistinguishedResponse", wire.ParseDistinguishedResponse),
	of("DistinguishedHead", wire.ParseDistinguishedHead),
	of("Credential", wire.ParseCredential),
	of("CredentialUpdate", wire.ParseCredentialUpdate),
	of("ManagerUpdateRequest", wire.ParseManagerUpdateRequest),
	of("AuditorUpdate", wire.ParseAuditorUpdate),
}

func structNames() map[string]bool {
	names := map[string]bool{}
	for _, c := range codecs {
		names[c.name] = true
	}
	return names
}
