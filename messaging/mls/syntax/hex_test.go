package syntax

import (
	"bytes"
	"testing"
)

func TestHexIsShort(t *testing.T) {
	for n, want := range map[int]string{0: "", 2: "abab", 1 << 20: string(bytes.Repeat([]byte("ab"), 32)) + "… (1048576 bytes)"} {
		if got := Hex(bytes.Repeat([]byte{0xab}, n)); got != want {
			t.Errorf("%d bytes: %.100s, want %s", n, got, want)
		}
	}
	if got := Hex(make([]byte, hexBytes)); len(got) != 2*hexBytes {
		t.Error(got)
	}
}
