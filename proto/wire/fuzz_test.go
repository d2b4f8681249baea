package wire_test

import "testing"

// Every decoder has a fuzz target: it accepts what the reference accepts, to
// the same value, and writes what it has read as it was. The first byte of the
// input picks the format.

// fuzz runs every target.
func fuzz(f *testing.F, name string) {
	var c codec
	for _, c = range codecs {
		if c.String() == name {
			break
		}
	}
	if c.String() != name {
		f.Fatal("no such structure: ", name)
	}
	contexts := c.contexts()
	for i, ctx := range contexts {
		for seed := range uint64(4) {
			x := c.fresh()
			generate(x, ctx, &counting{seed: seed, elements: int(seed) % 3, none: seed == 0})
			b, err := c.append(x, []byte{byte(i)}, ctx.Format)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || int(b[0]) >= len(contexts) {
			return
		}
		checkAgainstReference(t, c, contexts[b[0]], b[1:])
	})
}

func FuzzParseConfiguration(f *testing.F)          { fuzz(f, "Configuration") }
func FuzzParseTreeHead(f *testing.F)               { fuzz(f, "TreeHead") }
func FuzzParseTreeHeadTBS(f *testing.F)            { fuzz(f, "TreeHeadTBS") }
func FuzzParseAuditorTreeHead(f *testing.F)        { fuzz(f, "AuditorTreeHead") }
func FuzzParseAuditorTreeHeadTBS(f *testing.F)     { fuzz(f, "AuditorTreeHeadTBS") }
func FuzzParseFullTreeHead(f *testing.F)           { fuzz(f, "FullTreeHead") }
func FuzzParseUpdateSuffix(f *testing.F)           { fuzz(f, "UpdateSuffix") }
func FuzzParseUpdateValue(f *testing.F)            { fuzz(f, "UpdateValue") }
func FuzzParseUpdateTBS(f *testing.F)              { fuzz(f, "UpdateTBS") }
func FuzzParseCommitmentValue(f *testing.F)        { fuzz(f, "CommitmentValue") }
func FuzzParseVRFInput(f *testing.F)               { fuzz(f, "VrfInput") }
func FuzzParseLogEntry(f *testing.F)               { fuzz(f, "LogEntry") }
func FuzzParseInclusionProof(f *testing.F)         { fuzz(f, "InclusionProof") }
func FuzzParsePrefixLeaf(f *testing.F)             { fuzz(f, "PrefixLeaf") }
func FuzzParsePrefixSearchResult(f *testing.F)     { fuzz(f, "PrefixSearchResult") }
func FuzzParsePrefixProof(f *testing.F)            { fuzz(f, "PrefixProof") }
func FuzzParseCombinedTreeProof(f *testing.F)      { fuzz(f, "CombinedTreeProof") }
func FuzzParseSearchRequest(f *testing.F)          { fuzz(f, "SearchRequest") }
func FuzzParseBinaryLadderStep(f *testing.F)       { fuzz(f, "BinaryLadderStep") }
func FuzzParseSearchResponse(f *testing.F)         { fuzz(f, "SearchResponse") }
func FuzzParseSearchResponseFixed(f *testing.F)    { fuzz(f, "SearchResponseFixed") }
func FuzzParseMonitorMapEntry(f *testing.F)        { fuzz(f, "MonitorMapEntry") }
func FuzzParseContactMonitorRequest(f *testing.F)  { fuzz(f, "ContactMonitorRequest") }
func FuzzParseContactMonitorResponse(f *testing.F) { fuzz(f, "ContactMonitorResponse") }
func FuzzParseOwnerInitRequest(f *testing.F)       { fuzz(f, "OwnerInitRequest") }
func FuzzParseOwnerInitResponse(f *testing.F)      { fuzz(f, "OwnerInitResponse") }
func FuzzParseOwnerMonitorRequest(f *testing.F)    { fuzz(f, "OwnerMonitorRequest") }
func FuzzParseOwnerMonitorResponse(f *testing.F)   { fuzz(f, "OwnerMonitorResponse") }
func FuzzParseLabelValue(f *testing.F)             { fuzz(f, "LabelValue") }
func FuzzParseUpdateRequest(f *testing.F)          { fuzz(f, "UpdateRequest") }
func FuzzParseUpdateInfo(f *testing.F)             { fuzz(f, "UpdateInfo") }
func FuzzParseUpdateResponse(f *testing.F)         { fuzz(f, "UpdateResponse") }
func FuzzParseDistinguishedRequest(f *testing.F)   { fuzz(f, "DistinguishedRequest") }
func FuzzParseDistinguishedResponse(f *testing.F)  { fuzz(f, "DistinguishedResponse") }
func FuzzParseDistinguishedHead(f *testing.F)      { fuzz(f, "DistinguishedHead") }
func FuzzParseCredential(f *testing.F)             { fuzz(f, "Credential") }
func FuzzParseCredentialUpdate(f *testing.F)       { fuzz(f, "CredentialUpdate") }
func FuzzParseManagerUpdateRequest(f *testing.F)   { fuzz(f, "ManagerUpdateRequest") }
func FuzzParseAuditorUpdate(f *testing.F)          { fuzz(f, "AuditorUpdate") }
