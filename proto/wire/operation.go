package wire

// An Operation is one of the six user operations ("User Operations").
type Operation uint8

// The user operations, in the order the draft defines them.
const (
	OpSearch Operation = iota + 1
	OpContactMonitor
	OpOwnerInit
	OpOwnerMonitor
	OpUpdate
	OpDistinguished
)

// Operations lists every user operation.
var Operations = []Operation{OpSearch, OpContactMonitor, OpOwnerInit, OpOwnerMonitor, OpUpdate, OpDistinguished}

// String returns the operation's name as it stands in an address: "contact-monitor".
func (o Operation) String() string {
	switch o {
	case OpSearch:
		return "search"
	case OpContactMonitor:
		return "contact-monitor"
	case OpOwnerInit:
		return "owner-init"
	case OpOwnerMonitor:
		return "owner-monitor"
	case OpUpdate:
		return "update"
	case OpDistinguished:
		return "distinguished"
	}
	return "unknown"
}

// A Call is one request as it reaches a directory, in process or over a network.
type Call struct {
	Operation Operation
	Body      []byte // the request in TLS format

	// Token is the bearer token of a caller who needs one, or "".
	Token string
	// Opening proves a former right to search, for OpContactMonitor
	// ("Contact Monitor", last paragraph); nil if none is offered.
	Opening *Opening
}
