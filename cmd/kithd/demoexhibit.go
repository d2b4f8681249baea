package main

import (
	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/evidence"
)

// exhibitOf verifies an evidence file, as anybody can who has nothing else.
func exhibitOf(file []byte) (*exhibit, error) {
	e, err := evidence.Parse(file)
	if err != nil {
		return nil, err
	}
	v, err := e.VerifyWith(client.SavedValues)
	if err != nil {
		return nil, err
	}
	x := &exhibit{Kind: v.Kind.String(), Strength: strengthAttested, Says: v.Text}
	if v.Kind == evidence.Stated {
		x.Kind = v.Claim.String()
	}
	if v.Proved {
		x.Strength = strengthProved
	}
	return x, nil
}
