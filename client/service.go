// Package client is the user of a transparency log: it asks, verifies every
// answer as draft-ietf-keytrans-protocol says ("User Operations",
// "Credentials"), keeps what a user must keep, and hands a key to its caller
// through one gate.
//
// Verification is sans-IO. A method of [State] returns a request and the
// function that verifies its response; that function returns a result and the
// next state, or an error and no change at all:
//
//	call, verify, err := state.Search("alice@example.org", nil)
//	response, err := service.Do(ctx, call)
//	found, next, err := verify(response, time.Now())
//
// A State is a value: it is never changed, only followed by another. [Client]
// wires states to a [Service] and a place to save them, and is what programs
// use; its Lookup is the gate.
package client

import (
	"context"
	"time"

	"github.com/kith-kt/kith/proto/wire"
)

// A Service answers the six operations of a transparency log. A directory
// satisfies it in process, client/remote over HTTP.
//
// Do returns the response in TLS format. Its errors wrap a sentinel of
// proto/problem where the directory declined; they never prove anything.
// The response is not verified and may be the work of an attacker, but its
// size is bounded by the implementation.
type Service interface {
	Do(ctx context.Context, call wire.Call) ([]byte, error)
}

// A Verify verifies the response to one request, received at now. It returns
// the result and the next state, or an error and no state: "Queries that fail
// full verification MUST NOT modify the user's protocol state in any way". It
// may be called again, with another response.
type Verify[T any] func(response []byte, now time.Time) (T, *State, error)
