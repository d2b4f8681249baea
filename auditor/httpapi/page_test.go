package httpapi

import (
	"bytes"
	"encoding/xml"
	"errors"
	"html/template"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestPage: the page says how each log is doing, needs nothing from elsewhere, and
// what strangers say in it is text.
func TestPage(t *testing.T) {
	hostile := `<script>alert(1)</script>" onload="x`
	f := newFixture(t, func(c *Config) {
		status := c.Providers[0].Status
		c.Providers[0].Status = func() Status {
			s := status()
			s.Peers = []Peer{{Address: "https://audit.example.com", Says: hostile, At: epoch}}
			s.Gossip.Suspicions = append(s.Gossip.Suspicions, hostile)
			return s
		}
	})
	r := f.do("GET", "/", nil)
	page := string(f.body(r))
	for _, want := range []string{"audit.example.net", "example.org", "in order", "Audited all of its 300 entries", "<svg", "300 entries, from", f.fingerprint.String(), "&lt;script&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, bad := range []string{"<script", "onload=\"", "src=", "@import", "url(", "style=\""} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if strings.Contains(link[1], ":") || strings.HasPrefix(link[1], "/") {
			t.Errorf("a link leads elsewhere: %s", link[1])
		}
	}
	policy := r.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if !strings.Contains(page, "<style>"+pageStyle+"</style>") {
		t.Error("the style is not the one that the policy has the hash of")
	}
	f.handler.pages.body = nil
	f.do("POST", path, bytes.NewReader(f.sighting(f.head(9, true))))
	if page = string(f.body(f.do("GET", "/", nil))); !strings.Contains(page, `class="card caught"`) || !strings.Contains(page, "gossip/v1/evidence/gossip-8-") || strings.Contains(page, ">in order<") {
		t.Errorf("of a provider that was caught the page says\n%s", page[strings.Index(page, "<main>"):])
	}
}

// TestCards: every state has its words.
func TestCards(t *testing.T) {
	now := time.UnixMilli(epoch)
	for state, class := range map[State]string{Audited: "good", Starting: "wait", Unaudited: "wait", Caught: "bad"} {
		c := card(Status{State: state, Fault: "unreachable", Passed: epoch - 90_000, Verdict: &Verdict{}}, "", now)
		if c.Class != class || c.Word == "" || c.Sentence == "" || c.Passed != "90 seconds ago" {
			t.Errorf("%s: %+v", state, c)
		}
	}
	for ms, want := range map[int64]string{0: "just now", 1500: "just now", 3000: "3 seconds ago", -5000: "just now", 7_300_000: "2 hours ago", 864_000_000: "10 days ago"} {
		if got := since(now, epoch-ms); got != want {
			t.Errorf("%d ms: %q, want %q", ms, got, want)
		}
	}
}

// TestGrowth: whatever a log says of itself, its picture is well formed, and all of it
// lies within.
func TestGrowth(t *testing.T) {
	number := regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?`)
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, lastTime), rapid.SampledFrom([]int64{0, math.MaxInt64, math.MinInt64}))
		n := rapid.IntRange(1, 5).Draw(t, "n")
		var points []Point
		size, at := uint64(0), ms.Draw(t, "first")
		for range n {
			size += rapid.OneOf(rapid.Uint64Range(1, 50), rapid.Uint64Range(1, 1<<60)).Draw(t, "entries")
			points = append(points, Point{at, size})
			if d := rapid.OneOf(rapid.Int64Range(0, 1000), rapid.Int64Range(0, 1<<45)).Draw(t, "ms"); at < math.MaxInt64-d {
				at += d
			}
		}
		picture := string(growth(points))
		d := xml.NewDecoder(strings.NewReader(picture))
		texts := 0
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, picture)
			}
			e, ok := token.(xml.StartElement)
			if !ok {
				continue
			}
			if e.Name.Local == "text" {
				texts++
			}
			for _, a := range e.Attr {
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Fatal(picture)
				}
				if a.Name.Local == "d" {
					for _, v := range number.FindAllString(a.Value, -1) {
						if strings.HasPrefix(v, "-") || len(v) > 6 {
							t.Fatalf("%s lies beyond the picture", v)
						}
					}
				}
			}
		}
		if texts < 3 || texts > 24 {
			t.Fatalf("%d labels\n%s", texts, picture)
		}
	})
	if growth(nil) != template.HTML("") {
		t.Error("a picture of nothing")
	}
}

// TestLabels: counts and times are written so that they can be read.
func TestLabels(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 7: "7", 950: "950", 1000: "1k", 1500: "1.5k", 20000: "20k", 2_000_000: "2M", 1234: "1234"} {
		if got := short(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if got := thousands(1234567); got != "1,234,567" {
		t.Error(got)
	}
	for span, want := range map[int64]string{40 * minute: "15:04", 5 * 24 * hour: "2 Jan", 400 * 24 * hour: "Jan 2006", 9000: "15:04:05"} {
		a := newTimeAxis(epoch, epoch+span)
		if a.layout != want || len(a.ticks) < 2 || len(a.ticks) > maxTicks+2 {
			t.Errorf("%d ms: %s, %d ticks", span, a.layout, len(a.ticks))
		}
	}
}
