package mls

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestGroupIsNotPrinted: fmt looks into pointers for a verb that does not fit them.
func TestGroupIsNotPrinted(t *testing.T) {
	t.Parallel()
	c := lonely(t)
	g, err := c.Create(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		if said := fmt.Sprintf(verb, g); said != "(secret)" {
			t.Errorf("%s: %.80s", verb, said)
		}
	}
}

// TestErrorsAreShort: a group's identifier is as long as somebody made it, and errors
// end up in logs.
func TestErrorsAreShort(t *testing.T) {
	t.Parallel()
	c := lonely(t)
	long := bytes.Repeat([]byte{7}, 1<<16)
	if _, err := c.Create(long, nil); err != nil {
		t.Fatal(err)
	}
	_, again := c.Create(long, nil)
	_, unknown := c.Open(long[1:])
	if err := c.cfg.Store.Apply(Batch{Write: []Record{{awaitedKey(long[2:], []byte("closed")), []byte{1}}}}); err != nil {
		t.Fatal(err)
	}
	_, agreed := c.Create(long[2:], nil)
	for what, err := range map[string]error{"a second group": again, "no group": unknown, "one that was agreed on": agreed} {
		if err == nil || len(err.Error()) > 1<<10 || !strings.Contains(err.Error(), "07070707") {
			t.Errorf("%s: an error of %d bytes: %.200v", what, len(fmt.Sprint(err)), err)
		}
	}
}
