package mls

import (
	"crypto/rand"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

func lonely(t *testing.T) *Client {
	t.Helper()
	const id = suite.X25519_AES128GCM_SHA256_Ed25519
	s, err := suite.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	_, signer, err := s.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewClient(Config{
		Suite: id, Credential: tree.BasicCredential([]byte("alice")), Signer: signer,
		Authenticator: group.AuthenticatorFunc(func([]byte, []group.Candidate) error { return nil }),
		Store:         new(Memory), Rand: rand.Reader, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestStrangersLeaveNoHandles: an identifier that somebody made up stays in memory by no
// way, and a group's handle does.
func TestStrangersLeaveNoHandles(t *testing.T) {
	c := lonely(t)
	handles := func(want int, after string) {
		t.Helper()
		if len(c.open) != want {
			t.Errorf("%d handles after %s, want %d", len(c.open), after, want)
		}
	}
	for i := range byte(3) {
		info := &message.GroupInfo{GroupContext: schedule.GroupContext{
			CipherSuite: c.cfg.Suite, GroupID: []byte{i}}}
		if _, _, err := c.JoinExternal(message.Wrap(info).Bytes(), ExternalOptions{}); err == nil {
			t.Fatal("joined")
		}
		if _, err := c.Open([]byte{i}); !errors.Is(err, ErrNoGroup) {
			t.Fatal(err)
		}
		if err := c.Forget([]byte{i}); !errors.Is(err, ErrNoGroup) {
			t.Fatal(err)
		}
	}
	handles(0, "strangers")
	g, err := c.Create(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	handles(1, "Create")
	if again, err := c.Open(g.ID()); err != nil || again != g {
		t.Errorf("Open: %p, %v, want %p", again, err, g)
	}
	handles(1, "Open")
}

// TestDroppedHandleIsNotUsed: who waits for a handle that is dropped takes the next one,
// as everybody else.
func TestDroppedHandleIsNotUsed(t *testing.T) {
	c := lonely(t)
	id := []byte("nobody's")
	for range 1000 {
		_, release := c.hold(id)
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				g, release := c.hold(id)
				defer release()
				c.mu.Lock()
				defer c.mu.Unlock()
				if c.open[string(id)] != g {
					t.Error("it holds a handle that was dropped")
				}
			})
		}
		for range 10 {
			runtime.Gosched() // so that some wait for the lock
		}
		release()
		all.Wait()
	}
	if len(c.open) != 0 {
		t.Errorf("%d handles", len(c.open))
	}
}
