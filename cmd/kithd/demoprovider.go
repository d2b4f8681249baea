package main

import (
	"errors"
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

	open     *evil.Running
	accounts accounts
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
		Accounts:                   &operator.Accounts{Registration: operator.RegistrationOpen},
	})
	if err == nil {
		err = makeAccounts(dir)
	}
	if err != nil {
		listener.Close()
		return nil, err
	}
	p.server = &http.Server{Handler: &p.front, ReadHeaderTimeout: 5 * time.Second}
	go p.server.Serve(listener)
	return p, nil
}

// run opens a folder with its accounts, and serves it.
func (p *demoProvider) run(dir string) (err error) {
	p.open, err = evil.Run(dir, operator.OpenOptions{
		Interval: 5 * time.Millisecond, CheckpointInterval: operator.DefaultCheckpointInterval,
		Authorizer: p.accounts.authorizer, Bearer: p.accounts.bearer,
	})
	if err != nil {
		return err
	}
	if err := p.accounts.open(dir, p.open.Operator, accountOptions{}); err != nil {
		return err
	}
	handler, err := p.accounts.handler(p.open.Handler(), false, false, nil)
	if err == nil {
		p.front.Set(handler)
	}
	return err
}

// stop closes the folder that is being run. The address stays.
func (p *demoProvider) stop() error {
	if p.open == nil {
		return nil
	}
	p.front.Set(nil)
	err := errors.Join(p.accounts.close(), p.open.Stop())
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
