package figures

import (
	"bytes"
	"strings"
	"testing"
)

func TestRows(t *testing.T) {
	var r Report
	r.AtMost("at most", 1.60004, 1.6, "")
	r.AtMost("too much", 1.601, 1.6, "")
	r.AtLeast("at least", 10_000, 10_000, "/s")
	r.AtLeast("too little", 9_999, 10_000, "/s")
	r.Note("note", 0.123456, "")
	for i, want := range []Row{
		{"at most", 1.6, "", "<= 1.6", false},
		{"too much", 1.601, "", "<= 1.6", false},
		{"at least", 10_000, "/s", ">= 10000", true},
		{"too little", 9_999, "/s", ">= 10000", false},
		{"note", 0.1235, "", "", true},
	} {
		if r.Rows[i] != want {
			t.Errorf("row %+v, not %+v", r.Rows[i], want)
		}
	}
	if r.Missed() != 3 {
		t.Errorf("%d rows miss their bounds, not 3", r.Missed())
	}
	var table bytes.Buffer
	if err := r.Show(&table, "a log"); err != nil || strings.Count(table.String(), "\n") != len(r.Rows)+3 || !strings.HasPrefix(table.String(), "a log, 0 cores\n") {
		t.Errorf("%v:\n%s", err, &table)
	}
}
