package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// sample returns n different labels of the log, in no order.
func (l *benchLog) sample(n int) [][]byte {
	rng := rand.New(rand.NewPCG(1, uint64(l.labels)))
	labels := make([][]byte, 0, n)
	for _, i := range rng.Perm(l.labels)[:min(n, l.labels)] {
		labels = append(labels, benchLabel(i))
	}
	return labels
}

// warm searches for labels once, on two cores.
func (l *benchLog) warm(labels [][]byte) error {
	_, err := l.searchFor(labels, 2, 0)
	return err
}

// searchFor searches for labels on some cores, for a while or, if that is 0,
// for each once, and returns how many searches were answered.
func (l *benchLog) searchFor(labels [][]byte, cores int, while time.Duration) (answered int, err error) {
	err = onCores(cores, func() error {
		var group sync.WaitGroup
		counts, errs := make([]int, cores), make([]error, cores)
		began := time.Now()
		for core := range cores {
			group.Go(func() {
				n := 0
				for i := core; errs[core] == nil; i += cores {
					if while == 0 && i >= len(labels) || while > 0 && n%16 == 0 && time.Since(began) > while {
						break
					}
					_, errs[core] = l.search(l.directory, labels[i%len(labels)], nil)
					n++
				}
				counts[core] = n
			})
		}
		group.Wait()
		for _, n := range counts {
			answered += n
		}
		return errors.Join(errs...)
	})
	return answered, err
}

// searchWarm measures searches whose proofs are cached, to the bytes of the
// response. On one core its own time counts, on two that of the clock, for they
// may stand in each other's way.
func (b *bench) searchWarm(l *benchLog) error {
	b.say("warming the proof cache for %d labels", b.scale.warmed)
	labels := l.sample(b.scale.warmed)
	if err := l.warm(labels); err != nil {
		return err
	}
	b.say("searching")
	for cores, bound := range []float64{1: 10_000, 2: 15_000} {
		if cores == 0 {
			continue
		}
		var rates []float64
		for range 5 {
			began, cpu := time.Now(), cpuTime()
			n, err := l.searchFor(labels, cores, b.scale.window)
			if err != nil {
				return err
			}
			took := time.Since(began)
			if cores == 1 {
				took = cpuTime() - cpu
			}
			rates = append(rates, float64(n)/took.Seconds())
		}
		b.report.AtLeast(fmt.Sprintf("search, warm, %d labels in %d entries, cores: %d", l.labels, b.scale.wide, cores), median(rates), bound, "/s")
	}
	return nil
}

// searchCold measures searches whose proofs are not cached, beside these proofs.
func (b *bench) searchCold(l *benchLog) error {
	d, err := l.newDirectory()
	if err != nil {
		return err
	}
	const n = 50
	labels := l.sample((b.scale.rounds + 1) * n)
	ladder := combined.SearchVersions(0)
	prove := work{n, func() error {
		for _, label := range labels[:n] {
			for _, version := range ladder {
				l.keys.VRF.Prove(suite.VRFInput(label, version))
			}
		}
		return nil
	}}
	search := work{n, func() error {
		for _, label := range labels[:n] {
			if _, err := l.search(d, label, nil); err != nil {
				return err
			}
		}
		labels = labels[n:]
		return nil
	}}
	_, ratios, err := compare(b.scale.rounds, prove, search)
	if err != nil {
		return err
	}
	b.report.AtMost("search, cold", ratios[1], 1.3, fmt.Sprintf("× the %d VRF proofs of its ladder", len(ladder)))
	return nil
}

// searchGrowth compares searches in small logs and a large one, by the nodes of
// prefix trees that they read. One small log lies in the processor's caches as a
// whole, where each node takes a third of the time that it takes in memory: that
// is reported. What is bounded is what growth adds to the work, so there the
// searches go round small logs that together hold as much.
func (b *bench) searchGrowth(small []*benchLog, large *benchLog) error {
	b.say("searching in small logs and a large one")
	var works []work
	var nodes []float64
	for _, logs := range [][]*benchLog{small, {large}, small[:1]} {
		w, read, err := searchRound(logs, b.scale.sampled/len(logs))
		if err != nil {
			return err
		}
		works, nodes = append(works, w), append(nodes, read)
	}
	costs, ratios, err := compare(4*b.scale.rounds, works...)
	if err != nil {
		return err
	}
	for i, name := range []string{
		fmt.Sprintf("%d logs of %d labels", len(small), small[0].labels),
		fmt.Sprintf("a log of %d labels", large.labels),
		fmt.Sprintf("a log of %d labels", small[0].labels),
	} {
		b.report.Note("search, warm, in "+name+": prefix nodes read", nodes[i], "")
		b.report.Note("search, warm, in "+name+": time per prefix node", 1000*micros(costs[i])/nodes[i], "ns")
	}
	b.report.AtMost(fmt.Sprintf("growth: search time per prefix node read at %d labels", large.labels),
		ratios[1]*nodes[0]/nodes[1], 1.15, fmt.Sprintf("× that in %d logs of %d", len(small), small[0].labels))
	return nil
}

// searchRound returns searches for some labels of each log, by turns, and how
// many nodes of prefix trees one reads in the mean.
func searchRound(logs []*benchLog, labels int) (w work, nodes float64, err error) {
	const n = 200
	var samples [][][]byte
	for _, l := range logs {
		sample := l.sample(labels)
		samples = append(samples, sample)
		if err := l.warm(sample); err != nil {
			return w, 0, err
		}
		read, err := l.prefixNodes(sample[:min(500, len(sample))])
		if err != nil {
			return w, 0, err
		}
		nodes += read / float64(len(logs))
	}
	next := 0
	return work{n, func() error {
		for range n {
			l, sample := logs[next%len(logs)], samples[next%len(logs)]
			if _, err := l.search(l.directory, sample[next/len(logs)%len(sample)], nil); err != nil {
				return err
			}
			next++
		}
		return nil
	}}, nodes, nil
}

// prefixNodes returns how many nodes of prefix trees the search for a label reads,
// in the mean: all that its PrefixProofs make the root from.
func (l *benchLog) prefixNodes(labels [][]byte) (float64, error) {
	total := 0
	for _, label := range labels {
		body, err := l.search(l.directory, label, nil)
		if err != nil {
			return 0, err
		}
		response, err := wire.ParseSearchResponse(body, l.config.Format(), false)
		if err != nil {
			return 0, err
		}
		for _, p := range response.Search.PrefixProofs {
			total += 2*(len(p.Elements)+len(p.Results)) - 1 // a binary tree with these leaves
		}
	}
	return float64(total) / float64(len(labels)), nil
}

// responseSizes reports how long responses are, and that they are what the
// format says and nothing else.
func (b *bench) responseSizes(l *benchLog) error {
	size, err := l.size()
	if err != nil {
		return err
	}
	beyond := 0
	for _, user := range []struct {
		name string
		last *uint64
	}{{"first-time", nil}, {"returning", &size}} {
		var sizes []int
		for _, label := range l.sample(300) {
			body, err := l.search(l.directory, label, user.last)
			if err != nil {
				return err
			}
			response, err := wire.ParseSearchResponse(body, l.config.Format(), false)
			if err != nil {
				return err
			}
			again, err := response.Append(nil, l.config.Format())
			if err != nil {
				return err
			}
			if !bytes.Equal(body, again) {
				beyond++
			}
			sizes = append(sizes, len(body))
		}
		middle := median(sizes)
		b.report.Note(fmt.Sprintf("search response at %d entries, %s: median", size-1, user.name), float64(middle), "B")
		b.report.Note(fmt.Sprintf("search response at %d entries, %s: greatest", size-1, user.name), float64(sizes[len(sizes)-1]), "B")
	}
	b.report.AtMost(fmt.Sprintf("search responses at %d entries that are not the draft's format exactly", size-1), float64(beyond), 0, "")
	return nil
}
