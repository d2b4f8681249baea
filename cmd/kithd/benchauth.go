package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"runtime"
	"time"

	"crypto/rand"

	"filippo.io/bigmod"
	"github.com/cloudflare/circl/group"

	"github.com/kith-kt/kith/internal/figures"
)

// An authScale says how much a bench of accounts does.
type authScale struct {
	few, many int           // accounts of the two services
	rounds    int           // of what is measured in turn
	logins    int           // of each kind, in one of these
	phases    int           // quiet and with junk, in turn
	good      int           // good logins of a phase, of each kind
	every     time.Duration // one of each kind
	junk      int           // handshakes a second
}

var (
	fullAuthScale  = authScale{few: 100, many: 100_000, rounds: 9, logins: 20, phases: 3, good: 100, every: 100 * time.Millisecond, junk: 200}
	quickAuthScale = authScale{few: 100, many: 10_000, rounds: 5, logins: 10, phases: 2, good: 30, every: 100 * time.Millisecond, junk: 200}
)

// An authBench is one run of all measurements of the account service.
type authBench struct {
	ctx    context.Context
	log    io.Writer
	dir    string
	scale  authScale
	report figures.Report
}

// benchAuth measures the account service in a temporary folder below dir.
func benchAuth(ctx context.Context, log io.Writer, dir string, quick bool) (_ *figures.Report, err error) {
	b := &authBench{ctx: ctx, log: log, scale: fullAuthScale}
	if quick {
		b.scale = quickAuthScale
	}
	b.report = figures.Report{Quick: quick, Labels: b.scale.many, Cores: runtime.NumCPU()}
	if b.dir, err = os.MkdirTemp(dir, "kithd-bench"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	return &b.report, onCores(min(2, runtime.NumCPU()), b.run)
}

// what says what is measured.
func (b *authBench) what() string { return authWhat(&b.report) }

func authWhat(r *figures.Report) string {
	return fmt.Sprintf("logins, %d accounts", r.Labels)
}

func (b *authBench) say(format string, args ...any) {
	fmt.Fprintf(b.log, "kithd: bench: "+format+"\n", args...)
}

func (b *authBench) run() (err error) {
	var all [2]*benchAccounts
	defer func() {
		for _, a := range all {
			if a != nil {
				err = errors.Join(err, a.close())
			}
		}
	}()
	for i, n := range []int{b.scale.few, b.scale.many} {
		b.say("registering %d accounts", n)
		if all[i], err = openBenchAccounts(b.ctx, b.dir, n); err != nil {
			return err
		}
	}
	if err := b.costs(all[0], all[1]); err != nil {
		return err
	}
	return onCores(runtime.GOMAXPROCS(0)+spareThreads, func() error { return b.flood(all[1]) })
}

// A turn does something a number of times, and returns what once of it cost.
type turn func() (time.Duration, error)

// inTurn does turns one after another on one core, round after round, as compare
// does works. It returns the median cost of each, and what each costs in units of
// another one: ratio(i, j) is the median of the rounds.
func inTurn(ctx context.Context, rounds int, turns ...turn) (costs []time.Duration, ratio func(i, of int) float64, err error) {
	all := make([][]time.Duration, len(turns))
	err = onCores(1, func() error {
		for range rounds {
			for i, t := range turns {
				if err := ctx.Err(); err != nil {
					return err
				}
				cost, err := t()
				if err != nil {
					return err
				}
				all[i] = append(all[i], max(cost, 1))
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for i := range turns {
		costs = append(costs, median(append([]time.Duration(nil), all[i]...)))
	}
	return costs, func(i, of int) float64 {
		ratios := make([]float64, rounds)
		for r := range rounds {
			ratios[r] = float64(all[i][r]) / float64(all[of][r])
		}
		return median(ratios)
	}, nil
}

// exponentiation returns the floor of SRP: one power modulo a number of 3072 bits,
// with an exponent of 256.
func exponentiation() (turn, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 3072))
	if err != nil {
		return nil, err
	}
	modulus, err := bigmod.NewModulus(n.SetBit(n.SetBit(n, 3071, 1), 0, 1).Bytes())
	if err != nil {
		return nil, err
	}
	exponent := make([]byte, 32)
	rand.Read(exponent)
	base := bigmod.NewNat().SetUint(3).ExpandFor(modulus)
	base = bigmod.NewNat().Exp(base, exponent, modulus)
	return work{5, func() error {
		for range 5 {
			base = bigmod.NewNat().Exp(base, exponent, modulus)
		}
		return nil
	}}.cost, nil
}

// multiplication returns the floor of OPAQUE: one scalar multiplication in ristretto255.
func multiplication() turn {
	g := group.Ristretto255
	scalar, point := g.RandomNonZeroScalar(rand.Reader), g.RandomElement(rand.Reader)
	return work{50, func() error {
		for range 50 {
			point = g.NewElement().Mul(point, scalar)
		}
		return nil
	}}.cost
}
