// Package strictjson reads JSON in the one way that signed documents and
// import files need it read: what two readers could take differently is an error.
//
// Beyond encoding/json it refuses unknown names, names in another case, names
// given twice, null, invalid UTF-8, and anything after the value.
package strictjson

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// ErrInvalid is JSON that is not taken.
var ErrInvalid = errors.New("invalid JSON")

// maxDepth bounds nesting; no document here comes near it.
const maxDepth = 32

// Decode reads data, which the caller has bounded, into the value v points to.
// The names of all fields of v's type, at every depth, are the names known.
func Decode(data []byte, v any) error {
	if !utf8.Valid(data) {
		return fmt.Errorf("%w: not UTF-8", ErrInvalid)
	}
	known := map[string]bool{}
	names(reflect.TypeOf(v), known, map[reflect.Type]bool{})
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := walk(dec, known, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: something follows the value", ErrInvalid)
	}
	dec = json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

func walk(dec *json.Decoder, known map[string]bool, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: nested too deep", ErrInvalid)
	}
	t, err := dec.Token()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if t == nil {
		return fmt.Errorf("%w: null; leave the name out instead", ErrInvalid)
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			t, err := dec.Token()
			if err != nil {
				return fmt.Errorf("%w: %w", ErrInvalid, err)
			}
			name := t.(string) // the decoder has checked that it is one
			if !known[name] {
				return fmt.Errorf("%w: unknown name %q", ErrInvalid, name)
			}
			if seen[name] {
				return fmt.Errorf("%w: %q is given twice", ErrInvalid, name)
			}
			seen[name] = true
		}
		if err := walk(dec, known, depth+1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// names collects the JSON names of a type's fields and of all types below it.
func names(t reflect.Type, known map[string]bool, done map[reflect.Type]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || done[t] {
		return
	}
	done[t] = true
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		known[name] = true
		names(f.Type, known, done)
	}
}

// Bytes are written as base64 (RFC 4648, section 4) and read in that form
// only: padded, without line breaks, unused bits zero.
type Bytes []byte

// MarshalText writes base64.
func (b Bytes) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads what MarshalText writes.
func (b *Bytes) UnmarshalText(text []byte) error {
	d, err := base64.StdEncoding.Strict().DecodeString(string(text))
	if err != nil || base64.StdEncoding.EncodeToString(d) != string(text) {
		return fmt.Errorf("%w: not base64 in standard form", ErrInvalid)
	}
	*b = d
	return nil
}
