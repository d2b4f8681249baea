package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kith-kt/kith/directory/keyfile"
	"github.com/kith-kt/kith/proto/record"
)

// readSmall reads a file that may be published: no more than fits.
func readSmall(name string) ([]byte, error) {
	in := io.Reader(os.Stdin)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	b, err := io.ReadAll(io.LimitReader(in, keyfile.MaxValue+1))
	if err == nil && len(b) > keyfile.MaxValue {
		err = fmt.Errorf("%s: more than %d bytes", name, keyfile.MaxValue)
	}
	return b, err
}

// publishedKeys reads a key by the same rules as an import: in the form its users
// paste, or in binary.
func publishedKeys(to, kind string, key []byte) (keys []record.PublishedKey, err error) {
	if utf8.Valid(key) {
		if keys, err = importedKeys(to, kind, strings.TrimSpace(string(key))); err == nil {
			return keys, nil
		}
	}
	binary, e := importedKeys(to, kind, base64.StdEncoding.EncodeToString(key))
	if e != nil && err != nil {
		return nil, err
	}
	return binary, e
}

// importedKeys reads a key as an import of one line would.
func importedKeys(to, kind, data string) ([]record.PublishedKey, error) {
	type jsonKey struct {
		Type string `json:"type"`
		Data string `json:"data"`
	}
	line, err := json.Marshal(struct {
		Label string    `json:"label"`
		Keys  []jsonKey `json:"keys"`
	}{to, []jsonKey{{kind, data}}})
	if err != nil {
		return nil, err
	}
	for e, err := range keyfile.JSONL(bytes.NewReader(line), time.Now()) {
		switch {
		case err != nil:
			return nil, err
		case e.Skipped != "":
			return nil, fmt.Errorf("%s: %s", e.Skipped, e.Detail)
		}
		return e.Keys, nil
	}
	return nil, errors.New("no key")
}
