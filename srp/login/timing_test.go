package login_test

import (
	"crypto/rand"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/opaque"
)

// timingBound is how far the medians of known and unknown names may lie apart.
const timingBound = 0.05

// lower is the lower quartile's median: what the work takes without what the
// machine does beside it.
func lower(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/8])
}

// compare measures two kinds of names by turns, each first as often as the other, until
// their times differ by less than the bound, or it has tried often enough: a real
// difference does not go away. All that was measured counts, so that what a busy
// machine does to the times evens out.
func compare(t *testing.T, what string, n int, one func(known bool, i int)) {
	t.Helper()
	worst := 0.0
	times := map[bool][]time.Duration{}
	for range 12 {
		for i := range n {
			for _, known := range []bool{i%2 == 0, i%2 == 1} {
				start := time.Now()
				one(known, i)
				times[known] = append(times[known], time.Since(start))
			}
		}
		worst = lower(times[true])/lower(times[false]) - 1
		if math.Abs(worst) < timingBound {
			t.Logf("%s: %+.2f %%", what, 100*worst)
			return
		}
	}
	t.Errorf("%s: names with an account take %+.1f %%: %.0f ns, and others %.0f ns, of %d times each", what, 100*worst, lower(times[true]), lower(times[false]), len(times[true]))
}

// TestAttackTiming: whether a name has an account cannot be told from how long a
// login takes, by SRP or by OPAQUE, from the first step or from both, however much
// the account has stored: the eighths of times differ by less than 5 %.
func TestAttackTiming(t *testing.T) {
	n := 60
	if testing.Short() {
		n = 16
	}
	if os.Getenv("KITH_SOAK") == "1" {
		n = 400
	}
	w := newWorld(t, func(c *login.Config) { c.Devices = noDevices{} })
	ctx := t.Context()
	code := credential("x", "code")
	o := opaque.Options{}
	for i := range 8 {
		name := fmt.Sprintf("known%d", i)
		g, err := w.Register(ctx, home, &login.Registration{Name: name, Password: credential(name, "right"), Backup: make([]byte, login.MaxBackup), Spare: make([]byte, login.MaxBackup), Recovery: &code})
		must(t, err)
		must(t, w.EditPasskeys(ctx, g.Session, "passkey added", func(p *login.Passkeys) error { p.Blob = make([]byte, login.MaxPasskeys); return nil }))
		for range 3 { // devices
			_, err := w.login(home, name, "right")
			must(t, err)
		}
		r, request, err := opaque.Register([]byte("right"), o, rand.Reader)
		must(t, err)
		response, err := w.RegisterOPAQUE(ctx, home, "olga"+name, request)
		must(t, err)
		record, _, err := r.Finalize(response, rand.Reader)
		must(t, err)
		_, err = w.Register(ctx, home, &login.Registration{Name: "olga" + name, Password: login.Credential{Protocol: "opaque", Record: record}, Backup: make([]byte, login.MaxBackup)})
		must(t, err)
		w.clock.move(48 * time.Hour)
	}
	name := func(known bool, i int) string {
		if known {
			return fmt.Sprintf("known%d", i%8)
		}
		return fmt.Sprintf("nobod%d", i%8)
	}
	client, err := srp.Kith3072().NewClient(nil, rand.Reader)
	must(t, err)
	device := login.Requester{Network: home.Network, Device: "a secret of nobody's"}
	compare(t, "SRP, both steps", n, func(known bool, i int) {
		c, err := w.BeginSRP(ctx, device, name(known, i), "", client.A(), login.For{})
		must(t, err)
		_, err = w.FinishSRP(ctx, device, c.Handshake, make([]byte, 32))
		denied(t, "a guess", nil, err)
		w.clock.move(48 * time.Hour)
	})
	_, ke1, err := opaque.NewLogin([]byte("x"), o, rand.Reader)
	must(t, err)
	compare(t, "OPAQUE, both steps", 8*n, func(known bool, i int) {
		who := "olga" + name(known, i)
		c, err := w.BeginOPAQUE(ctx, device, who, ke1)
		must(t, err)
		_, err = w.FinishOPAQUE(ctx, device, c.Handshake, make([]byte, opaque.KE3Size))
		denied(t, "a guess", nil, err)
		w.clock.move(48 * time.Hour)
	})
}
