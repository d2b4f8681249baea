package main

import (
	"net"
	"net/http"
	"time"

	"github.com/kith-kt/kith/directory/evil"
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

	open *evil.Running
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
func (p *demoProvider) run(dir string) (err error) {
	p.open, err = evil.Run(dir, operator.OpenOptions{Interval: 5 * time.Millisecond, CheckpointInterval: operator.DefaultCheckpointInterval})
	if err == nil {
		p.front.Set(p.open.Handler())
	}
	return err
}

// stop closes the folder that is being run. The address stays.
func (p *demoProvider) stop() error {
	if p.open == nil {
		return nil
	}
	p.front.Set(nil)
	err := p.open.Stop()
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
