package interop

import (
	"strings"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// TestPadding: each side reads what the other has padded in its own way ("Padding",
// 15.1), application messages and commits alike.
func TestPadding(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	padded := func(pad message.Padding) member {
		m := newOurs(t, s, "a")
		m.cfg.Padding = pad
		return m
	}
	texts := []string{"", "x", strings.Repeat("y", 200), strings.Repeat("z", 3000)}
	for name, c := range map[string]struct {
		m     member
		sizes int // how many lengths the first three texts have
	}{
		"ours, none":           {padded(message.PadToBlock(0)), 3},
		"ours, blocks":         {padded(message.PadToBlock(512)), 1},
		"ours, powers of two":  {padded(message.PadToPowerOfTwo(512)), 1},
		"ours, three too many": {padded(func(int) int { return 3 }), 3},
		"theirs, none":         {newTheirs(t, p, s, "b", nil), 3},
		"theirs, up to a size": {newTheirs(t, p, s, "b", q{"padding": 512}), 1},
		"theirs, 300 too many": {newTheirs(t, p, s, "b", q{"pad": 300}), 3},
	} {
		readers := []member{newOurs(t, s, "reads"), newTheirs(t, p, s, "reads", nil)}
		c.m.create([]byte(groupID))
		adds(t, change{}, readers[0], c.m)
		adds(t, change{}, readers[1], c.m, readers[0])
		sizes := map[int]bool{}
		for i, text := range texts {
			b := c.m.send("", text)[0]
			if i < 3 {
				sizes[len(b)] = true
			}
			for _, m := range readers {
				if got, _, err := m.receive(b); err != nil || got != text {
					t.Errorf("%s: %s reads %d bytes, %v, not %d", name, m.name(), len(got), err, len(text))
				}
			}
		}
		if len(sizes) != c.sizes {
			t.Errorf("%s: lengths %v", name, sizes)
		}
		commits(t, change{}, c.m, readers...)
	}
}
