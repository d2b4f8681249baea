package client

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

// savedMagic begins a saved proof; its last number is the version of the layout.
const savedMagic = "kith proof 1\n"

// A Saved is everything that is needed to verify responses again, offline and
// later: whose log it is, what the user retained before, what was asked and
// answered, and when. It is how proofs are kept and how misbehaviour is shown.
type Saved struct {
	// Provider is the provider document as it was pinned, or nil.
	Provider []byte
	Log      *Log
	Prior    *State // before the first exchange, as far as it matters
	// Exchanges follow one from another: each was asked from the state that the
	// one before it led to.
	Exchanges []Exchange
}

// An Exchange is one request and its response.
type Exchange struct {
	Operation wire.Operation
	Request   []byte
	Response  []byte
	Received  uint64 // ms since the Unix epoch, by the user's clock
}

// A Verdict is what a saved proof shows when it is verified again.
type Verdict struct {
	Found    []*Found // of the searches among the exchanges, in order
	Last     any      // the result of the last exchange
	State    *State   // after the last exchange
	Received time.Time
}

// only returns the part of a state that requests about one label rest on.
func (s *State) only(label string) *State {
	part := &State{log: s.log, head: s.head}
	if c := s.contacts[label]; c != nil {
		part.contacts = map[string]*Contact{label: c}
	}
	if o := s.owned[label]; o != nil {
		part.owned = map[string]*Owned{label: o}
	}
	return part
}

// Append appends the one encoding of a saved proof.
func (s *Saved) Append(b []byte) []byte {
	b = append(b, savedMagic...)
	b = appendBytes(b, s.Provider)
	b = appendBytes(b, s.Log.encoded)
	b = appendBytes(b, s.Prior.Append(nil))
	b = appendU32(b, uint32(len(s.Exchanges)))
	for _, e := range s.Exchanges {
		b = append(b, byte(e.Operation))
		b = appendBytes(appendBytes(b, e.Request), e.Response)
		b = appendU64(b, e.Received)
	}
	return b
}

// ErrSaved is a saved proof that does not parse.
var ErrSaved = errors.New("not a saved proof")

// ParseSaved reads a saved proof without verifying what it says.
func ParseSaved(b []byte) (*Saved, error) {
	if !bytes.HasPrefix(b, []byte(savedMagic)) {
		return nil, fmt.Errorf("client: %w: it does not begin with %q", ErrSaved, savedMagic[:len(savedMagic)-1])
	}
	r := &reader{b: b[len(savedMagic):]}
	s := &Saved{Provider: r.bytes()}
	encoded, prior := r.bytes(), r.bytes()
	r.list(func() {
		s.Exchanges = append(s.Exchanges, Exchange{Operation: wire.Operation(r.u8()), Request: r.bytes(), Response: r.bytes(), Received: r.u64()})
	})
	if r.bad || len(r.b) != 0 {
		return nil, fmt.Errorf("client: %w: it is not well formed", ErrSaved)
	}
	config, err := wire.ParseConfiguration(encoded, wire.Format{})
	if err != nil {
		return nil, fmt.Errorf("client: %w: %w", ErrSaved, err)
	}
	if s.Log, err = NewLog(*config); err != nil {
		return nil, fmt.Errorf("client: %w: %w", ErrSaved, err)
	}
	if s.Prior, err = ParseState(prior, s.Log); err != nil {
		return nil, fmt.Errorf("client: %w: %w", ErrSaved, err)
	}
	if s.Provider != nil {
		pinned, err := provider.Reopen(s.Provider)
		if err != nil {
			return nil, fmt.Errorf("client: %w: %w", ErrSaved, err)
		}
		if !bytes.Equal(pinned.Document.Configuration, encoded) {
			return nil, fmt.Errorf("client: %w: its provider document has another configuration", ErrSaved)
		}
	}
	return s, nil
}

// VerifySaved reads a saved proof and verifies it again, with the clock at the
// times of receipt. Whether the log is the right one is for the caller to
// judge, by Saved.Log.Fingerprint; and that the prior state was honestly come
// by, nobody but its owner knows.
func VerifySaved(b []byte) (*Saved, *Verdict, error) {
	s, err := ParseSaved(b)
	if err != nil {
		return nil, nil, err
	}
	v, err := s.Verify()
	return s, v, err
}

// Verify verifies the exchanges again, one after another, from the prior state.
// For saved evidence it returns the misbehaviour that was found.
func (s *Saved) Verify() (*Verdict, error) {
	v := &Verdict{State: s.Prior}
	for i := range s.Exchanges {
		e := &s.Exchanges[i]
		v.Received = millis(e.Received)
		result, next, err := v.State.again(e)
		if err != nil {
			return v, fmt.Errorf("client: exchange %d (%s): %w", i, e.Operation, err)
		}
		if f, ok := result.(*Found); ok {
			v.Found = append(v.Found, f)
		}
		v.Last, v.State = result, next
	}
	return v, nil
}

// again makes the request of an exchange from a state and verifies its response.
func (s *State) again(e *Exchange) (any, *State, error) {
	f := s.log.format
	switch e.Operation {
	case wire.OpSearch:
		req, err := wire.ParseSearchRequest(e.Request, f)
		if err != nil {
			return nil, nil, notSaved(err)
		}
		return verifyAgain(s.Search(string(req.Label), req.Version))(e)
	case wire.OpContactMonitor:
		req, err := wire.ParseContactMonitorRequest(e.Request, f)
		if err != nil {
			return nil, nil, notSaved(err)
		}
		return verifyAgain(s.ContactMonitor(string(req.Label)))(e)
	case wire.OpOwnerInit:
		req, err := wire.ParseOwnerInitRequest(e.Request, f)
		if err != nil {
			return nil, nil, notSaved(err)
		}
		return verifyAgain(s.OwnerInit(string(req.Label), req.Start))(e)
	case wire.OpOwnerMonitor:
		req, err := wire.ParseOwnerMonitorRequest(e.Request, f)
		if err != nil {
			return nil, nil, notSaved(err)
		}
		return verifyAgain(s.OwnerMonitor(string(req.Label)))(e)
	case wire.OpUpdate:
		req, err := wire.ParseUpdateRequest(e.Request, f)
		if err != nil {
			return nil, nil, notSaved(err)
		}
		var values [][]byte
		for _, v := range req.Values {
			values = append(values, v.Value)
		}
		return verifyAgain(s.Update(string(req.Label), values))(e)
	case wire.OpDistinguished:
		req, err := wire.ParseDistinguishedRequest(e.Request, f)
		if err != nil {
			return nil, nil, notSaved(err)
		}
		return verifyAgain(s.Walk(req.Stop))(e)
	}
	return nil, nil, notSaved(fmt.Errorf("unknown operation %d", e.Operation))
}

func verifyAgain[T any](call wire.Call, verify Verify[T], err error) func(*Exchange) (any, *State, error) {
	return func(e *Exchange) (any, *State, error) {
		if err != nil {
			return nil, nil, notSaved(err)
		}
		if !bytes.Equal(call.Body, e.Request) {
			return nil, nil, notSaved(errors.New("the request does not follow from the state before it"))
		}
		result, next, err := verify(e.Response, time.UnixMilli(int64(e.Received)))
		return result, next, err
	}
}

func notSaved(err error) error { return fmt.Errorf("%w: %w", ErrSaved, err) }

// FirstSeen reports whether a saved proof rests on no earlier head: it then
// shows that an answer was signed, not that it continues anything.
func (s *Saved) FirstSeen() bool { return s.Prior.head == nil }
