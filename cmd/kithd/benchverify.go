package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/kith-kt/kith/auditor"
	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// clientVerification measures how a newcomer verifies its first search, of a label
// with one version. Account records are none of it.
func (b *bench) clientVerification(l *benchLog) error {
	log, err := client.NewLog(l.config)
	if err != nil {
		return err
	}
	const n = 50
	var verifies [n]func() error
	var alphas, proofs [2 * n][]byte // of the whole ladder
	for i, label := range l.sample(n) {
		body, err := l.search(l.directory, label, nil)
		if err != nil {
			return err
		}
		_, verify, err := client.NewState(log).Search(string(label), nil)
		if err != nil {
			return err
		}
		verifies[i] = func() error { _, _, err := verify(body, l.clock.peek()); return err }
		for version := range 2 {
			alpha := suite.VRFInput(label, uint32(version))
			alphas[2*i+version] = alpha
			_, proofs[2*i+version] = l.keys.VRF.Prove(alpha)
		}
	}
	public := l.keys.VRF.Public()
	verification := work{2 * n, func() error {
		for i := range alphas {
			if _, err := public.Verify(alphas[i], proofs[i]); err != nil {
				return err
			}
		}
		return nil
	}}
	search := work{n, func() error {
		for _, verify := range verifies {
			if err := verify(); err != nil {
				return err
			}
		}
		return nil
	}}
	costs, ratios, err := compare(b.scale.rounds, verification, search)
	if err != nil {
		return err
	}
	b.report.Note(fmt.Sprintf("client: verification of a first search, %d entries", b.scale.wide), micros(costs[1]), "µs")
	b.report.AtMost(fmt.Sprintf("client: verification of a first search of version 0, %d entries", b.scale.wide), ratios[1], 3, "× VRF verification")
	return nil
}

// audit measures how fast an auditor follows the newest entries of a log, from
// the bytes of AuditorUpdates on, and what it keeps in memory meanwhile.
func (b *bench) audit(l *benchLog) error {
	state, bodies, err := l.updatesFor(b.scale.audited)
	if err != nil {
		return err
	}
	b.say("auditing %d entries", len(bodies))
	leaves, size, took := 0, 0, time.Duration(0)
	var held [2]float64 // most live bytes in either half of the entries
	err = onCores(1, func() error {
		before := liveBytes()
		for i, body := range bodies {
			began := cpuTime()
			update, err := wire.ParseAuditorUpdate(body, l.config.Format())
			if err != nil {
				return err
			}
			if state, err = auditor.Step(state, update); err != nil {
				return err
			}
			leaves += len(update.Added)
			size += len(body)
			took += cpuTime() - began
			if i%2 == 0 {
				half := 2 * i / len(bodies)
				held[half] = max(held[half], float64(liveBytes())-float64(before))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	runtime.KeepAlive(state)
	runtime.KeepAlive(bodies)
	b.report.AtLeast(fmt.Sprintf("audit: leaves verified per second at %d leaves, 255-change entries, one core", l.labels),
		float64(leaves)/took.Seconds(), 150_000, "/s")
	b.report.Note("audit: AuditorUpdate per leaf", float64(size)/float64(leaves), "B")
	b.report.Note("audit: memory held at most", max(held[0], held[1])/(1<<10), "KiB")
	b.report.AtMost("audit: memory held in the second half of these entries", held[1]/held[0], 1.5, "× that in the first")
	return nil
}

// liveBytes returns how much memory is in use after a garbage collection.
func liveBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// updatesFor returns the AuditorUpdates of the newest n entries, in TLS format,
// and an auditor that trusts what came before.
func (l *benchLog) updatesFor(n int) (state auditor.State, bodies [][]byte, err error) {
	snap, err := l.sequencer.Snapshot()
	if err != nil {
		return state, nil, err
	}
	defer snap.Release()
	size := snap.Head().Size
	start := size - min(uint64(n), size-1)
	full, err := snap.LogNodes(logtree.FullSubtrees(start))
	if err != nil {
		return state, nil, err
	}
	var frontier []wire.LogEntry
	for _, pos := range treemath.Frontier(start) {
		entry, err := snap.LogEntry(pos)
		if err != nil {
			return state, nil, err
		}
		frontier = append(frontier, entry)
	}
	if state, err = auditor.Trust(l.config.ReasonableMonitoringWindow, start, full, frontier); err != nil {
		return state, nil, err
	}
	for pos := start; pos < size; pos++ {
		entry, err := snap.LogEntry(pos)
		if err != nil {
			return state, nil, err
		}
		update, err := prefixtree.Update(snap, pos, entry.Timestamp)
		if err != nil {
			return state, nil, err
		}
		body, err := update.Append(nil, l.config.Format())
		if err != nil {
			return state, nil, err
		}
		bodies = append(bodies, body)
	}
	return state, bodies, nil
}
