package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/auditor/mirror"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/provider"
)

// auditMemory is what an auditor may hold besides 40 bytes for every leaf since the
// last distinguished entry.
const auditMemory = 64 << 20

// audit has another process audit the log from its folder.
func (b *bench) audit() error {
	b.say("auditing from the folder, %d times", b.scale.audits)
	var rates []float64
	peak := uint64(0)
	for range b.scale.audits {
		cmd, err := b.self(b.ctx, "audit", "--from", b.folder(), "--json")
		if err != nil {
			return err
		}
		var out, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &stderr, b.dir
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("the audit: %w: %s", err, oneLine(stderr.String()))
		}
		var v auditView
		if err := json.Unmarshal(out.Bytes(), &v); err != nil {
			return err
		}
		if v.Leaves != uint64(b.report.Labels) {
			return fmt.Errorf("%d leaves were audited, of %d", v.Leaves, b.report.Labels)
		}
		rates = append(rates, float64(v.Leaves)/v.Seconds)
		peak = max(peak, v.Memory)
	}
	slices.Sort(rates)
	b.report.AtLeast("audit: leaves a second, from a local folder", rates[len(rates)/2], 150_000, "/s")
	b.report.Note("audit: AuditorUpdate per leaf", float64(b.log.UpdateBytes())/float64(b.report.Labels), "B")
	recent := b.recent()
	b.report.Note("audit: leaves since the last distinguished entry", float64(recent), "")
	if peak > 0 {
		b.report.AtMost("audit: peak memory of the process", float64(peak)/(1<<20), (auditMemory+40*float64(recent))/(1<<20), "MiB")
	}
	return nil
}

// recent returns how many leaves were added after the last distinguished entry,
// which is the last one at 2^k - 1.
func (b *bench) recent() int {
	last := 0
	for k := 1; k <= b.scale.entries; k *= 2 {
		last = k // entries up to this one: it stands at k-1
	}
	return (b.scale.entries - last) * b.scale.changes
}

// A countingListener counts what goes through its connections, both ways.
type countingListener struct {
	net.Listener
	n atomic.Int64
}

type countingConn struct {
	net.Conn
	n *atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &countingConn{c, &l.n}, err
}

func (c *countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.n.Add(int64(n))
	return n, err
}

func (c *countingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// network audits the log from a file host on this machine, and counts bytes.
func (b *bench) network() error {
	b.say("auditing over HTTP")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	counting := &countingListener{Listener: ln}
	server := &http.Server{Handler: http.FileServer(http.Dir(b.folder()))}
	defer server.Close()
	go func() { _ = server.Serve(counting) }()
	m, err := mirror.Open("http://"+ln.Addr().String(), feed.Options{})
	if err != nil {
		return err
	}
	defer m.Close()
	began := time.Now()
	var result pass.Result
	runtime.GC()
	if result, err = b.pass(m); err != nil {
		return err
	}
	if result.Entries != uint64(b.scale.entries) {
		return errors.New("not all entries were audited")
	}
	took := time.Since(began)
	b.report.Note("audit: leaves a second, over HTTP on this machine", float64(result.Leaves)/took.Seconds(), "/s")
	b.report.AtMost("audit: bytes over the network ÷ the draft's encoding of the updates", float64(counting.n.Load())/float64(b.log.UpdateBytes()), 1.02, "")
	return nil
}

// pass audits the log in this process.
func (b *bench) pass(m *mirror.Mirror) (pass.Result, error) {
	pinned, err := provider.Reopen(b.log.Document)
	if err != nil {
		return pass.Result{}, err
	}
	log, err := pass.NewLog(pinned.Document)
	if err != nil {
		return pass.Result{}, err
	}
	walk := pass.Pass{Log: log, Source: m}
	return walk.Run(b.ctx, log.Begin())
}
