package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login/httpapi"
)

// addressHeader says where a request of the load generator comes from: only here
// does anybody believe it.
const addressHeader = "X-Bench-Address"

// A benchDoor is the service over HTTP on loopback, and those who knock.
type benchDoor struct {
	url    string
	client *http.Client
	known  chan *benchPerson // not logging in just now, from a device that was seen before
	fresh  chan *benchPerson // from one that never was
	stop   func() error
}

// A benchPerson logs in again and again.
type benchPerson struct {
	name   string
	from   netip.Prefix
	device string // what the last login gave it; "": a new device at each login
}

// openDoor serves accounts.
func openDoor(ctx context.Context, a *benchAccounts, people int) (d *benchDoor, err error) {
	s, err := a.service(a.store, rand.Reader)
	if err != nil {
		return nil, err
	}
	handler, err := httpapi.New(httpapi.Config{Service: s, Address: func(r *http.Request) netip.Addr {
		address, _ := netip.ParseAddr(r.Header.Get(addressHeader))
		return address
	}})
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	running, halt := context.WithCancel(ctx)
	var all sync.WaitGroup
	var served, ran error
	all.Go(func() { served = server.Serve(listener) })
	all.Go(func() { ran = s.Run(running) })
	d = &benchDoor{
		known: make(chan *benchPerson, people), fresh: make(chan *benchPerson, people),
		url: "http://" + listener.Addr().String() + auth.Root,
		client: &http.Client{
			Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024}, Timeout: time.Minute,
		},
	}
	d.stop = func() error {
		d.client.CloseIdleConnections()
		err := server.Close()
		halt()
		all.Wait()
		if errors.Is(served, http.ErrServerClosed) {
			served = nil
		}
		return errors.Join(err, served, ran)
	}
	for i := range people {
		one, other := 2*i*7919%a.n, (2*i+1)*7919%a.n
		d.fresh <- &benchPerson{name: benchName(other), from: benchNetwork(other)}
		p := &benchPerson{name: benchName(one), from: benchNetwork(one)}
		g, err := d.login(ctx, p, nil)
		if err != nil {
			return nil, errors.Join(err, d.stop())
		}
		p.device = g.Device
		d.known <- p
	}
	return d, nil
}

// A refusedWith is an answer that is none of the protocol.
type refusedWith int

func (r refusedWith) Error() string { return fmt.Sprintf("refused with %d", int(r)) }

// post asks for something.
func (d *benchDoor) post(ctx context.Context, path string, from netip.Prefix, q, answer any) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(addressHeader, from.Addr().String())
	response, err := d.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(io.LimitReader(response.Body, auth.MaxBody))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return refusedWith(response.StatusCode)
	}
	return json.Unmarshal(got, answer)
}

// login logs a person in. took, if there is one, is told how long the two requests
// took: what the client computes between them is not counted.
func (d *benchDoor) login(ctx context.Context, p *benchPerson, took func(time.Duration)) (*auth.Grant, error) {
	client, err := srp.Kith3072().NewClient([]byte(p.name), rand.Reader)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	var c auth.SRPChallenge
	if err := d.post(ctx, "/login/srp", p.from, auth.SRPStart{Name: p.name, A: client.A(), Device: p.device}, &c); err != nil {
		return nil, err
	}
	waited := time.Since(began)
	m1, err := client.Answer(c.Salt, c.B, benchSecret)
	if err != nil {
		return nil, err
	}
	began = time.Now()
	g := new(auth.Grant)
	if err := d.post(ctx, "/login/srp/"+c.Handshake, p.from, auth.SRPFinish{M1: m1, Device: p.device}, g); err != nil {
		return nil, err
	}
	waited += time.Since(began)
	if _, err := client.Confirm(g.M2); err != nil {
		return nil, err
	}
	if took != nil {
		took(waited)
	}
	return g, nil
}

// A junkCount is what became of junk handshakes.
type junkCount struct{ sent, begun, refused atomic.Int64 }

// junk is one handshake of somebody who knows no password: a name that may have an
// account, a public value that is in order, and, if finish, an M1 that is not. Each
// comes from another network, and costs its sender next to nothing.
func (d *benchDoor) junk(ctx context.Context, names int, finish bool, count *junkCount) {
	var fresh [384 + 8]byte
	rand.Read(fresh[:])
	a := fresh[:384]
	a[0] &= 0x7f // below N
	n := int(fresh[384])<<16 | int(fresh[385])<<8 | int(fresh[386])
	name := benchName(n % (2 * names)) // every second one has an account
	from := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, fresh[387], fresh[388], fresh[389]}), 32)
	count.sent.Add(1)
	var c auth.SRPChallenge
	if err := d.post(ctx, "/login/srp", from, auth.SRPStart{Name: name, A: a}, &c); err != nil {
		count.refused.Add(1)
		return
	}
	if !finish {
		count.begun.Add(1)
		return
	}
	var refused refusedWith
	err := d.post(ctx, "/login/srp/"+c.Handshake, from, auth.SRPFinish{M1: a[:32]}, new(auth.Grant))
	if errors.As(err, &refused) && refused == http.StatusForbidden {
		count.begun.Add(1)
	} else {
		count.refused.Add(1)
	}
}

// A phase is good logins at a steady pace, and what was going on meanwhile.
type phase struct {
	known, fresh           []time.Duration // of people with a known device and without
	knownFailed, newFailed int             // good logins of each
	cores                  float64         // processor time by the clock, clients included
	rate                   float64         // junk handshakes a second
	computed               float64         // share of the junk that cost all it can
}

// phase logs people in, n of each kind, while rate junk handshakes a second arrive.
func (d *benchDoor) phase(ctx context.Context, scale *authScale, names, rate int, finish bool) (*phase, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all, flood sync.WaitGroup
	var count junkCount
	warm := make(chan struct{}) // closed after half a second's junk
	flooding, halt := context.WithCancel(ctx)
	defer halt()
	if rate == 0 {
		close(warm)
	} else {
		all.Go(func() {
			tick := time.NewTicker(time.Second / time.Duration(rate))
			defer tick.Stop()
			began, sent := time.Now(), 0
			for {
				select {
				case <-tick.C:
				case <-flooding.Done():
					return
				}
				// A tick that was late makes up for those that were missed.
				for due := int(time.Since(began).Seconds() * float64(rate)); sent < due; sent++ {
					if sent == rate/2 {
						close(warm)
					}
					flood.Go(func() { d.junk(ctx, names, finish, &count) })
				}
			}
		})
	}
	select {
	case <-warm:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p := new(phase)
	var mu sync.Mutex
	began, before, sent, computed := time.Now(), cpuTime(), count.sent.Load(), count.begun.Load()
	var good sync.WaitGroup
	tick := time.NewTicker(scale.every / 2)
	defer tick.Stop()
	for i := range 2 * scale.good {
		people := d.known
		if i%2 == 1 {
			people = d.fresh
		}
		good.Go(func() {
			one := <-people
			defer func() { people <- one }()
			failed := &p.newFailed
			if one.device != "" {
				failed = &p.knownFailed
			}
			g, err := d.login(ctx, one, func(took time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				if one.device != "" {
					p.known = append(p.known, took)
				} else {
					p.fresh = append(p.fresh, took)
				}
			})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				*failed++
			} else if one.device != "" {
				one.device = g.Device
			}
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	good.Wait()
	seconds := time.Since(began).Seconds()
	p.cores = (cpuTime() - before).Seconds() / seconds
	sent, computed = count.sent.Load()-sent, count.begun.Load()-computed
	p.rate, p.computed = float64(sent)/seconds, float64(computed)/float64(max(1, sent))
	halt()
	all.Wait()
	flood.Wait()
	return p, nil
}

// percentile returns the least time that a share of times does not exceed.
func percentile(times []time.Duration, share float64) time.Duration {
	if len(times) == 0 {
		return time.Hour
	}
	times = slices.Clone(times)
	slices.Sort(times)
	return times[min(len(times)-1, int(share*float64(len(times))))]
}

// flood measures what junk handshakes do to good logins.
func (b *authBench) flood(a *benchAccounts) (err error) {
	d, err := openDoor(b.ctx, a, min(40, a.n/4))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	kinds := []struct {
		name   string
		rate   int
		finish bool
	}{{"quiet", 0, false}, {fmt.Sprintf("%d junk handshakes/s", b.scale.junk), b.scale.junk, true}, {fmt.Sprintf("%d junk beginnings/s", b.scale.junk), b.scale.junk, false}}
	all := make([][]*phase, len(kinds))
	for range b.scale.phases {
		for i, kind := range kinds {
			b.say("good logins, %s", kind.name)
			p, err := d.phase(b.ctx, &b.scale, a.n, kind.rate, kind.finish)
			if err != nil {
				return err
			}
			all[i] = append(all[i], p)
		}
	}
	known := func(p *phase) []time.Duration { return p.known }
	fresh := func(p *phase) []time.Duration { return p.fresh }
	// Whatever else a machine does makes a round slower, never faster: the best counts.
	best := func(kind int, of func(*phase) []time.Duration, share float64) time.Duration {
		least := time.Hour
		for _, p := range all[kind] {
			least = min(least, percentile(of(p), share))
		}
		return least
	}
	r := &b.report
	for i, kind := range kinds {
		r.Note("good login, known device, "+kind.name+": p50", millis(best(i, known, 0.5)), "ms")
		r.Note("good login, known device, "+kind.name+": p99", millis(best(i, known, 0.99)), "ms")
		r.Note("good login, new device, "+kind.name+": p99", millis(best(i, fresh, 0.99)), "ms")
		if i == 0 {
			continue
		}
		ratio := func(of func(*phase) []time.Duration) float64 {
			return float64(best(i, of, 0.99)) / float64(best(0, of, 0.99))
		}
		r.AtMost("good login, known device, "+kind.name+": p99", ratio(known), 3, "× quiet")
		r.AtMost("good login, new device, "+kind.name+": p99", ratio(fresh), 3, "× quiet")
		knownFailed, newFailed, rate, computed, cores := 0, 0, 0.0, 0.0, 0.0
		for _, p := range all[i] {
			knownFailed, newFailed = knownFailed+p.knownFailed, newFailed+p.newFailed
			rate, computed, cores = max(rate, p.rate), computed+p.computed, cores+p.cores
		}
		r.AtMost("good logins that failed, known device, "+kind.name, float64(knownFailed), 0, "logins")
		r.AtMost("good logins that failed, new device, "+kind.name, float64(newFailed), 0, "logins")
		r.AtLeast(kind.name+" that were sent", rate, 0.95*float64(b.scale.junk), "/s")
		r.Note(kind.name+": share that was computed", 100*computed/float64(len(all[i])), "%")
		r.Note(kind.name+": processors busy, clients included", cores/float64(len(all[i])), "cores")
	}
	return nil
}
