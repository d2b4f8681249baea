// Package figures is how measurements are shown: one row for each figure, with the
// bound it should keep, if it has one.
package figures

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// A Row is one figure. Bound is "" for a floor or a figure that is only
// reported, else "<= X" or ">= X" in the unit of Value.
type Row struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Bound string  `json:"bound"`
	OK    bool    `json:"ok"`
}

// A Report is what a bench prints.
type Report struct {
	Quick  bool  `json:"quick"`
	Labels int   `json:"labels"` // of the largest log, or leaves
	Cores  int   `json:"cores"`  // of this machine
	Rows   []Row `json:"rows"`
}

// Note adds a floor, or a figure without a bound.
func (r *Report) Note(name string, value float64, unit string) {
	r.Rows = append(r.Rows, Row{Name: name, Value: rounded(value), Unit: unit, OK: true})
}

// AtMost adds a figure and the bound that it should not be above.
func (r *Report) AtMost(name string, value, bound float64, unit string) {
	r.Rows = append(r.Rows, Row{name, rounded(value), unit, "<= " + figure(bound), value <= bound})
}

// AtLeast adds a figure and the bound that it should not be below.
func (r *Report) AtLeast(name string, value, bound float64, unit string) {
	r.Rows = append(r.Rows, Row{name, rounded(value), unit, ">= " + figure(bound), value >= bound})
}

// Missed returns how many figures miss their bounds.
func (r *Report) Missed() (n int) {
	for _, row := range r.Rows {
		if !row.OK {
			n++
		}
	}
	return n
}

// rounded keeps four digits: there is no more to a measurement.
func rounded(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

func figure(v float64) string {
	v = rounded(v)
	if math.Abs(v) >= 1000 {
		v = math.Round(v)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// Show prints the rows as a table below a line that says what was measured.
func (r *Report) Show(w io.Writer, what string) error {
	fmt.Fprintf(w, "%s, %d cores", what, r.Cores)
	if r.Quick {
		fmt.Fprint(w, "; --quick: smaller trees than the bounds are stated for")
	}
	fmt.Fprint(w, "\n\n")
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "figure\tmeasured\tunit\tbound\t")
	for _, row := range r.Rows {
		verdict := ""
		switch {
		case !row.OK:
			verdict = "missed"
		case row.Bound != "":
			verdict = "ok"
		}
		line := strings.Join([]string{row.Name, figure(row.Value), row.Unit, row.Bound, verdict}, "\t")
		fmt.Fprintln(t, strings.TrimRight(line, "\t"))
	}
	return t.Flush()
}
