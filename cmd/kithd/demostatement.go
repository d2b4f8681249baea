package main

import (
	"context"
	"crypto/ed25519"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/wire"
)

// disown is an owner's statement that a version of her label is not hers: the
// saved proof of the version before and of this one, signed with the account key
// that the former names.
func (s *stage) disown(ctx context.Context, position uint64, versions ...uint32) ([]byte, error) {
	account, err := s.alice.ring.Account(alice)
	if err != nil {
		return nil, err
	}
	proof, err := s.prove(ctx, s.alice, versions...)
	if err != nil {
		return nil, err
	}
	document, err := s.alice.ring.Provider()
	if err != nil {
		return nil, err
	}
	statement := &evidence.Statement{
		Observer: account.Key().Public().(ed25519.PublicKey),
		Time:     uint64(time.Now().UnixMilli()),
		About:    evidence.UnexpectedVersion,
		Entry:    position,
		Items:    []evidence.Item{evidence.ItemSaved{Proof: proof}},
	}
	e, err := evidence.SignStatement(document, statement, func(msg []byte) ([]byte, error) {
		return ed25519.Sign(account.Key(), msg), nil
	})
	if err != nil {
		return nil, err
	}
	return e.Append(nil)
}

// prove has somebody look versions of Alice's label up, one after another, from no
// memory at all, and returns the saved proof of it.
func (s *stage) prove(ctx context.Context, p *demoPerson, versions ...uint32) ([]byte, error) {
	document, err := p.ring.Provider()
	if err != nil {
		return nil, err
	}
	state := client.NewState(p.log)
	saved := &client.Saved{Provider: document, Log: p.log, Prior: state}
	for _, v := range versions {
		call, verify, err := state.Search(alice, &v)
		if err != nil {
			return nil, err
		}
		response, err := p.remote.Do(ctx, call)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		if _, state, err = verify(response, now); err != nil {
			return nil, err
		}
		saved.Exchanges = append(saved.Exchanges, client.Exchange{Operation: wire.OpSearch, Request: call.Body, Response: response, Received: uint64(now.UnixMilli())})
	}
	return saved.Append(nil), nil
}
