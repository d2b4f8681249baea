package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kith-kt/kith/client/account"
	"github.com/kith-kt/kith/srp"
)

// A secretFlag is how a secret that a person knows is handed over: by a file
// descriptor, or typed on the terminal. Never as an argument or in the environment,
// which others on the machine could read.
type secretFlag struct {
	flag string
	fd   int
}

func (s *secretFlag) add(cmd *cobra.Command, flag, what string) {
	s.flag = flag
	cmd.Flags().IntVar(&s.fd, flag, -1, "read "+what+" from file descriptor `N`, not from the terminal")
}

// read returns the secret: without the end of its line, if it has one. prompts are
// asked on the terminal, and must be answered alike.
func (s *secretFlag) read(ctx context.Context, p *program, prompts ...string) (account.Password, error) {
	if s.fd >= 0 {
		return s.fromFile()
	}
	tty, done, err := p.tty()
	if err != nil {
		return nil, usage(errors.New("there is no terminal to ask at"), "add --"+s.flag+" N")
	}
	defer done()
	first, err := ask(ctx, tty, prompts[0])
	for _, prompt := range prompts[1:] {
		if err != nil {
			break
		}
		var again account.Password
		if again, err = ask(ctx, tty, prompt); err == nil && !bytes.Equal(first, again) {
			err = usage(errors.New("the two are not the same"), "run it again; nothing was changed")
		}
		again.Wipe()
	}
	if err == nil && len(first) == 0 {
		err = usage(errors.New("nothing was typed"), "run it again; nothing was changed")
	}
	if err != nil {
		first.Wipe()
		return nil, err
	}
	return first, nil
}

func (s *secretFlag) fromFile() (account.Password, error) {
	f := os.NewFile(uintptr(s.fd), s.flag)
	if f == nil {
		return nil, usage(fmt.Errorf("file descriptor %d is not open", s.fd), "")
	}
	defer f.Close()
	b := make([]byte, srp.MaxPassword+3)
	n, err := io.ReadFull(f, b)
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		clear(b)
		if err == nil {
			return nil, usage(fmt.Errorf("what file descriptor %d holds is too long", s.fd), "give it on one line")
		}
		return nil, usage(fmt.Errorf("file descriptor %d cannot be read: %w", s.fd, err), "")
	}
	line := bytes.TrimSuffix(bytes.TrimSuffix(b[:n], []byte("\n")), []byte("\r"))
	if len(line) == 0 || bytes.ContainsAny(line, "\r\n") {
		clear(b)
		return nil, usage(fmt.Errorf("what file descriptor %d holds is not one line", s.fd), "")
	}
	return line, nil
}

// tty returns the terminal to ask at: standard input, or the one that controls the
// process.
func (p *program) tty() (*os.File, func(), error) {
	if f, ok := p.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f, func() {}, nil
	}
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	return f, func() { f.Close() }, nil
}

// ask reads a line without showing it. When the command is interrupted meanwhile,
// the terminal is put back as it was.
func ask(ctx context.Context, tty *os.File, prompt string) (account.Password, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	type line struct {
		b   []byte
		err error
	}
	read := make(chan line, 1)
	fmt.Fprint(tty, prompt+": ")
	go func() {
		b, err := term.ReadPassword(fd)
		read <- line{b, err}
	}()
	select {
	case l := <-read:
		fmt.Fprintln(tty)
		if l.err != nil {
			return nil, fmt.Errorf("the terminal cannot be read: %w", l.err)
		}
		return l.b, nil
	case <-ctx.Done():
		err := term.Restore(fd, before)
		fmt.Fprintln(tty)
		return nil, errors.Join(ctx.Err(), err)
	}
}

// code asks for a one-time code.
func (s *secretFlag) code(p *program) account.Factor {
	return func(ctx context.Context, _ []string) (string, error) {
		code, err := s.read(ctx, p, "One-time code")
		if err != nil {
			return "", err
		}
		return strings.ReplaceAll(strings.TrimSpace(string(code)), " ", ""), nil
	}
}
