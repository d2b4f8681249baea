package main

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// median returns the middle of values, which it sorts.
func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

// trimmedMean returns the mean of times, which it sorts, without the tenth that
// took longest: something else ran then.
func trimmedMean(times []time.Duration) time.Duration {
	slices.Sort(times)
	times = times[:len(times)-len(times)/10]
	sum := time.Duration(0)
	for _, t := range times {
		sum += t
	}
	return sum / time.Duration(len(times))
}

// onCores runs f with at most n cores.
func onCores(n int, f func() error) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
	return f()
}

// A work does something a number of times.
type work struct {
	times int // that run does it
	run   func() error
}

// cost returns the processor time that doing w once takes.
func (w work) cost() (time.Duration, error) {
	before := cpuTime()
	err := w.run()
	return (cpuTime() - before) / time.Duration(w.times), err
}

// compare does works in turn on one core, so that whatever else slows the machine
// down slows all of them. It returns the median cost of each, and of the costs in
// units of the first one's.
func compare(rounds int, works ...work) (costs []time.Duration, ratios []float64, err error) {
	all := make([][]time.Duration, len(works))
	relative := make([][]float64, len(works))
	err = onCores(1, func() error {
		for range rounds {
			var floor time.Duration
			for i, w := range works {
				cost, err := w.cost()
				if err != nil {
					return err
				}
				if i == 0 {
					floor = max(cost, 1)
				}
				all[i] = append(all[i], cost)
				relative[i] = append(relative[i], float64(cost)/float64(floor))
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for i := range works {
		costs = append(costs, median(all[i]))
		ratios = append(ratios, median(relative[i]))
	}
	return costs, ratios, nil
}

// fsyncTime returns the median time of making one written page durable in dir.
func fsyncTime(dir string) (time.Duration, error) {
	file, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	const pages, pageSize = 100, 4096
	if err := file.Truncate(pages * pageSize); err != nil {
		return 0, err
	}
	page := make([]byte, pageSize)
	var times []time.Duration
	for i := range pages {
		page[0] = byte(i)
		if _, err := file.WriteAt(page, int64(i*pageSize)); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := file.Sync(); err != nil {
			return 0, err
		}
		times = append(times, time.Since(began))
	}
	return median(times), nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
