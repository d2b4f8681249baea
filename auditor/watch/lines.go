package watch

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
)

// A file of lines is a history: JSON, one value a line, only ever appended to. A
// last line without its end is what a crash left, and is nothing.

// lines returns the whole lines of a file, nil if there is no such file.
func (f *folder) lines(name string) ([]byte, error) {
	b, err := f.read(name)
	if err != nil {
		return nil, err
	}
	return b[:bytes.LastIndexByte(b, '\n')+1], nil
}

// addLine appends a line, durably.
func (f *folder) addLine(name string, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(f.path(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	before, err := f.lines(name)
	if err != nil {
		return err
	}
	end := int64(len(before)) // what a crash left of a line goes
	if err := file.Truncate(end); err != nil {
		return err
	}
	if _, err := file.WriteAt(append(line, '\n'), end); err != nil {
		return err
	}
	return errors.Join(file.Sync(), syncFolder(f.dir))
}
