package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// A benchRow is one figure. Bound is "" for a floor or a figure that is only
// reported, else "<= X" or ">= X" in the unit of Value.
type benchRow struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Bound string  `json:"bound"`
	OK    bool    `json:"ok"`
}

// A benchReport is what "kithd bench" prints.
type benchReport struct {
	Quick  bool       `json:"quick"`
	Labels int        `json:"labels"` // of the largest log
	Cores  int        `json:"cores"`  // of this machine
	Rows   []benchRow `json:"rows"`
}

// note adds a floor, or a figure without a bound.
func (r *benchReport) note(name string, value float64, unit string) {
	r.Rows = append(r.Rows, benchRow{Name: name, Value: rounded(value), Unit: unit, OK: true})
}

func (r *benchReport) atMost(name string, value, bound float64, unit string) {
	r.Rows = append(r.Rows, benchRow{name, rounded(value), unit, "<= " + figure(bound), value <= bound})
}

func (r *benchReport) atLeast(name string, value, bound float64, unit string) {
	r.Rows = append(r.Rows, benchRow{name, rounded(value), unit, ">= " + figure(bound), value >= bound})
}

// missed returns how many figures miss their bounds.
func (r *benchReport) missed() (n int) {
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

// show prints the rows as a table, floors first.
func (r *benchReport) show(w io.Writer) error {
	fmt.Fprintf(w, "Ed25519, log of up to %d labels, %d cores", r.Labels, r.Cores)
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
