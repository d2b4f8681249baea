// Package wire is the TLS-presentation codec of every structure of
// draft-ietf-keytrans-protocol ("Presentation Language" and the sections that
// define each structure).
//
// Field and type names are the draft's, in Go's spelling. The length that
// precedes a vector is its number of elements, in as many bytes as its
// ceiling needs ("Variable-Length Vectors"). Decoders accept one encoding of a
// value and only that one, consume their input exactly, and allocate nothing
// that the input has not already paid for.
package wire

// Sizes fixed by both cipher suites ("KT Cipher Suites"), in bytes.
const (
	HashSize       = 32 // Hash.Nh
	VRFOutputSize  = 32 // VRF.Nh
	OpeningSize    = 16 // Nc
	MaxLabelSize   = 255
	MaxVersion     = 1<<32 - 1
	MaxVectorSmall = 1<<8 - 1 // elements of a <0..2^8-1> vector
)

// A HashValue is the value of a node of either tree, a root, or a commitment.
type HashValue [HashSize]byte

// A VRFOutput is the search key of one label-version pair in the prefix tree.
type VRFOutput [VRFOutputSize]byte

// An Opening opens a commitment ("Commitment").
type Opening [OpeningSize]byte

// A CipherSuite names the primitives of a log ("KT Cipher Suites").
type CipherSuite uint16

// The registered cipher suites.
const (
	KT_128_SHA256_P256    CipherSuite = 0x0001
	KT_128_SHA256_Ed25519 CipherSuite = 0x0002
)

// A DeploymentMode says which third party stands beside the operator ("Tree Head Signature").
type DeploymentMode uint8

// The deployment modes.
const (
	ContactMonitoring    DeploymentMode = 1
	ThirdPartyManagement DeploymentMode = 2
	ThirdPartyAuditing   DeploymentMode = 3
)

// A Configuration is what never changes about a log ("Tree Head Signature").
// Durations are in milliseconds.
type Configuration struct {
	CipherSuite        CipherSuite
	Mode               DeploymentMode
	SignaturePublicKey []byte // <0..2^16-1>
	VRFPublicKey       []byte // <0..2^16-1>

	LeafPublicKey []byte // ThirdPartyManagement only

	MaxAuditorLag    uint64 // ThirdPartyAuditing only, ms
	AuditorStartPos  uint64 // ThirdPartyAuditing only
	AuditorPublicKey []byte // ThirdPartyAuditing only

	MaxAhead                   uint64  // ms
	MaxBehind                  uint64  // ms
	ReasonableMonitoringWindow uint64  // ms
	MaximumLifetime            *uint64 // ms; nil: none defined
}

// A TreeHead is the newest state of a log ("Tree Head Signature").
type TreeHead struct {
	TreeSize  uint64 // number of log entries
	Signature []byte // over TreeHeadTBS
}

// TreeHeadTBS is what a TreeHead signs.
type TreeHeadTBS struct {
	Config   Configuration
	TreeSize uint64
	Root     HashValue
}

// An AuditorTreeHead is the auditor's view of the log ("Auditor Tree Head Signature").
type AuditorTreeHead struct {
	Timestamp uint64 // ms since the Unix epoch, of the rightmost audited entry
	TreeSize  uint64
	Signature []byte // over AuditorTreeHeadTBS
}

// AuditorTreeHeadTBS is what an AuditorTreeHead signs.
type AuditorTreeHeadTBS struct {
	Config    Configuration
	Timestamp uint64
	TreeSize  uint64
	Root      HashValue
}

// A FullTreeHeadType says whether a response goes on with the head the user advertised.
type FullTreeHeadType uint8

// The kinds of FullTreeHead.
const (
	HeadSame    FullTreeHeadType = 1
	HeadUpdated FullTreeHeadType = 2
)

// A FullTreeHead starts every response ("Full Tree Head Verification").
type FullTreeHead struct {
	HeadType        FullTreeHeadType
	TreeHead        TreeHead         // HeadUpdated only
	AuditorTreeHead *AuditorTreeHead // HeadUpdated and ThirdPartyAuditing only
}

// An UpdateSuffix follows a value ("Update Format").
type UpdateSuffix struct {
	Signature []byte // ThirdPartyManagement only: over UpdateTBS
}

// An UpdateValue is what a commitment commits to ("Update Format").
type UpdateValue struct {
	Value  []byte // <0..2^32-1>
	Suffix UpdateSuffix
}

// UpdateTBS is what an UpdateSuffix signs.
type UpdateTBS struct {
	Config  Configuration
	Label   []byte
	Version uint32
	Value   []byte
}

// A CommitmentValue is the message of a commitment's HMAC ("Commitment").
type CommitmentValue struct {
	Opening Opening
	Label   []byte // <0..2^8-1>
	Version uint32
	Update  UpdateValue
}

// A VRFInput is the VRF's input for one label-version pair ("Verifiable Random Function").
type VRFInput struct {
	Label   []byte // <0..2^8-1>
	Version uint32
}

// A LogEntry is a leaf of the log tree ("Cryptographic Computations", "Log Tree").
type LogEntry struct {
	Timestamp  uint64    // ms since the Unix epoch
	PrefixTree HashValue // root of the prefix tree after this entry's changes
}

// An InclusionProof is a batch proof in the log tree ("Tree Proofs", "Log Tree").
type InclusionProof struct {
	Elements []HashValue // <0..2^16-1>, left to right, heads of balanced subtrees only
}

// A PrefixSearchResultType is how a search of the prefix tree ended.
type PrefixSearchResultType uint8

// The ways a search of the prefix tree ends.
const (
	Inclusion          PrefixSearchResultType = 1
	NonInclusionLeaf   PrefixSearchResultType = 2
	NonInclusionParent PrefixSearchResultType = 3
)

// A PrefixLeaf is a leaf of the prefix tree.
type PrefixLeaf struct {
	VRFOutput  VRFOutput
	Commitment HashValue
}

// A PrefixSearchResult is where one search ended ("Tree Proofs", "Prefix Tree").
type PrefixSearchResult struct {
	ResultType PrefixSearchResultType
	Leaf       PrefixLeaf // NonInclusionLeaf only
	Depth      uint8      // of the terminal node; 0 is the root
}

// A PrefixProof is a batch of searches in one prefix tree ("Tree Proofs", "Prefix Tree").
type PrefixProof struct {
	Results  []PrefixSearchResult // <0..2^8-1>, in the order requested
	Elements []HashValue          // <0..2^16-1>, left to right
}

// A CombinedTreeProof is read only by running the algorithm it was made for ("Combined Tree").
type CombinedTreeProof struct {
	Timestamps   []uint64      // <0..2^8-1>, ms since the Unix epoch
	PrefixProofs []PrefixProof // <0..2^8-1>
	PrefixRoots  []HashValue   // <0..2^8-1>, left to right
	Inclusion    InclusionProof
}

// A SearchRequest asks for a label ("Search").
type SearchRequest struct {
	Last    *uint64 // size of the newest head the user verified
	Label   []byte
	Version *uint32 // nil: the greatest
}

// A BinaryLadderStep belongs to one version of a ladder ("Search").
type BinaryLadderStep struct {
	Proof      []byte     // VRF.Np bytes
	Commitment *HashValue // absent for missing versions and for the target
}

// A SearchResponse answers a SearchRequest.
type SearchResponse struct {
	FullTreeHead FullTreeHead
	Version      *uint32 // present exactly when SearchRequest.Version is absent
	Opening      Opening
	Value        UpdateValue
	BinaryLadder []BinaryLadderStep // <0..2^8-1>
	Search       CombinedTreeProof
}

// A MonitorMapEntry is one pair of a monitoring map ("Contact Monitor").
type MonitorMapEntry struct {
	Position uint64
	Version  uint32
}

// A ContactMonitorRequest monitors a label somebody looked up ("Contact Monitor").
type ContactMonitorRequest struct {
	Last    *uint64
	Label   []byte
	Entries []MonitorMapEntry // <0..2^8-1>, ascending by Position
}

// A ContactMonitorResponse answers a ContactMonitorRequest.
type ContactMonitorResponse struct {
	FullTreeHead FullTreeHead
	Monitor      CombinedTreeProof
}

// An OwnerInitRequest begins the ownership of a label ("Owner Initialization").
type OwnerInitRequest struct {
	Last  *uint64
	Label []byte
	Start uint64 // an unexpired distinguished log entry
}

// An OwnerInitResponse answers an OwnerInitRequest.
type OwnerInitResponse struct {
	FullTreeHead     FullTreeHead
	GreatestVersions []uint32           // <0..2^8-1>, descending
	BinaryLadder     []BinaryLadderStep // <0..2^16-1>, ascending by version
	Init             CombinedTreeProof
}

// An OwnerMonitorRequest monitors a label its sender owns ("Owner Monitoring").
type OwnerMonitorRequest struct {
	Last            *uint64
	Label           []byte
	Entries         []MonitorMapEntry // <0..2^8-1>, ascending by Position
	Start           uint64            // rightmost distinguished entry verified so far
	GreatestVersion *uint32
}

// An OwnerMonitorResponse answers an OwnerMonitorRequest.
type OwnerMonitorResponse struct {
	FullTreeHead FullTreeHead
	Monitor      CombinedTreeProof
}

// A LabelValue is one new value of a label ("Updating a Label").
type LabelValue struct {
	Value []byte // <0..2^32-1>
}

// An UpdateRequest creates new versions of a label ("Updating a Label").
type UpdateRequest struct {
	Last            *uint64
	Label           []byte
	GreatestVersion *uint32
	Values          []LabelValue // <0..2^8-1>
}

// An UpdateInfo belongs to one new version.
type UpdateInfo struct {
	Opening Opening
	Suffix  UpdateSuffix
}

// An UpdateResponse answers an UpdateRequest.
type UpdateResponse struct {
	FullTreeHead    FullTreeHead
	Position        uint64
	SkippedVersions uint32             // ThirdPartyManagement only
	Values          []LabelValue       // <0..2^8-1>; empty: the request's values were taken
	Info            []UpdateInfo       // <0..2^8-1>
	BinaryLadder    []BinaryLadderStep // <0..2^8-1>, ascending by version
	Update          CombinedTreeProof
}

// A DistinguishedRequest walks recent distinguished entries ("Walking Distinguished Heads").
type DistinguishedRequest struct {
	Last *uint64
	Stop *uint64
}

// A DistinguishedResponse answers a DistinguishedRequest.
type DistinguishedResponse struct {
	FullTreeHead  FullTreeHead
	Distinguished CombinedTreeProof
}

// A DistinguishedHead lists roots, left to right, for comparison between users ("Detecting Forks").
type DistinguishedHead struct {
	Heads []HashValue // <0..2^8-1>
}

// A CredentialType says whether a credential rests on a distinguished entry alone ("Credentials").
type CredentialType uint8

// The kinds of credential.
const (
	StandardCredential    CredentialType = 1
	ProvisionalCredential CredentialType = 2
)

// A Credential proves a label's value without a query ("Credentials").
type Credential struct {
	Label          []byte
	Version        uint32
	Opening        Opening
	Value          UpdateValue
	BinaryLadder   []BinaryLadderStep // <0..2^8-1>
	Position       uint64
	CredentialType CredentialType
	Distinguished  PrefixProof       // StandardCredential only
	TreeHead       TreeHead          // ProvisionalCredential only
	Search         CombinedTreeProof // ProvisionalCredential only
}

// A CredentialUpdate settles a provisional credential ("Provisional").
type CredentialUpdate struct {
	Monitor CombinedTreeProof
}

// A ManagerUpdateRequest is an UpdateRequest the operator has signed ("Management").
type ManagerUpdateRequest struct {
	Last            *uint64
	Label           []byte
	GreatestVersion *uint32
	Values          []UpdateValue // <0..2^8-1>
	SignedVersion   uint32
}

// An AuditorUpdate is one log entry as its auditor sees it ("Auditing").
type AuditorUpdate struct {
	Timestamp uint64
	Added     []PrefixLeaf // <0..2^16-1>, ascending by VRFOutput
	Removed   []PrefixLeaf // <0..2^16-1>, ascending by VRFOutput
	Proof     PrefixProof  // of Added then Removed, in the previous prefix tree
}
