package watch

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/problem"
)

// gracePasses is how many passes must find the same before it is a finding that
// rests on time.
const gracePasses = 3

// A since is for how long something has been so.
type since struct {
	first    time.Time
	mono     time.Duration
	passes   uint32
	progress uint64 // entries audited when it began
}

// A trouble is what is not yet a finding.
type trouble struct {
	stale, feed, behind since

	ahead  bool // of the clock, and noted
	jumped bool // the clock did, or may, and was not steady for long enough since
}

// errFuture is a log that is ahead of the clock: nothing is signed for it.
var errFuture = errors.New("the log is ahead of this computer's clock by more than it promises")

// lookAtClock makes findings of what is wrong only by the clock, after a pass. It
// returns why nothing must be signed, if so.
func (w *Watch) lookAtClock(ctx context.Context, r *pass.Result, fault error) error {
	if ctx.Err() != nil || r.Signed == nil && r.Offered == nil {
		return nil // the provider is down, which is no misbehaviour
	}
	now, jump, steady := w.clock.look()
	if jump != 0 {
		w.o.Logger.Warn("this computer's clock was set, or it slept: nothing is concluded from the time for a while", "domain", w.domain(), "by", jump.Round(time.Second).String(), "time", now.UTC().Format(time.RFC3339))
		w.trouble = trouble{jumped: true, ahead: w.trouble.ahead}
	}
	if steady >= w.patience() {
		w.trouble.jumped = false
	}
	w.feed(fault, now, r)
	if fault != nil || r.Progress.State.Size() == 0 {
		return nil
	}
	w.stale(now, r)
	return w.future(now, r)
}

// patience is how long something has to be so.
func (w *Watch) patience() time.Duration { return max(w.o.Patience, 0) }

// lasts counts a pass that found something, and reports whether that has been so
// for long enough, by a clock that was steady.
func (w *Watch) lasts(s *since, now time.Time) bool {
	return w.counts(s, now) && (w.o.Patience < 0 || !w.trouble.jumped)
}

// counts is lasts for what the time of day has nothing to do with.
func (w *Watch) counts(s *since, now time.Time) bool {
	mono, size := w.clock.monotonic(), w.progress.State.Size()
	if s.passes == 0 || s.progress != size {
		*s = since{first: now, mono: mono, progress: size}
	}
	s.passes++
	if w.o.Patience < 0 {
		return true
	}
	return s.passes >= gracePasses && mono-s.mono >= w.patience()
}

// feed looks whether what stands under the checkpoint can be read.
func (w *Watch) feed(fault error, now time.Time, r *pass.Result) {
	short := errors.Is(fault, pass.ErrShort)
	if fault == nil || w.o.Copy || errors.Is(fault, problem.ErrRateLimited) || !short && (w.o.Patience < 0 || !absent(fault)) {
		w.trouble.feed = since{}
		return
	}
	if !w.lasts(&w.trouble.feed, now) {
		return
	}
	t, entry := &w.trouble.feed, w.progress.State.Size()
	note := w.progress.Seen
	if r.Offered != nil { // of which not even the hashes can be read
		note = r.Offered
	}
	signed, err := evidence.CheckpointOf(w.envelope, note)
	if err != nil || signed.Size <= entry {
		return
	}
	// What is refused was dropped; updates that end too early are stalled.
	claim, kind := evidence.FeedStalled, KindStalled
	path := updatesAt(entry)
	if !short {
		claim, kind = evidence.FeedDropped, KindDropped
		if asked, ok := errors.AsType[*feed.RequestError](fault); ok {
			path = asked.Path
		}
	}
	items := []evidence.Item{
		evidence.ItemCheckpoint{Checkpoint: signed},
		evidence.ItemAbsent{Path: path, Since: uint64(t.first.UnixMilli()), Attempts: t.passes},
		evidence.ItemText{Text: short1(fault)},
	}
	e, v, err := w.state(&evidence.Statement{About: claim, Entry: entry, Items: items})
	if err != nil {
		w.o.Logger.Error("no statement could be made", "domain", w.domain(), "error", err.Error())
	}
	text := fmt.Sprintf("log entry %d stands under a checkpoint of size %d, and has not been served for %s: %v", entry, signed.Size, now.Sub(t.first).Round(time.Second), fault)
	w.note(e, v, Finding{Kind: kind, Entry: entry, Text: text})
}

// absent reports whether a fault is an answer, or the want of one, of a provider
// that had just served a checkpoint, rather than a fault of this computer.
func absent(err error) bool {
	return errors.Is(err, feed.ErrForeign) || errors.Is(err, problem.ErrNoAnswer) || errors.Is(err, problem.ErrUnavailable) || errors.Is(err, problem.ErrRefused) || errors.Is(err, problem.ErrMalformed)
}

func short1(err error) string { return short(err.Error()) }

func updatesAt(entry uint64) string {
	return "/audit/v1/updates?start=" + strconv.FormatUint(entry, 10)
}

// ms returns a time as the log has it.
func ms(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 0)) }

// stale looks whether the newest entry is older than the log promises. A log that
// has retired need not go on.
func (w *Watch) stale(now time.Time, r *pass.Result) {
	c, last := w.log.Configuration, r.Progress.State.Timestamp()
	limit := c.MaxBehind + uint64(w.patience().Milliseconds())
	retired := w.pinned.Document.Retirement
	if w.o.Copy || w.o.Patience < 0 || ms(now) < last || ms(now)-last <= limit || retired != nil && now.After(retired.At) {
		w.trouble.stale = since{}
		return
	}
	if !w.lasts(&w.trouble.stale, now) {
		return
	}
	age := time.Duration(ms(now)-last) * time.Millisecond
	text := fmt.Sprintf("the newest log entry, %d, is %s old, and the log promises one every %s", r.Progress.State.Size()-1, age.Round(time.Second), time.Duration(c.MaxBehind)*time.Millisecond)
	w.byClock(evidence.StaleHead, KindStale, text, now, r)
}

// future looks whether the newest entry is ahead of the clock.
func (w *Watch) future(now time.Time, r *pass.Result) error {
	c, last := w.log.Configuration, r.Progress.State.Timestamp()
	if last <= ms(now) || last-ms(now) <= c.MaxAhead {
		w.trouble.ahead = false
		return nil
	}
	ahead := time.Duration(min(last-ms(now), 1<<53)) * time.Millisecond
	err := fmt.Errorf("log entry %d: %w: by %s", r.Progress.State.Size()-1, errFuture, ahead.Round(time.Second))
	if !w.trouble.jumped && !w.trouble.ahead {
		w.trouble.ahead = true // one finding, however many entries are
		w.byClock(evidence.FutureTimestamp, KindFuture, err.Error(), now, r)
	}
	return err
}

// byClock keeps a finding about the timestamp of the newest entry.
func (w *Watch) byClock(claim evidence.Claim, kind, text string, now time.Time, r *pass.Result) {
	size := r.Progress.State.Size()
	f := Finding{Kind: kind, Entry: size - 1, Text: text}
	signed, err := evidence.CheckpointOf(w.envelope, r.Progress.Seen)
	if err == nil {
		var leaf []byte
		var in evidence.Included
		if leaf, err = w.archive.Encoded(size - 1); err == nil {
			in, err = evidence.Include(w.archive.Hashes(), size, size-1, leaf)
		}
		if err == nil {
			var e *evidence.Evidence
			var v *evidence.Verdict
			e, v, err = w.state(&evidence.Statement{About: claim, Entry: size - 1, Time: ms(now), Items: []evidence.Item{
				evidence.ItemCheckpoint{Checkpoint: signed}, evidence.ItemLeaf{Position: size - 1, Leaf: in},
			}})
			if err == nil {
				w.note(e, v, f)
				return
			}
		}
	}
	w.o.Logger.Error("no statement could be made", "domain", w.domain(), "error", err.Error())
	w.note(nil, nil, f)
}
