package directory_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/wire"
)

// everybody may do everything.
type everybody struct{}

func (everybody) MaySearch(context.Context, []byte, string) error { return nil }
func (everybody) MayUpdate(context.Context, []byte, string) error { return nil }

// BenchmarkSearch answers searches for the greatest version of random labels, of
// 100 in each of 1,000 log entries a minute apart, from users who come for the
// first time and from users who have the newest head, with a warm proof cache
// and a cold one.
//
//	go test ./directory -run '^$' -bench Search -cpu 1,2
func BenchmarkSearch(b *testing.B) {
	const entries, perEntry = 1000, 100
	l := newLog(b, func(c *directory.Config) {
		c.Log.ReasonableMonitoringWindow = uint64((24 * time.Hour).Milliseconds())
		clock := fakeClock{time.Now()}
		c.Now = func() time.Time {
			clock.now = clock.now.Add(time.Minute)
			return clock.now
		}
	})
	s := l.open(b)
	loads := users(0, entries*perEntry)
	if _, err := s.BulkLoad(context.Background(), loads, directory.BulkOptions{Changes: perEntry}); err != nil {
		b.Fatal(err)
	}
	var labels [][]byte
	for load := range loads {
		labels = append(labels, load.Label)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(labels), func(i, j int) { labels[i], labels[j] = labels[j], labels[i] })
	d, err := directory.NewDirectory(s, directory.ReadConfig{Authorizer: everybody{}})
	if err != nil {
		b.Fatal(err)
	}
	snap, err := s.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	size := snap.Head().Size
	snap.Release()
	search := func(b *testing.B, label []byte, last *uint64) {
		request := wire.SearchRequest{Last: last, Label: label}
		body, err := request.Append(nil, l.config.Log.Format())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Do(context.Background(), wire.Call{Operation: wire.OpSearch, Body: body}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("cold", func(b *testing.B) {
		cpu := cpuTime()
		for i := 0; b.Loop(); i++ {
			search(b, labels[i%len(labels)], nil)
		}
		b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N), "cpu-ns/search")
	})
	warm := labels[:20_000]
	for _, label := range warm {
		search(b, label, nil)
	}
	for name, last := range map[string]*uint64{"first": nil, "returning": &size} {
		b.Run(fmt.Sprint("warm/", name), func(b *testing.B) {
			b.ReportAllocs()
			cpu := cpuTime()
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.IntN(len(warm)); pb.Next(); i++ {
					search(b, warm[i%len(warm)], last)
				}
			})
			b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N), "cpu-ns/search")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "searches/s")
		})
	}
}
