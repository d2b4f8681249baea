package httpapi

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/checkpoint"
)

// TestBundlesAreTheUpdates: bundles have what /audit/v1/updates has, cut at every
// 32nd entry.
func TestBundlesAreTheUpdates(t *testing.T) {
	f := newFixture(t, nil)
	f.grow("label", 100)
	var all []byte
	for index := range uint64(3) {
		all = append(all, f.get("/log/"+checkpoint.UpdatesPath(index, checkpoint.UpdatesWidth))...)
	}
	wide := f.get("/log/updates/003.p/5")
	all = append(all, wide...)
	if want := f.get("/audit/v1/updates?start=0"); !bytes.Equal(all, want) {
		t.Errorf("%d bytes of bundles, %d of updates", len(all), len(want))
	}
	if part := f.get("/log/updates/003.p/4"); len(part) == len(wide) || !bytes.HasPrefix(wide, part) {
		t.Error("a narrower bundle is not the beginning of the wider one")
	}
}

func TestBundlePaths(t *testing.T) {
	f := newFixture(t, nil)
	f.grow("label", 40) // and entry 0
	for path, want := range map[string]int{
		"updates/000": 200, "updates/000.p/1": 200, "updates/001.p/9": 200,
		"updates/001.p/10": 404, "updates/001": 404, "updates/x001/000": 404,
		"updates/000.p/32": 400, "updates/000.p/0": 400, "updates/0": 400, "updates/000/": 400, "updates/": 400, "updates/000?x": 400,
		"updates/x000/000": 400, "updates/x999/x999/x999/x999/x999/x999/999": 400, "updates/../tile/0/000.p/1": 400,
	} {
		r := f.do(http.MethodGet, "/log/"+path, nil)
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
		cache := noStore
		switch {
		case path == "updates/000":
			cache = immutable
		case want == 200:
			cache = noCache
		}
		if got := r.Header.Get("Cache-Control"); got != cache {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
}

// TestBundlesCostWhatTheyAre: a large bundle takes as much of the budget of reads
// as the same updates do elsewhere.
func TestBundlesCostWhatTheyAre(t *testing.T) {
	c := new(clock)
	f := newFixture(t, func(config *Config) {
		config.Limits, config.Now = Limits{ReadsPerMinute: 60, ReadBurst: 7}, c.Now
	})
	_, err := f.seq.BulkLoad(t.Context(), func(yield func(directory.Load, error) bool) {
		for i := range 4000 {
			if !yield(directory.Load{Label: fmt.Append(nil, i), Value: []byte("x")}, nil) {
				return
			}
		}
	}, directory.BulkOptions{})
	must(t, err)
	if n := len(f.get("/log/updates/000.p/17")); n/readBytes != 5 {
		t.Fatalf("a bundle of %d bytes does not test this", n)
	}
	f.get("/log/checkpoint") // 1 + 5 + 1
	if r := f.do(http.MethodGet, "/log/updates/000.p/1", nil); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("an eighth read of a burst of 7: %d", r.StatusCode)
	}
	c.now.Add(int64(time.Second))
	f.get("/log/updates/000.p/1")
}
