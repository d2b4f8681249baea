package syntax

import "fmt"

// hexBytes is how many bytes Hex shows.
const hexBytes = 32

// Hex returns bytes that somebody else may have chosen for the text of an error: an
// identifier can be a megabyte long, and an error travels into logs.
func Hex(b []byte) string {
	if len(b) <= hexBytes {
		return fmt.Sprintf("%x", b)
	}
	return fmt.Sprintf("%x… (%d bytes)", b[:hexBytes], len(b))
}
