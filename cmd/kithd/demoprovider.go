package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/directory/httpapi"
	"github.com/kith-kt/kith/directory/operator"
)

const demoDomain = "kith-demo.example"

// A demoProvider serves one data folder at a time on one loopback address. Other
// folders, and liars, can take its place behind that address.
type demoProvider struct {
	address  string
	front    evil.Switch
	server   *http.Server
	listener net.Listener

	open *openFolder
}

// An openFolder is a data folder that is being run.
type openFolder struct {
	*operator.Operator
	cancel context.CancelFunc
	ran    chan error
}

func newDemoProvider(dir string) (*demoProvider, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &demoProvider{address: "http://" + listener.Addr().String(), listener: listener}
	_, err = operator.Init(dir, operator.Options{
		Domain:                     demoDomain,
		Addresses:                  []string{p.address},
		ReasonableMonitoringWindow: time.Second,
	})
	if err != nil {
		listener.Close()
		return nil, err
	}
	p.server = &http.Server{Handler: &p.front, ReadHeaderTimeout: 5 * time.Second}
	go p.server.Serve(listener)
	return p, nil
}

// run opens a folder and serves it.
func (p *demoProvider) run(dir string) error {
	limits := httpapi.Unlimited
	op, err := operator.Open(dir, operator.OpenOptions{
		Interval: 5 * time.Millisecond,
		Limits:   &limits,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.open = &openFolder{op, cancel, make(chan error, 1)}
	go func() { p.open.ran <- op.Run(ctx) }()
	p.front.Set(op.Handler())
	return nil
}

// stop closes the folder that is being run. The address stays.
func (p *demoProvider) stop() error {
	if p.open == nil {
		return nil
	}
	p.front.Set(nil)
	p.open.cancel()
	err := <-p.open.ran
	if e := p.open.Close(); err == nil {
		err = e
	}
	p.open = nil
	return err
}

// exchange serves another folder instead.
func (p *demoProvider) exchange(dir string) error {
	if err := p.stop(); err != nil {
		return err
	}
	return p.run(dir)
}

func (p *demoProvider) close() {
	p.stop()
	p.server.Close()
}

// copyFolder copies a data folder that nobody has open: what a provider can do
// with its own log, and what its high-water mark is there to prevent by accident.
func copyFolder(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		if e := out.Close(); err == nil {
			err = e
		}
		if err != nil {
			return fmt.Errorf("copy %s: %w", rel, err)
		}
		return nil
	})
}
