package systemtest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/wire"
)

var update = flag.Bool("update", false, "write the vectors of operations anew")

const operationsFolder = "../../proto/testdata/operations"

// A story is one file of vectors: what one user asked a log, in order. See
// proto/testdata/README.md.
type story struct {
	Draft         string  `json:"draft"`
	Suite         string  `json:"ciphersuite"`
	Mode          string  `json:"mode"`
	Configuration octets  `json:"configuration"`
	Steps         []*step `json:"steps"`
}

// A step is one operation.
type step struct {
	Comment   string     `json:"comment"`
	Operation string     `json:"operation"`
	Newcomer  bool       `json:"newcomer,omitempty"` // without what the steps before led to
	Prior     *retained  `json:"prior"`
	Request   octets     `json:"request"`
	Response  octets     `json:"response"`
	Received  decimal    `json:"received"` // ms
	Expect    *expected  `json:"expect"`
	Negative  []*refused `json:"negative"`
}

// A refused vector is the response with one edit, or received at another time.
type refused struct {
	Reason   string   `json:"reason"`
	As       string   `json:"refused_as"`
	Received *decimal `json:"received,omitempty"`
	Offset   int      `json:"offset"` // of the edit in the response
	Remove   int      `json:"remove"` // octets
	Insert   octets   `json:"insert"`
}

func (r *refused) apply(response []byte) []byte {
	return append(append(bytes.Clone(response[:r.Offset]), r.Insert...), response[r.Offset+r.Remove:]...)
}

// retained is what a user keeps, as far as the operation depends on it.
type retained struct {
	Size         decimal    `json:"tree_size"`
	Root         octets     `json:"root,omitempty"`
	FullSubtrees []octets   `json:"full_subtrees,omitempty"` // left to right
	Frontier     []*entry   `json:"frontier,omitempty"`      // from the root down
	Label        string     `json:"label,omitempty"`
	Monitor      []mapped   `json:"monitoring_map,omitempty"`
	Versions     []*rung    `json:"versions,omitempty"`
	Owned        *ownership `json:"owned,omitempty"`
}

type entry struct {
	Timestamp decimal `json:"timestamp"`
	Prefix    octets  `json:"prefix_tree"`
}

type mapped struct {
	Position decimal `json:"position"`
	Version  uint32  `json:"version"`
}

// A rung is what is known of a version.
type rung struct {
	Version    uint32 `json:"version"`
	Output     octets `json:"vrf_output"`
	Commitment octets `json:"commitment,omitempty"` // left out: not known to exist
}

type ownership struct {
	Start    decimal  `json:"start"`
	Verified decimal  `json:"verified"`
	History  []mapped `json:"greatest_versions"` // from which log entry on which version is the greatest
}

// expected is what follows from a response.
type expected struct {
	Version  *uint32   `json:"version,omitempty"`
	Value    *octets   `json:"value,omitempty"`
	Terminal *decimal  `json:"terminal_log_entry,omitempty"`
	Position *decimal  `json:"position,omitempty"` // of an update
	First    *uint32   `json:"first_new_version,omitempty"`
	Values   []octets  `json:"values,omitempty"`
	Entries  []decimal `json:"distinguished_log_entries,omitempty"`
	Done     *bool     `json:"done,omitempty"`
	Next     *retained `json:"next"`
}

type octets []byte

func (o octets) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(o)), nil }

func (o *octets) UnmarshalText(b []byte) (err error) {
	*o, err = hex.DecodeString(string(b))
	return err
}

// A decimal is a uint64, which JSON's numbers cannot hold.
type decimal uint64

func (d decimal) MarshalText() ([]byte, error) { return strconv.AppendUint(nil, uint64(d), 10), nil }

func (d *decimal) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(string(b), 10, 64)
	*d = decimal(n)
	return err
}

// retainedBy describes a client's state, for an operation on a label.
func retainedBy(s *client.State, op wire.Operation, label string) *retained {
	r := new(retained)
	if h := s.Head(); h != nil {
		r.Size, r.Root = decimal(h.Tree.TreeSize), octets(h.Root[:])
		for _, v := range h.Retained.FullSubtrees {
			r.FullSubtrees = append(r.FullSubtrees, octets(v[:]))
		}
		for _, e := range h.Retained.Frontier {
			r.Frontier = append(r.Frontier, &entry{decimal(e.Timestamp), octets(e.PrefixTree[:])})
		}
	}
	maps := func(entries []wire.MonitorMapEntry) (out []mapped) {
		for _, e := range entries {
			out = append(out, mapped{decimal(e.Position), e.Version})
		}
		return out
	}
	rungs := func(steps []client.Step) (out []*rung) {
		for _, s := range steps {
			k := &rung{Version: s.Version, Output: octets(s.Output[:])}
			if s.Commitment != nil {
				k.Commitment = octets(s.Commitment[:])
			}
			out = append(out, k)
		}
		return out
	}
	switch op {
	case wire.OpContactMonitor, wire.OpSearch:
		if c := s.Contact(label); c != nil {
			r.Label, r.Monitor, r.Versions = label, maps(c.Monitor), rungs(c.Steps)
		}
	case wire.OpOwnerInit, wire.OpOwnerMonitor, wire.OpUpdate:
		if o := s.Owned(label); o != nil {
			r.Label, r.Monitor, r.Versions = label, maps(o.Monitor), rungs(o.Steps)
			r.Owned = &ownership{decimal(o.Start), decimal(o.Verified), maps(o.History)}
		}
	}
	return r
}

// verified is how a user takes a response: the result in words, and the next state.
type verified func(response []byte, now time.Time) (*expected, *client.State, error)

func described[T any](call wire.Call, verify client.Verify[T], err error, describe func(T, *expected)) (wire.Call, verified, error) {
	return call, func(response []byte, now time.Time) (*expected, *client.State, error) {
		result, next, err := verify(response, now)
		if err != nil {
			return nil, next, err
		}
		e := new(expected)
		describe(result, e)
		return e, next, nil
	}, err
}

func pointer[T any](v T) *T { return &v }

func decimals(list []uint64) (out []decimal) {
	for _, n := range list {
		out = append(out, decimal(n))
	}
	return out
}

// ask makes a request from a state again, from its bytes. It returns the label too.
func ask(s *client.State, op wire.Operation, request []byte) (label string, call wire.Call, v verified, err error) {
	f := s.Log().Format()
	switch op {
	case wire.OpSearch:
		r, e := wire.ParseSearchRequest(request, f)
		if e != nil {
			return "", call, nil, e
		}
		label = string(r.Label)
		c, verify, e := s.Search(label, r.Version)
		call, v, err = described(c, verify, e, func(found *client.Found, out *expected) {
			out.Version, out.Value, out.Terminal = &found.Version, pointer(octets(found.Value)), pointer(decimal(found.Terminal))
		})
	case wire.OpContactMonitor:
		r, e := wire.ParseContactMonitorRequest(request, f)
		if e != nil {
			return "", call, nil, e
		}
		label = string(r.Label)
		c, verify, e := s.ContactMonitor(label)
		call, v, err = described(c, verify, e, func(*client.Watched, *expected) {})
	case wire.OpOwnerInit:
		r, e := wire.ParseOwnerInitRequest(request, f)
		if e != nil {
			return "", call, nil, e
		}
		label = string(r.Label)
		c, verify, e := s.OwnerInit(label, r.Start)
		call, v, err = described(c, verify, e, func(i *client.Initialised, out *expected) { out.Version = i.Greatest })
	case wire.OpOwnerMonitor:
		r, e := wire.ParseOwnerMonitorRequest(request, f)
		if e != nil {
			return "", call, nil, e
		}
		label = string(r.Label)
		c, verify, e := s.OwnerMonitor(label)
		call, v, err = described(c, verify, e, func(w *client.OwnerWatched, out *expected) {
			out.Entries, out.Done = decimals(w.Inspected), &w.Done
		})
	case wire.OpUpdate:
		r, e := wire.ParseUpdateRequest(request, f)
		if e != nil {
			return "", call, nil, e
		}
		label = string(r.Label)
		var values [][]byte
		for _, value := range r.Values {
			values = append(values, value.Value)
		}
		c, verify, e := s.Update(label, values)
		call, v, err = described(c, verify, e, func(u *client.Updated, out *expected) {
			out.Position, out.First = pointer(decimal(u.Position)), &u.First
			for _, value := range u.Values {
				out.Values = append(out.Values, octets(value))
			}
		})
	case wire.OpDistinguished:
		r, e := wire.ParseDistinguishedRequest(request, f)
		if e != nil {
			return "", call, nil, e
		}
		c, verify, e := s.Walk(r.Stop)
		call, v, err = described(c, verify, e, func(w *client.Walked, out *expected) { out.Entries = decimals(w.Positions) })
	default:
		err = fmt.Errorf("operation %d", op)
	}
	return label, call, v, err
}

// run takes a user through a step, and returns the state after it.
func (st *step) run(s *client.State) (*client.State, error) {
	if st.Newcomer {
		s = client.NewState(s.Log())
	}
	op, ok := operationOf(st.Operation)
	if !ok {
		return nil, fmt.Errorf("no operation %q", st.Operation)
	}
	label, call, verify, err := ask(s, op, st.Request)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(call.Body, st.Request) {
		return nil, fmt.Errorf("the request is %x", call.Body)
	}
	if got := retainedBy(s, op, label); !same(got, st.Prior) {
		return nil, fmt.Errorf("the prior state is %s", inJSON(got))
	}
	now := time.UnixMilli(int64(st.Received))
	e, next, err := verify(st.Response, now)
	if err != nil {
		return nil, err
	}
	e.Next = retainedBy(next, op, label)
	if !same(e, st.Expect) {
		return nil, fmt.Errorf("the result is %s", inJSON(e))
	}
	before := s.Append(nil)
	for _, n := range st.Negative {
		at := now
		if n.Received != nil {
			at = time.UnixMilli(int64(*n.Received))
		}
		_, after, err := verify(n.apply(st.Response), at)
		if as := refusedAs(err); as != n.As || after != nil {
			return nil, fmt.Errorf("%s: refused as %q (%v), want %q", n.Reason, as, err, n.As)
		}
	}
	if !bytes.Equal(before, s.Append(nil)) {
		return nil, errors.New("refused responses have changed the state")
	}
	return next, nil
}

func operationOf(name string) (wire.Operation, bool) {
	for _, op := range wire.Operations {
		if op.String() == name {
			return op, true
		}
	}
	return 0, false
}

// refusedAs names the class of a refusal.
func refusedAs(err error) string {
	m, found := errors.AsType[*client.Misbehaviour](err)
	switch {
	case errors.Is(err, wire.ErrMalformed) && found:
		return "malformed"
	case errors.Is(err, client.ErrClock):
		return "clock"
	case !found:
		return ""
	case m.Kind == client.BadSignature:
		return "signature"
	case m.Kind == client.BadAuditor:
		return "auditor"
	case m.Kind == client.BadProof || m.Kind == client.RolledBack || m.Kind == client.Rewritten:
		return "proof"
	}
	return string(m.Kind)
}

func same(a, b any) bool { return bytes.Equal(inJSON(a), inJSON(b)) }

func inJSON(v any) []byte {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		panic(err)
	}
	return append(b, '\n')
}

// TestOperations: the vectors in proto/testdata/operations are what our client
// expects, and what our directory answers.
func TestOperations(t *testing.T) {
	for _, s := range operationSettings {
		t.Run(s.String(), func(t *testing.T) {
			told := tell(t, s)
			path := filepath.Join(operationsFolder, told.Suite+"-"+told.Mode+".json")
			if *update {
				must(t, os.MkdirAll(operationsFolder, 0o755))
				must(t, os.WriteFile(path, inJSON(told), 0o644))
			}
			b, err := os.ReadFile(path)
			must(t, err)
			read := new(story)
			d := json.NewDecoder(bytes.NewReader(b))
			d.DisallowUnknownFields()
			must(t, d.Decode(read))
			config, err := wire.ParseConfiguration(read.Configuration, wire.Format{})
			must(t, err)
			log, err := client.NewLog(*config)
			must(t, err)
			state := client.NewState(log)
			operations := map[string]bool{}
			for i, st := range read.Steps {
				next, err := st.run(state)
				if err != nil {
					t.Fatalf("step %d, %s: %v", i, st.Comment, err)
				}
				if !st.Newcomer {
					state = next
				}
				operations[st.Operation] = true
			}
			want := len(wire.Operations)
			if s.mode != wire.ContactMonitoring {
				want--
			}
			if len(operations) != want {
				t.Errorf("operations %v", operations)
			}
			if !reflect.DeepEqual(inJSON(read), inJSON(told)) {
				t.Error("the directory answers otherwise than the file says; -update writes it anew")
			}
		})
	}
}
