package login_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/kith-kt/kith/srp/login"
)

// guess is one bad guess at a name, as cheap as can be.
func (w *world) guess(q login.Requester, name string) error {
	c, err := w.BeginDevice(w.t.Context(), q, name)
	if err != nil {
		return err
	}
	_, err = w.FinishDevice(w.t.Context(), q, c.Handshake, make([]byte, ed25519.PublicKeySize), make([]byte, ed25519.SignatureSize))
	return err
}

// TestAttackLockout: while an attacker guesses from everywhere, as often as he is
// let, the owner logs in at once from a network of her own, and from a device she
// has used before even in the attacker's own network.
func TestAttackLockout(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Devices = noDevices{} })
	first := w.register("alice", "right")
	attack := func() (let int) {
		for i := range 2000 {
			q := from(fmt.Sprintf("10.%d.%d.7/32", i/250, i%250))
			if i%2 == 1 {
				q = from(fmt.Sprintf("2001:db8:%x:%x::/64", i/100, i%100))
			}
			for {
				err := w.guess(q, "alice")
				if errors.Is(err, login.ErrThrottled) {
					break
				}
				denied(t, "a guess", nil, err)
				let++
			}
		}
		return let
	}
	known := from("10.0.0.7/32") // one of the attacker's
	known.Device = first.Device
	for round := range 3 {
		if let := attack(); let > 4000 {
			t.Errorf("round %d: %d guesses", round, let)
		}
		g, err := w.login(known, "alice", "right")
		must(t, err)
		known.Device = g.Device
		_, err = w.login(from(fmt.Sprintf("203.0.113.%d/32", round)), "alice", "right")
		must(t, err)
		if _, err := w.login(from("10.0.0.7/32"), "alice", "right"); !errors.Is(err, login.ErrThrottled) {
			t.Errorf("the attacker's network is not slowed: %v", err)
		}
		w.clock.move(time.Minute)
	}
}

// TestAttackGuessingGrowsSlow: what one network may guess at one name in a day, and
// what one region of many networks may.
func TestAttackGuessingGrowsSlow(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Devices = noDevices{} })
	w.register("alice", "right")
	day := func(q func(i int) login.Requester) (let int) {
		for i := range 24 * 60 * 60 / 10 {
			if err := w.guess(q(i), "alice"); !errors.Is(err, login.ErrThrottled) {
				denied(t, "a guess", nil, err)
				let++
			}
			w.clock.move(10 * time.Second)
		}
		return let
	}
	if let := day(func(int) login.Requester { return home }); let > 5+11+96 {
		t.Errorf("%d guesses of one network in a day", let)
	}
	if let := day(func(i int) login.Requester {
		return from(fmt.Sprintf("2001:db8:1:%x::/64", i%(1<<16)))
	}); let > 20+11+96 {
		t.Errorf("%d guesses of one site in a day", let)
	}
}

// TestAttackStolenDevice: who has the secret of a known device, and not the
// password, guesses no faster; and the owner's next login there ends the secret.
func TestAttackStolenDevice(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Devices = noDevices{} })
	g := w.register("alice", "right")
	let := 0
	for i := range 500 {
		q := from(fmt.Sprintf("10.0.%d.%d/32", i/250, i%250)) // the network does not matter
		q.Device = g.Device
		if err := w.guess(q, "alice"); !errors.Is(err, login.ErrThrottled) {
			denied(t, "a guess", nil, err)
			let++
		}
	}
	if let > 6 {
		t.Errorf("%d guesses", let)
	}
	w.clock.move(time.Hour)
	q := home
	q.Device = g.Device
	next, err := w.login(q, "alice", "right")
	must(t, err)
	if next.Device == "" || next.Device == g.Device {
		t.Errorf("the secret is not a new one: %q", next.Device)
	}
	// The old secret is one of a stranger, who is slowed by others' guesses.
	for i := range 30 {
		_ = w.guess(from(fmt.Sprintf("10.1.0.%d/32", i)), "alice")
	}
	q = from("10.2.0.1/32")
	q.Device = g.Device
	denied(t, "a guess", nil, w.guess(q, "alice"))
	if err := w.guess(q, "alice"); !errors.Is(err, login.ErrThrottled) {
		t.Errorf("the old secret is known yet: %v", err)
	}
}

// TestDevicesAreBounded: the device not seen for longest is forgotten first.
func TestDevicesAreBounded(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Devices = noDevices{} })
	known := func(secret string) bool { // has a count of its own
		q := from("10.9.9.9/32")
		for range 10 {
			_ = w.guess(q, "alice")
		}
		q.Device = secret
		return !errors.Is(w.guess(q, "alice"), login.ErrThrottled)
	}
	first := w.register("alice", "right")
	var last *login.Grant
	for range 16 {
		w.clock.move(time.Second)
		var err error
		last, err = w.login(home, "alice", "right")
		must(t, err)
	}
	if known(first.Device) || !known(last.Device) {
		t.Errorf("the first of 17 is known: %v, the last: %v", known(first.Device), known(last.Device))
	}
	w.clock.move(367 * 24 * time.Hour)
	if known(last.Device) {
		t.Error("a device is known that was not seen for a year")
	}
}

// TestAttackOwnAccount: nobody buys guesses at others by logging in to an account
// of their own.
func TestAttackOwnAccount(t *testing.T) {
	devices := &devices{}
	w := newWorld(t, func(c *login.Config) { c.Devices = devices })
	w.register("mallory", "hers")
	key, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	devices.set("mallory", key)
	var begun []*login.Challenge // logins of her own, kept for when she has to wait
	let := 0
	for i := range 2000 {
		if c, err := w.BeginDevice(t.Context(), home, "mallory"); err == nil && len(begun) < 4 {
			begun = append(begun, c)
		}
		if err := w.guess(home, fmt.Sprintf("name%d", i)); !errors.Is(err, login.ErrThrottled) {
			let++
		} else if len(begun) > 0 {
			_, _ = w.FinishDevice(t.Context(), home, begun[0].Handshake, key, ed25519.Sign(private, begun[0].Message))
			begun = begun[1:]
		}
	}
	if let > 110 {
		t.Errorf("%d guesses of one network without a wait", let)
	}
}

// TestClockGoesBack: a wait is never longer than it can be.
func TestClockGoesBack(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Devices = noDevices{} })
	w.register("alice", "right")
	for range 40 {
		_ = w.guess(home, "alice")
		w.clock.move(20 * time.Minute)
	}
	w.clock.move(-365 * 24 * time.Hour)
	err := w.guess(home, "alice")
	if e, ok := errors.AsType[*login.ThrottledError](err); ok && e.After > 15*time.Minute {
		t.Errorf("wait %s", e.After)
	}
	w.clock.move(15 * time.Minute)
	_, err = w.login(home, "alice", "right")
	must(t, err)
}

// TestAttackPushOut: who opens handshakes from all of a big network pushes out
// nobody's but their own.
func TestAttackPushOut(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Pending = 2048; c.Devices = noDevices{} })
	w.register("alice", "right")
	h, m1, _, err := w.prove(home, "alice", "right", login.For{})
	must(t, err)
	for i := range 8000 {
		a := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, byte(i % 8), byte(i >> 8), byte(i)}) // eight sites
		_, err := w.BeginPasskey(t.Context(), login.Requester{Network: netip.PrefixFrom(a, 64).Masked()}, nil)
		if err != nil && !errors.Is(err, login.ErrThrottled) {
			t.Fatal(err)
		}
	}
	_, err = w.FinishSRP(t.Context(), home, h, m1)
	must(t, err)
}
