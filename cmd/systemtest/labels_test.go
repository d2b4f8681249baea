package systemtest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/kith-kt/kith/proto/label"
)

// TestLabelExamples: the examples in docs/labels.md are what label.Canonical does.
func TestLabelExamples(t *testing.T) {
	rows := regexp.MustCompile("(?m)^\\| `(.+?)` \\| (?:`(.+?)`|(refused.*)) \\|$").FindAllStringSubmatch(readDoc(t, "docs/labels.md"), -1)
	if len(rows) < 10 {
		t.Fatalf("docs/labels.md has %d examples", len(rows))
	}
	for _, row := range rows {
		got, err := label.Canonical(row[1])
		if got != row[2] || (err != nil) != strings.HasPrefix(row[3], "refused") {
			t.Errorf("%q is %q, %v; docs/labels.md says %q%s", row[1], got, err, row[2], row[3])
		}
	}
}
