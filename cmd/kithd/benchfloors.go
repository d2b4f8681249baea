package main

import (
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/vrf"
	"github.com/kith-kt/kith/proto/wire"
)

// floors are what no directory can do without, as this machine does them.
type floors struct {
	fsync time.Duration
}

// vrfCosts measures one suite's VRF: evaluations, proofs, and verifications.
func vrfCosts(rounds int, key vrf.PrivateKey) (costs []time.Duration, ratios []float64, err error) {
	const n = 50
	var alphas, proofs [n][]byte
	for i := range alphas {
		alphas[i] = suite.VRFInput(benchLabel(i), 0)
		_, proofs[i] = key.Prove(alphas[i])
	}
	public := key.Public()
	evaluate := work{n, func() error {
		for _, alpha := range alphas {
			key.Evaluate(alpha)
		}
		return nil
	}}
	prove := work{n, func() error {
		for _, alpha := range alphas {
			key.Prove(alpha)
		}
		return nil
	}}
	verify := work{n, func() error {
		for i, alpha := range alphas {
			if _, err := public.Verify(alpha, proofs[i]); err != nil {
				return err
			}
		}
		return nil
	}}
	return compare(rounds, evaluate, prove, verify)
}

func (b *bench) measureFloors() error {
	b.say("measuring the floors")
	var err error
	if b.floors.fsync, err = fsyncTime(b.dir); err != nil {
		return err
	}
	b.report.Note("floor: fsync of one page, median", micros(b.floors.fsync), "µs")
	var node [65]byte
	hashes := work{100_000, func() error {
		for i := range 100_000 {
			node[1], node[2] = byte(i), byte(i>>8)
			node[3] = sha256.Sum256(node[:])[0]
		}
		return nil
	}}
	costs, _, err := compare(5, hashes)
	if err != nil {
		return err
	}
	b.report.Note("floor: hash of a tree node", micros(costs[0]), "µs")
	for _, s := range []struct {
		id    wire.CipherSuite
		name  string
		bound float64
	}{{wire.KT_128_SHA256_Ed25519, "Ed25519", 2.5}, {wire.KT_128_SHA256_P256, "P-256", 3.3}} {
		of, err := suite.Get(s.id)
		if err != nil {
			return err
		}
		key, err := of.GenerateVRFKey(rand.Reader)
		if err != nil {
			return err
		}
		costs, ratios, err := vrfCosts(b.scale.rounds, key)
		if err != nil {
			return err
		}
		b.report.Note("floor: VRF evaluation, "+s.name, micros(costs[0]), "µs")
		b.report.Note("floor: VRF proof, "+s.name, micros(costs[1]), "µs")
		b.report.Note("floor: VRF verification, "+s.name, micros(costs[2]), "µs")
		b.report.AtMost("VRF verification, "+s.name, ratios[2], s.bound, "× VRF evaluation")
	}
	return nil
}
