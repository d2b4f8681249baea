package keyfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// A liner reads a file line by line; a line above MaxLine is passed over.
type liner struct {
	r *bufio.Reader
	n int // of the line read last, from 1
}

// next returns the next line without its end, io.EOF after the last. The line
// is valid until the next call. long: it was above MaxLine and is not returned.
func (l *liner) next() (line []byte, long bool, err error) {
	l.n++
	var whole []byte
	for {
		part, err := l.r.ReadSlice('\n')
		if !long {
			if len(whole)+len(part) > MaxLine {
				long, whole = true, nil
			} else {
				whole = append(whole, part...)
			}
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == io.EOF && (len(whole) > 0 || long):
		case err == io.EOF:
			return nil, false, io.EOF
		case err != nil:
			return nil, false, fmt.Errorf("%w: line %d: %w", ErrUnreadable, l.n, err)
		}
		break
	}
	for len(whole) > 0 && (whole[len(whole)-1] == '\n' || whole[len(whole)-1] == '\r') {
		whole = whole[:len(whole)-1]
	}
	return whole, long, nil
}

func (l *liner) where() string { return fmt.Sprintf("line %d", l.n) }

// eachLine runs parse over the lines of a file.
func eachLine(r io.Reader, yield func(Entry, error) bool, parse func(where string, line []byte) []Entry) {
	l := &liner{r: bufio.NewReader(r)}
	for {
		line, long, err := l.next()
		if err == io.EOF {
			return
		}
		if err != nil {
			yield(Entry{}, err)
			return
		}
		entries := []Entry{skip(l.where(), TooLarge, "a line has more than %d bytes", MaxLine)}
		if !long {
			entries = parse(l.where(), line)
		}
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}
