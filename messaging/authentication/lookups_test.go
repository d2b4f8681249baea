package authentication

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/record"
)

// distant is a Directory that takes its time, and lists the key "phone" for everybody of
// whom it says nothing else.
type distant struct {
	takes func(label string) time.Duration // negative: for ever
	says  map[string]error

	mu       sync.Mutex
	asked    []string
	now, max int
}

var errOther = errors.New("lists another device")

func (d *distant) Lookup(ctx context.Context, label string, _ client.Options) (*client.Lookup, error) {
	d.mu.Lock()
	d.asked = append(d.asked, label)
	d.now++
	d.max = max(d.max, d.now)
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.now--
		d.mu.Unlock()
	}()
	var answer <-chan time.Time
	if takes := d.takes(label); takes >= 0 {
		answer = time.After(takes)
	}
	select {
	case <-answer:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	key := "phone"
	if err := d.says[label]; err == errOther {
		key = "laptop"
	} else if err != nil {
		return nil, err
	}
	device := record.Device{MLS: &record.MLSKey{CipherSuite: uint16(testSuite), SignatureKey: []byte(key)}}
	return &client.Lookup{Label: label, Standing: record.Held, Record: &record.Record{Label: label, Devices: []record.Device{device}}}, nil
}

func (d *distant) service(t testing.TB, edit func(*Config)) *Service {
	cfg := Config{Directory: d, Suite: testSuite, Now: time.Now}
	if edit != nil {
		edit(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func crowd(n int) (all []group.Candidate) {
	for i := range n {
		all = append(all, candidate(group.InWelcome, fmt.Sprintf("user%d@example.org", i), "phone"))
	}
	return all
}

func always(d time.Duration) func(string) time.Duration {
	return func(string) time.Duration { return d }
}

// TestManyLabelsOfADistantDirectory: a large group can be joined, as long as the directory
// goes on answering. As many are asked about at once as the configuration says.
func TestManyLabelsOfADistantDirectory(t *testing.T) {
	for parallel, want := range map[int]time.Duration{0: 12500 * time.Millisecond, 1: 100 * time.Second, 50: 2 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			d := &distant{takes: always(100 * time.Millisecond)}
			s := d.service(t, func(c *Config) { c.Parallel = parallel })
			begin := time.Now()
			if err := s.Authenticate(nil, append(crowd(1000), crowd(1000)...)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took != want || d.max != s.cfg.Parallel || len(d.asked) != 1000 {
				t.Errorf("parallel %d: %s, %d at once, %d requests; want %s", parallel, took, d.max, len(d.asked), want)
			}
			begin = time.Now()
			if all := s.Recheck(t.Context(), members(crowd(1000)...)); len(all) != 0 || time.Since(begin) != want {
				t.Errorf("parallel %d: Recheck %v after %s", parallel, all, time.Since(begin))
			}
		})
	}
}

// TestDirectoryThatFallsSilent: a batch ends when nothing comes for Timeout, and when all
// of it takes longer than MaxTime.
func TestDirectoryThatFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		d := &distant{takes: func(string) time.Duration {
			if n.Add(1) > 100 {
				return -1
			}
			return 20 * time.Second
		}}
		s := d.service(t, func(c *Config) { c.Parallel, c.Timeout, c.MaxTime = 2, 30*time.Second, time.Hour })
		begin := time.Now()
		err := s.Authenticate(nil, crowd(1000))
		if want := 50*20*time.Second + 30*time.Second; time.Since(begin) != want {
			t.Errorf("it ended after %s, want %s", time.Since(begin), want)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnproved) || !strings.Contains(err.Error(), "user100@") || !strings.Contains(err.Error(), "try again") {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		d := &distant{takes: always(20 * time.Second)}
		s := d.service(t, nil)
		begin := time.Now()
		err := s.Authenticate(nil, crowd(1000))
		if time.Since(begin) != DefaultMaxTime || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnproved) {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
	})
}

// TestFirstRefusalCounts: whatever comes in first, the error is that of the first in
// order who is refused; nobody is asked about twice, nor any more after a refusal; and
// that a directory is away says less than what another says.
func TestFirstRefusalCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		misbehaviour := &client.Misbehaviour{Kind: client.Forked, Evidence: []byte("proof")}
		for seed := range uint64(2000) {
			r := rand.New(rand.NewPCG(seed, 1))
			d := &distant{says: map[string]error{}}
			takes := map[string]time.Duration{}
			d.takes = func(label string) time.Duration { return takes[label] }
			all := crowd(1 + r.IntN(20))
			withAway := r.IntN(2) == 0
			parallel := 1 + r.IntN(8)
			if withAway {
				parallel = 20 // all are under way at once
			}
			first, away := "", ""
			for _, c := range all {
				label := string(c.Credential.Identity)
				takes[label] = time.Duration(1+r.IntN(1000)) * time.Millisecond
				switch r.IntN(12) {
				case 0:
					d.says[label] = errOther
				case 1:
					d.says[label] = misbehaviour
				case 2, 3:
					if withAway {
						d.says[label] = problem.ErrUnavailable
					}
				}
				switch err := d.says[label]; {
				case err == nil:
				case err == problem.ErrUnavailable && away == "":
					away = label
				case err != problem.ErrUnavailable && first == "":
					first = label
				}
			}
			want := first
			if first == "" {
				want = away
			}
			s := d.service(t, func(c *Config) { c.Parallel = parallel })
			err := s.Authenticate(nil, all)
			if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), " "+want+":") {
				t.Fatalf("seed %d: %v, want that of %q", seed, err, want)
			}
			if d.now != 0 {
				t.Fatalf("seed %d: %d requests are still under way", seed, d.now)
			}
			if d.says[want] == misbehaviour {
				m, found := errors.AsType[*client.Misbehaviour](err)
				if !found || m != misbehaviour {
					t.Fatalf("seed %d: without the evidence: %v", seed, err)
				}
			}
			slices.Sort(d.asked)
			if n := len(d.asked); n != len(slices.Compact(d.asked)) {
				t.Fatalf("seed %d: somebody was asked about twice", seed)
			}
			if parallel == 1 && first != "" {
				if n := slices.IndexFunc(all, func(c group.Candidate) bool { return string(c.Credential.Identity) == first }); len(d.asked) != n+1 {
					t.Fatalf("seed %d: %d requests, the refusal was number %d", seed, len(d.asked), n+1)
				}
			}
		}
	})
}

// TestRefusalStopsTheRest: those under way after one who is refused are not waited for,
// and what is kept of them stays good.
func TestRefusalStopsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &distant{takes: always(0), says: map[string]error{}}
		s := d.service(t, func(c *Config) { c.Reuse = MaxReuse })
		all := crowd(4)
		if err := s.Authenticate(nil, all); err != nil {
			t.Fatal(err)
		}
		d.says["user4@example.org"] = errOther
		d.takes = func(label string) time.Duration {
			if label == "user4@example.org" {
				return time.Second
			}
			return -1
		}
		again := append([]group.Candidate{candidate(group.InAdd, "user4@example.org", "phone")}, all...)
		for i := range again[1:] {
			again[i+1].SignatureKey = []byte("tablet") // which is to be asked about anew
		}
		begin := time.Now()
		if err := s.Authenticate(nil, again); !errors.Is(err, ErrNotListed) || time.Since(begin) != time.Second {
			t.Fatalf("after %s: %v", time.Since(begin), err)
		}
		if d.max < 2 {
			t.Fatal("nobody else was under way")
		}
		asked := len(d.asked)
		if err := s.Authenticate(nil, all); err != nil || len(d.asked) != asked {
			t.Errorf("%v, after %d more requests", err, len(d.asked)-asked)
		}
	})
}

// BenchmarkAuthenticate proves 1,000 labels of a directory that answers after 1 ms.
func BenchmarkAuthenticate(b *testing.B) {
	all := crowd(1000)
	for _, parallel := range []int{1, 8, 64} {
		b.Run(fmt.Sprint("parallel ", parallel), func(b *testing.B) {
			d := &distant{takes: always(time.Millisecond)}
			s := d.service(b, func(c *Config) { c.Parallel = parallel })
			for b.Loop() {
				if err := s.Authenticate(nil, all); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
