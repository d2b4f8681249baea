package systemtest

import (
	"errors"
	"testing"
	"time"

	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// A request is a message of the draft that asks for something.
type request interface {
	Append(b []byte, f wire.Format) ([]byte, error)
}

func ptr[T any](v T) *T { return &v }

// TestLogVerifiesRequests: what "the Transparency Log verifies" of a request, and
// "rejects" ("Contact Monitor", "Owner Initialization", "Owner Monitoring",
// "Updating a Label").
func TestLogVerifiesRequests(t *testing.T) {
	p := newSite(t, settings{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, 6 * time.Hour, 0})
	// Entry 3 is distinguished, and so are 0 and 1; bob's versions are in 4 and 6.
	for _, label := range []string{"ann", "cyd", "dan", "bob", "eve", "bob"} {
		p.grow(label, label)
	}
	token, bob, dan := p.token("bob"), []byte("bob"), []byte("dan")
	at := func(pairs ...uint64) (entries []wire.MonitorMapEntry) {
		for i := 0; i < len(pairs); i += 2 {
			entries = append(entries, wire.MonitorMapEntry{Position: pairs[i], Version: uint32(pairs[i+1])})
		}
		return entries
	}
	contact := func(pairs ...uint64) request {
		return &wire.ContactMonitorRequest{Label: bob, Entries: at(pairs...)}
	}
	monitor := func(label []byte, start uint64, greatest *uint32, pairs ...uint64) request {
		return &wire.OwnerMonitorRequest{Label: label, Start: start, GreatestVersion: greatest, Entries: at(pairs...)}
	}
	update := func(greatest *uint32, values ...wire.LabelValue) request {
		return &wire.UpdateRequest{Label: bob, GreatestVersion: greatest, Values: values}
	}
	value := wire.LabelValue{Value: []byte("new")}
	for _, test := range []struct {
		name string
		op   wire.Operation
		r    request
		want error // nil: it is answered
	}{
		{"a search", wire.OpSearch, &wire.SearchRequest{Label: bob}, nil},
		{"an unknown label", wire.OpSearch, &wire.SearchRequest{Label: []byte("fay")}, problem.ErrNoAnswer},
		{"an unknown version", wire.OpSearch, &wire.SearchRequest{Label: bob, Version: ptr(uint32(2))}, problem.ErrNoAnswer},
		{"no label", wire.OpSearch, &wire.SearchRequest{}, problem.ErrMalformed},
		{"a size of 0", wire.OpSearch, &wire.SearchRequest{Last: ptr(uint64(0)), Label: bob}, problem.ErrMalformed},
		{"a size the log never had", wire.OpSearch, &wire.SearchRequest{Last: ptr(uint64(8)), Label: bob}, problem.ErrRefused},
		{"another such size", wire.OpDistinguished, &wire.DistinguishedRequest{Last: ptr(uint64(8))}, problem.ErrRefused},

		{"a map", wire.OpContactMonitor, contact(5, 0, 6, 1), nil},
		{"a descending map", wire.OpContactMonitor, contact(6, 1, 5, 0), problem.ErrRefused},
		{"a position twice", wire.OpContactMonitor, contact(5, 0, 5, 1), problem.ErrRefused},
		{"a version twice", wire.OpContactMonitor, contact(4, 0, 5, 0), problem.ErrRefused},
		{"a position off the path", wire.OpContactMonitor, contact(6, 0), problem.ErrRefused},
		{"a position on the path, left of the version", wire.OpContactMonitor, contact(5, 1), nil},
		{"a position beyond the log", wire.OpContactMonitor, contact(7, 0), problem.ErrRefused},
		{"a version that never was", wire.OpContactMonitor, contact(5, 2), problem.ErrNoAnswer},

		{"a distinguished start", wire.OpOwnerInit, &wire.OwnerInitRequest{Label: bob, Start: 3}, nil},
		{"a start that is not distinguished", wire.OpOwnerInit, &wire.OwnerInitRequest{Label: bob, Start: 5}, problem.ErrRefused},
		{"a start beyond the log", wire.OpOwnerInit, &wire.OwnerInitRequest{Label: bob, Start: 7}, problem.ErrRefused},

		{"an owner", wire.OpOwnerMonitor, monitor(bob, 3, ptr(uint32(1)), 5, 0, 6, 1), nil},
		{"an owner with a bad map", wire.OpOwnerMonitor, monitor(bob, 3, ptr(uint32(1)), 6, 0), problem.ErrRefused},
		{"an owner with a descending map", wire.OpOwnerMonitor, monitor(bob, 3, ptr(uint32(1)), 6, 1, 5, 0), problem.ErrRefused},
		{"an owner from beyond the log", wire.OpOwnerMonitor, monitor(bob, 7, ptr(uint32(1))), problem.ErrRefused},
		{"an owner ahead of the label", wire.OpOwnerMonitor, monitor(bob, 3, ptr(uint32(2))), problem.ErrRefused},
		{"an owner who knows of no version", wire.OpOwnerMonitor, monitor(dan, 3, nil), problem.ErrRefused},
		{"an owner of a label without versions", wire.OpOwnerMonitor, monitor([]byte("fay"), 3, nil), nil},

		{"an owner who is behind", wire.OpUpdate, update(ptr(uint32(0)), value), nil},
		{"no value and nothing new", wire.OpUpdate, update(ptr(uint32(1))), problem.ErrRefused},
		{"a greatest version that never was", wire.OpUpdate, update(ptr(uint32(2)), value), problem.ErrRefused},
		{"no value for a label without versions", wire.OpUpdate, &wire.UpdateRequest{Label: []byte("fay")}, problem.ErrRefused},
	} {
		body, err := test.r.Append(nil, p.log.Format())
		must(t, err)
		_, err = p.op.Directory().Do(t.Context(), wire.Call{Operation: test.op, Body: body, Token: token})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}
