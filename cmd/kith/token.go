package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// tokenFlags are the ways to hand over a bearer token: never as an argument,
// which everybody on the machine could read.
type tokenFlags struct {
	file string
	fd   int
}

func (t *tokenFlags) add(cmd *cobra.Command, what string) {
	cmd.Flags().StringVar(&t.file, "token-file", "", "read a bearer token from `FILE`, or - for standard input: "+what)
	cmd.Flags().IntVar(&t.fd, "token-fd", -1, "read a bearer token from file descriptor `N`")
	cmd.MarkFlagsMutuallyExclusive("token-file", "token-fd")
}

const maxToken = 4096 // bytes

// read returns the token, or "" if none was given.
func (t *tokenFlags) read(p *program) (string, error) {
	var r io.Reader
	switch {
	case t.file == "-":
		r = p.in
	case t.file != "":
		f, err := os.Open(t.file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		r = f
	case t.fd >= 0:
		f := os.NewFile(uintptr(t.fd), "token")
		if f == nil {
			return "", usage(fmt.Errorf("file descriptor %d is not open", t.fd), "")
		}
		defer f.Close()
		r = f
	default:
		return "", nil
	}
	b, err := io.ReadAll(io.LimitReader(r, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("the token cannot be read: %w", err)
	}
	token := strings.TrimSpace(string(b))
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	if token == "" || len(b) > maxToken || strings.ContainsFunc(token, bad) {
		return "", usage(errors.New("what was given is not a token"), "a token is one line, as kithd token prints it")
	}
	return token, nil
}
