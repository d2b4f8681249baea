package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// evaluations is the floor of publishing: n evaluations of the log's VRF, each
// time of other inputs, since some take more attempts than others.
func (l *benchLog) evaluations(n int) work {
	next := 0
	return work{n, func() error {
		for range n {
			l.keys.VRF.Evaluate(suite.VRFInput(benchLabel(next), 7))
			next++
		}
		return nil
	}}
}

// publishSmall measures publishing into small logs, of which the median counts.
func (b *bench) publishSmall() (float64, error) {
	b.say("loading %d labels into small logs, and more on one core", b.scale.small)
	var ratios []float64
	for range 3 {
		ratio, err := func() (ratio float64, err error) {
			l, err := b.openFull()
			if err != nil {
				return 0, err
			}
			defer func() { err = errors.Join(err, l.close()) }()
			if err := l.load(b.ctx, b.scale.small, nil); err != nil {
				return 0, err
			}
			return b.publishOneCore(l, commitLabels)
		}()
		if err != nil {
			return 0, err
		}
		ratios = append(ratios, ratio)
	}
	return median(ratios), nil
}

// publish fills a large log, and measures publishing while it does.
func (b *bench) publish(large *benchLog) error {
	atSmall, err := b.publishSmall()
	if err != nil {
		return err
	}

	n := b.scale.labels - b.scale.oneCore
	b.say("loading %d labels into a large log", n)
	p := newProgress(b.log, "loading", int64(n), false)
	before, _, err := compare(5, large.evaluations(500))
	if err != nil {
		return err
	}
	began := time.Now()
	if err := large.load(b.ctx, n, func(done directory.BulkProgress) { p.set(int64(done.Added)) }); err != nil {
		return err
	}
	rate := float64(n) / time.Since(began).Seconds()
	p.end()
	after, _, err := compare(5, large.evaluations(500))
	if err != nil {
		return err
	}
	evaluation := (before[0] + after[0]) / 2

	b.say("loading %d more on one core", b.scale.oneCore)
	atLarge, err := b.publishOneCore(large, b.scale.oneCore)
	if err != nil {
		return err
	}
	info, err := os.Stat(large.file())
	if err != nil {
		return err
	}
	b.report.AtMost(fmt.Sprintf("publish, bulk: CPU per label at %d labels, one core", large.labels), atLarge, 1.6, "× VRF evaluation")
	b.report.Note("publish, bulk, on two cores", rate, "labels/s")
	b.report.AtLeast("publish, bulk: labels on two cores ÷ VRF evaluations on one", rate*evaluation.Seconds(), 1.1, "")
	b.report.AtLeast(fmt.Sprintf("growth: publish rate at %d labels", large.labels), 100*atSmall/atLarge, 85, fmt.Sprintf("%% of that at %d", b.scale.small))
	b.report.AtMost(fmt.Sprintf("disk per label at %d labels, 64-byte values", large.labels), float64(info.Size())/float64(large.labels), 900, "B")
	return nil
}

// publishOneCore loads labels on one core and returns what one costs in units of
// a VRF evaluation. These are measured all along, few at a time, while labels are
// handed over: whatever else slows the machine down slows both.
func (b *bench) publishOneCore(l *benchLog, labels int) (ratio float64, err error) {
	const every, n = 128, 5
	var floors []time.Duration
	evaluate := l.evaluations(n)
	l.between = func(i int) {
		if i%every == 0 {
			began := time.Now()
			_ = evaluate.run()
			floors = append(floors, time.Since(began)/n)
		}
	}
	defer func() { l.between = nil }()
	err = onCores(1, func() error {
		before := cpuTime()
		if err := l.load(b.ctx, labels, nil); err != nil {
			return err
		}
		floor := trimmedMean(floors)
		own := cpuTime() - before - floor*time.Duration(n*len(floors))
		ratio = float64(own) / float64(labels) / float64(floor)
		return nil
	})
	return ratio, err
}

// groupCommit is the sequencer's default interval.
const groupCommit = 20 * time.Millisecond

// singleUpdate publishes labels one after another: first at any time after the
// one before was acknowledged, so that some find the sequencer idle and some wait,
// then at once, so that every one of them waits for the interval to end.
func (b *bench) singleUpdate(l *benchLog) error {
	b.say("publishing %d updates one by one", b.scale.updates)
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan error, 1)
	l.clock.run()
	go func() { done <- l.sequencer.Run(ctx) }()
	stop := func() error { cancel(); return <-done }
	alone, err := l.updates(ctx, "alone", b.scale.updates, 2*groupCommit)
	if err != nil {
		return errors.Join(err, stop())
	}
	crowded, err := l.updates(ctx, "crowded", b.scale.updates, 0)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	bound := groupCommit + 2*b.floors.fsync
	b.report.AtMost("single update, acknowledged and durable, p50 (bound: group-commit interval + 2 fsyncs)", millis(median(alone)), millis(bound), "ms")
	b.report.Note("single update, the moment another was acknowledged, p50", millis(median(crowded)), "ms")
	return nil
}

// updates returns how long each of n updates took, to the bytes of the response,
// with pauses up to one given between them.
func (l *benchLog) updates(ctx context.Context, name string, n int, pause time.Duration) ([]time.Duration, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	var times []time.Duration
	for i := range n {
		request := wire.UpdateRequest{
			Label:  fmt.Appendf(nil, "%s%d@bench.example", name, i),
			Values: []wire.LabelValue{{Value: make([]byte, 64)}},
		}
		body, err := request.Append(nil, l.config.Format())
		if err != nil {
			return nil, err
		}
		if pause > 0 {
			time.Sleep(time.Duration(rng.Int64N(int64(pause))))
		}
		began := time.Now()
		if _, err := l.directory.Do(ctx, wire.Call{Operation: wire.OpUpdate, Body: body}); err != nil {
			return nil, err
		}
		times = append(times, time.Since(began))
	}
	return times, nil
}
