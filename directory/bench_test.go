package directory_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/vrf"
	"github.com/kith-kt/kith/proto/wire"
)

// users yields n labels with values of 64 bytes.
func users(from, n int) iter.Seq2[directory.Load, error] {
	return func(yield func(directory.Load, error) bool) {
		for i := from; i < from+n; i++ {
			value := make([]byte, 64)
			copy(value, fmt.Sprintf("key %d", i))
			// Labels in no order, as in life.
			label := fmt.Appendf(nil, "%08x.user@example.org", uint32(i)*2654435761)
			if !yield(directory.Load{Label: label, Value: value}, nil) {
				return
			}
		}
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkBulkLoad loads new labels into a log of its own. The floor is one VRF
// evaluation, measured in the same run.
//
//	go test ./directory -run '^$' -bench BulkLoad -benchtime 1x
func BenchmarkBulkLoad(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n > 100_000 && os.Getenv("KITH_SOAK") == "" {
				b.Skip("long: set KITH_SOAK=1")
			}
			for range b.N {
				benchmarkBulkLoad(b, newLog(b, nil), n)
			}
		})
	}
}

// BenchmarkBulkLoadWithoutVRF replaces the VRF by a hash: what is left is all
// that publishing costs besides.
func BenchmarkBulkLoadWithoutVRF(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n > 100_000 && os.Getenv("KITH_SOAK") == "" {
				b.Skip("long: set KITH_SOAK=1")
			}
			for range b.N {
				l := newLog(b, nil)
				l.keys.VRF = hashVRF{l.keys.VRF}
				benchmarkBulkLoad(b, l, n)
			}
		})
	}
}

// A hashVRF is no VRF: it only spreads like one.
type hashVRF struct{ vrf.PrivateKey }

func (hashVRF) Evaluate(alpha []byte) wire.VRFOutput { return sha256.Sum256(alpha) }

func benchmarkBulkLoad(b *testing.B, l *testLog, n int) {
	var evaluations int
	began := time.Now()
	for ; evaluations < 2000; evaluations++ {
		l.keys.VRF.Evaluate(suite.VRFInput([]byte("someone@example.org"), uint32(evaluations)))
	}
	floor := time.Since(began) / time.Duration(evaluations)
	s := l.open(b)
	b.ResetTimer()
	began, cpu := time.Now(), cpuTime()
	var lastN uint64
	lastTime, lastCPU := began, cpu
	p, err := s.BulkLoad(context.Background(), users(0, n), directory.BulkOptions{Progress: func(p directory.BulkProgress) {
		if n >= 100_000 && p.Added-lastN >= uint64(n)/10 {
			now, c := time.Now(), cpuTime()
			b.Logf("%d: %.0f labels/s, %v CPU a label", p.Added, float64(p.Added-lastN)/now.Sub(lastTime).Seconds(), (c-lastCPU)/time.Duration(p.Added-lastN))
			lastN, lastTime, lastCPU = p.Added, now, c
		}
	}})
	if err != nil || p.Added != uint64(n) {
		b.Fatal(p, err)
	}
	took, cpu := time.Since(began), cpuTime()-cpu
	b.StopTimer()
	perSecond := float64(n) / took.Seconds()
	b.ReportMetric(perSecond, "labels/s")
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(n), "cpu-ns/label")
	b.ReportMetric(float64(floor.Nanoseconds()), "ns/vrf")
	b.ReportMetric(perSecond*floor.Seconds(), "labels/s×vrf")
	b.ReportMetric(float64(cpu)/float64(n)/float64(floor), "cpu/vrf")
	info, err := os.Stat(filepath.Join(l.dir, "kith.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Sys().(*syscall.Stat_t).Blocks*512)/float64(n), "disk-B/label")
}

// BenchmarkUpdate is one update after another, each acknowledged and durable,
// from a system that is idle otherwise.
func BenchmarkUpdate(b *testing.B) {
	l := newLog(b, func(c *directory.Config) { c.Interval = time.Nanosecond })
	s, _ := l.run(b)
	for n := uint32(0); b.Loop(); n++ {
		submit(b, s, update(fmt.Sprint(n), 0, "value"))
	}
}
