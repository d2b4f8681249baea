package checkpoint

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestUpdatesPaths(t *testing.T) {
	for _, c := range []struct {
		index uint64
		width int
		path  string
	}{
		{0, 32, "updates/000"},
		{0, 5, "updates/000.p/5"},
		{1234, 32, "updates/x001/234"},
		{1234067, 31, "updates/x001/x234/067.p/31"},
	} {
		if got := UpdatesPath(c.index, c.width); got != c.path {
			t.Errorf("UpdatesPath(%d, %d) = %q, want %q", c.index, c.width, got, c.path)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		index := rapid.Uint64Range(0, MaxSize/UpdatesWidth).Draw(t, "index")
		width := rapid.IntRange(1, UpdatesWidth).Draw(t, "width")
		path := UpdatesPath(index, width)
		if i, w, err := ParseUpdatesPath(path); err != nil || i != index || w != width {
			t.Fatalf("%q: %d, %d, %v", path, i, w, err)
		}
	})
}

func TestMalformedUpdatesPaths(t *testing.T) {
	for _, bad := range []string{
		"", "updates", "updates/", "/updates/000", "updates/0", "updates/0000", "updates/000/", "updates/x000/000", "updates/000/001",
		"updates/001/000", "updates/x1/000", "updates/+01", "updates/-01", "updates/X001/000", "updates/x001//000", "updates/../000",
		"updates/000.p/0", "updates/000.p/32", "updates/000.p/33", "updates/000.p/01", "updates/000.p/+1", "updates/000.p/", "updates/000.p",
		"updates/000.p/1/", "updates/000.p/1.p/1", "updates/x001.p/1/000", "updates/000?x", "tile/000", "updates/٠٠٠",
		"updates/x144/x115/x188/x075/x855/873", "updates/x018/x446/x744/x073/x709/x551/616",
	} {
		if index, width, err := ParseUpdatesPath(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("ParseUpdatesPath(%q) = %d, %d, %v", bad, index, width, err)
		}
	}
}

func FuzzParseUpdatesPath(f *testing.F) {
	f.Add("updates/x001/234.p/5")
	f.Fuzz(func(t *testing.T, path string) {
		if index, width, err := ParseUpdatesPath(path); err == nil && UpdatesPath(index, width) != path {
			t.Errorf("%q", path)
		}
	})
}
