package httpapi

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Point is how many entries a log had at a time.
type Point struct {
	Time int64  `json:"time"` // of the entry, ms since the Unix epoch
	Size uint64 `json:"size"`
}

// The picture, in units of its own: 16 of them are about a line of text.
const (
	pictureWidth  = 720
	pictureHeight = 240
	plotLeft      = 56
	plotRight     = pictureWidth - 16
	plotTop       = 14
	plotBottom    = pictureHeight - 30
)

// growth draws the size of a log over time, as an SVG element whose colours and
// fonts are those of the page: its classes are in page.css. The points ascend.
func growth(points []Point) template.HTML {
	if len(points) == 0 {
		return ""
	}
	first, last := points[0], points[len(points)-1]
	x, y := newTimeAxis(first.Time, last.Time), newCountAxis(last.Size)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="growth" viewBox="0 0 %d %d" role="img" aria-label="%s entries, from %s to %s">`,
		pictureWidth, pictureHeight, thousands(last.Size), day(first.Time), day(last.Time))
	for _, n := range y.ticks {
		at := y.place(float64(n))
		fmt.Fprintf(&b, `<line class="grid" x1="%d" y1="%s" x2="%d" y2="%[2]s"/>`, plotLeft, coordinate(at), plotRight)
		fmt.Fprintf(&b, `<text class="tick y" x="%d" y="%s">%s</text>`, plotLeft-8, coordinate(at+4), short(n))
	}
	for i, tick := range x.ticks {
		at := x.place(tick)
		anchor := "middle"
		if at > plotRight-24 && i == len(x.ticks)-1 {
			anchor = "end"
		}
		fmt.Fprintf(&b, `<line class="mark" x1="%s" y1="%d" x2="%[1]s" y2="%d"/>`, coordinate(at), plotBottom, plotBottom+5)
		fmt.Fprintf(&b, `<text class="tick" text-anchor="%s" x="%s" y="%d">%s</text>`, anchor, coordinate(at), plotBottom+20, x.label(tick))
	}
	var line strings.Builder
	for i, p := range points {
		letter := "L"
		if i == 0 {
			letter = "M"
		}
		fmt.Fprintf(&line, "%s%s %s", letter, coordinate(x.place(p.Time)), coordinate(y.place(float64(p.Size))))
	}
	end := coordinate(x.place(last.Time))
	fmt.Fprintf(&b, `<path class="area" d="%sL%s %dL%s %[3]dZ"/>`, line.String(), end, plotBottom, coordinate(x.place(first.Time)))
	fmt.Fprintf(&b, `<path class="line" d="%s"/>`, line.String())
	fmt.Fprintf(&b, `<line class="axis" x1="%d" y1="%d" x2="%d" y2="%[2]d"/>`, plotLeft, plotBottom, plotRight)
	fmt.Fprintf(&b, `<circle class="end" cx="%s" cy="%s" r="4.5"/></svg>`, end, coordinate(y.place(float64(last.Size))))
	return template.HTML(b.String()) // numbers and fixed words only
}

// coordinate writes a number as a picture needs it.
func coordinate(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// A countAxis goes from 0 to its last tick.
type countAxis struct{ ticks []uint64 }

// newCountAxis has three to six ticks, at 1, 2 or 5 times a power of ten.
func newCountAxis(greatest uint64) countAxis {
	greatest = min(max(greatest, 1), 1<<62)
	step := uint64(1)
	for _, factor := range cycle(2, 5, 10) {
		if greatest <= 5*step {
			break
		}
		step = factor
	}
	var a countAxis
	for n := uint64(0); ; n += step {
		if a.ticks = append(a.ticks, n); n >= greatest {
			return a
		}
	}
}

// cycle returns 2, 5, 10, 20, 50, ... as far as they go.
func cycle(factors ...uint64) (all []uint64) {
	for power := uint64(1); power <= 1e17; power *= 10 {
		for _, f := range factors {
			all = append(all, f*power)
		}
	}
	return all
}

func (a countAxis) place(n float64) float64 {
	return plotBottom - n/float64(a.ticks[len(a.ticks)-1])*(plotBottom-plotTop)
}

// A timeAxis goes from one time to another, in UTC.
type timeAxis struct {
	from, to int64 // ms since the Unix epoch
	ticks    []int64
	layout   string
}

// The steps between ticks: a number of milliseconds, or of months.
var steps = []struct {
	ms, months int64
	layout     string
}{
	{ms: 1, layout: "15:04:05.000"}, {ms: 10, layout: "15:04:05.00"}, {ms: 100, layout: "15:04:05.0"},
	{ms: 1000, layout: "15:04:05"}, {ms: 2000, layout: "15:04:05"}, {ms: 5000, layout: "15:04:05"}, {ms: 10000, layout: "15:04:05"}, {ms: 15000, layout: "15:04:05"}, {ms: 30000, layout: "15:04:05"},
	{ms: minute, layout: "15:04"}, {ms: 2 * minute, layout: "15:04"}, {ms: 5 * minute, layout: "15:04"}, {ms: 10 * minute, layout: "15:04"}, {ms: 15 * minute, layout: "15:04"}, {ms: 30 * minute, layout: "15:04"},
	{ms: hour, layout: "15:04"}, {ms: 3 * hour, layout: "2 Jan 15:04"}, {ms: 6 * hour, layout: "2 Jan 15:04"}, {ms: 12 * hour, layout: "2 Jan 15:04"},
	{ms: 24 * hour, layout: "2 Jan"}, {ms: 48 * hour, layout: "2 Jan"}, {ms: 7 * 24 * hour, layout: "2 Jan"}, {ms: 14 * 24 * hour, layout: "2 Jan"},
	{months: 1, layout: "Jan 2006"}, {months: 3, layout: "Jan 2006"}, {months: 6, layout: "Jan 2006"},
	{months: 12, layout: "2006"}, {months: 24, layout: "2006"}, {months: 60, layout: "2006"}, {months: 120, layout: "2006"}, {months: 1200, layout: "2006"},
}

const (
	minute = 60_000
	hour   = 60 * minute
	month  = 30 * 24 * hour // about

	maxTicks = 6
	lastTime = 253_370_764_800_000 // the year 9999: a log says what it likes
)

func newTimeAxis(from, to int64) timeAxis {
	a := timeAxis{from: min(max(from, 0), lastTime), to: min(max(to, 0), lastTime)}
	a.to = max(a.to, a.from+1000)
	for _, s := range steps {
		step := s.ms + s.months*month
		if a.layout = s.layout; (a.to-a.from)/step > maxTicks {
			continue
		}
		for t := before(a.from, s.ms, s.months); t.UnixMilli() <= a.to && len(a.ticks) <= 2*maxTicks; {
			if t.UnixMilli() >= a.from {
				a.ticks = append(a.ticks, t.UnixMilli())
			}
			if s.months > 0 {
				t = t.AddDate(0, int(s.months), 0)
			} else {
				t = t.Add(time.Duration(s.ms) * time.Millisecond)
			}
		}
		break
	}
	return a
}

// before returns the last tick that is not after a time.
func before(ms, step, months int64) time.Time {
	t := time.UnixMilli(ms).UTC()
	if months == 0 {
		return time.UnixMilli(ms - ms%step).UTC()
	}
	n := int64(t.Year())*12 + int64(t.Month()) - 1
	n -= n % months
	return time.Date(int(n/12), time.Month(n%12+1), 1, 0, 0, 0, 0, time.UTC)
}

func (a timeAxis) place(ms int64) float64 {
	ms = min(max(ms, a.from), a.to)
	return plotLeft + float64(ms-a.from)/float64(a.to-a.from)*(plotRight-plotLeft)
}

func (a timeAxis) label(ms int64) string { return time.UnixMilli(ms).UTC().Format(a.layout) }

// short writes a count in few characters: 950, 20k, 1.5M.
func short(n uint64) string {
	for _, unit := range []struct {
		of     uint64
		letter string
	}{{1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if n >= 10*unit.of || n >= unit.of && n%(unit.of/10) == 0 {
			return strconv.FormatFloat(float64(n)/float64(unit.of), 'f', -1, 64) + unit.letter
		}
	}
	return strconv.FormatUint(n, 10)
}

// thousands writes a count with commas: 1,234,567.
func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func day(ms int64) string {
	return time.UnixMilli(min(max(ms, 0), lastTime)).UTC().Format("2 January 2006 15:04 UTC")
}
