package main

import (
	"bytes"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"github.com/kith-kt/kith/proto/record"
)

// written returns a key as its users read it from a terminal: armored, or as text.
func written(k record.PublishedKey, label string) ([]byte, error) {
	switch k.Type {
	case record.OpenPGP:
		var b bytes.Buffer
		w, err := armor.Encode(&b, "PGP PUBLIC KEY BLOCK", nil)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(k.Data); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		return append(b.Bytes(), '\n'), nil
	case record.SSH:
		return []byte(k.Text() + " " + label + "\n"), nil
	case record.Minisign:
		id := slices.Clone(k.Data[min(2, len(k.Data)):min(10, len(k.Data))])
		slices.Reverse(id)
		return fmt.Appendf(nil, "untrusted comment: minisign public key %X of %s\n%s\n", id, label, k.Text()), nil
	case record.X509:
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Data}), nil
	}
	if text := k.Text(); text != "" {
		return []byte(text + "\n"), nil
	}
	return []byte(hex.EncodeToString(k.Data) + "\n"), nil
}

// raw returns a key as programs read it from a file: binary, unless its form is text.
func raw(k record.PublishedKey, label string) ([]byte, error) {
	switch k.Type {
	case record.SSH, record.Age, record.Minisign, record.WireGuard:
		return written(k, label)
	}
	return k.Data, nil
}

// join puts keys into one file, each as form returns it.
func join(keys []record.PublishedKey, label string, form func(record.PublishedKey, string) ([]byte, error)) ([]byte, error) {
	var b []byte
	for _, k := range keys {
		one, err := form(k, label)
		if err != nil {
			return nil, err
		}
		b = append(b, one...)
	}
	return b, nil
}

// sameType reports whether keys are all of one type, so that one file can hold them.
func sameType(keys []record.PublishedKey) bool {
	return !slices.ContainsFunc(keys, func(k record.PublishedKey) bool { return k.Type != keys[0].Type })
}

// nameOf is a key as a person recognises it.
func nameOf(k record.PublishedKey) string {
	return k.Type.String() + " " + printable(k.Fingerprint())
}

// names lists keys as a person recognises them.
func names(keys []record.PublishedKey) string {
	if len(keys) == 0 {
		return "no keys"
	}
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = nameOf(k)
	}
	return strings.Join(all, ", ")
}

// printable keeps a stranger's text from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// write puts b into a file, whole or not at all; "-" is standard output.
func (p *program) write(path string, b []byte, mode os.FileMode) error {
	if path == "-" {
		_, err := p.out.Write(b)
		return err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeThrough(path, b)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".kith-*")
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s cannot be written: %w", path, e.Err)
	}
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if e := f.Chmod(mode); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// writeThrough writes to what is no regular file, such as a pipe.
func writeThrough(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// readFile reads a file of at most limit bytes; "-" is standard input.
func (p *program) readFile(path string, limit int64) ([]byte, error) {
	r := p.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return b, nil
}
