package pass

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// FuzzSplit: a page that is split, put together again, is the page; all others are
// the feed's fault, of an entry that is named.
func FuzzSplit(f *testing.F) {
	f.Add([]byte{})
	f.Add(checkpoint.AppendUpdate(checkpoint.AppendUpdate(nil, []byte("one")), nil))
	f.Add([]byte{0, 0, 0, 9, 1})
	f.Add(make([]byte, 4*(MaxUpdates+1)))
	f.Fuzz(func(t *testing.T, page []byte) {
		frames, err := split(page, 7)
		if err != nil {
			var m *Misbehaviour
			if !errors.As(err, &m) || m.Kind != BadFeed || m.Entry < 7 || m.Entry > 7+MaxUpdates || frames != nil {
				t.Fatalf("%d frames, %v", len(frames), err)
			}
			return
		}
		var again []byte
		for _, frame := range frames {
			again = checkpoint.AppendUpdate(again, frame)
		}
		if !bytes.Equal(again, page) {
			t.Fatalf("%x became %x", page, again)
		}
	})
}
