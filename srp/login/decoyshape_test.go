package login_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/login"
)

// TestAttackDecoysDoNotMove: who makes accounts of a shape that nobody else has learns
// nothing: decoys do not take it.
func TestAttackDecoysDoNotMove(t *testing.T) {
	w := newWorld(t, nil)
	var names []string
	for i := range 20 {
		w.clock.move(24 * time.Hour)
		w.register(fmt.Sprintf("real%d", i), "right")
		names = append(names, fmt.Sprintf("real%d", i), fmt.Sprintf("none%d", i))
	}
	ask := func(name string, purpose login.For) string {
		client, err := srp.Kith3072().NewClient([]byte(name), rand.Reader)
		must(t, err)
		c, err := w.BeginSRP(t.Context(), from("198.51.100.1/32"), name, "", client.A(), purpose)
		must(t, err)
		return c.KDF + " " + string(c.Salt)
	}
	before := map[string]string{}
	for _, n := range names {
		before[n] = ask(n, login.For{}) + ask(n, login.For{Recovery: true})
	}
	for i := range 20 {
		w.clock.move(24 * time.Hour)
		c := credential("x", "y")
		c.KDF = "$argon2id$v=19$m=65537,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg"
		if i%2 == 1 {
			c.KDF, c.Salt = kdf, make([]byte, 40)
		}
		_, err := w.Register(t.Context(), from("198.51.100.2/32"), &login.Registration{Name: fmt.Sprintf("rare%d", i), Password: c, Recovery: &c})
		must(t, err)
	}
	for _, n := range names {
		if ask(n, login.For{})+ask(n, login.For{Recovery: true}) != before[n] {
			t.Errorf("what is asked of %s is another", n)
		}
	}
}
