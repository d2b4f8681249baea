package systemtest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// A cosigner is a witness (C2SP tlog-witness) with a memory of its own, which
// demands the proof that the log only grew. It is up or down.
type cosigner struct {
	t testing.TB
	*checkpoint.Cosigner
	log     *checkpoint.Verifier
	address string // host:port

	mu     sync.Mutex
	known  checkpoint.Checkpoint
	server *http.Server // nil: it is down
}

func newCosigner(t testing.TB, name string) *cosigner {
	t.Helper()
	skey, _, err := checkpoint.GenerateCosigner(rand.Reader, name)
	must(t, err)
	c := &cosigner{t: t, address: freeAddress(t)}
	c.Cosigner, err = checkpoint.NewCosigner(skey)
	must(t, err)
	c.up()
	t.Cleanup(c.down)
	return c
}

// flag is what set-witnesses is told.
func (c *cosigner) flag() string { return "--witness=" + c.VerifierKey() + "=http://" + c.address }

func (c *cosigner) up() {
	c.t.Helper()
	var ln net.Listener
	eventually(c.t, "a witness listens where it did", func() (ok bool) {
		var err error
		ln, err = net.Listen("tcp", c.address)
		return err == nil
	}, func() any { return c.address })
	server := &http.Server{Handler: c}
	c.mu.Lock()
	c.server = server
	c.mu.Unlock()
	go server.Serve(ln)
}

func (c *cosigner) down() {
	c.mu.Lock()
	server := c.server
	c.server = nil
	c.mu.Unlock()
	if server != nil {
		server.Close()
	}
}

func (c *cosigner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(checkpoint.MaxAddCheckpoint)))
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/add-checkpoint" {
		http.NotFound(w, r)
		return
	}
	request, err := checkpoint.ParseAddCheckpoint(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	signed, err := c.log.Open(request.Checkpoint)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if request.Old != c.known.Size {
		w.Header().Set("Content-Type", checkpoint.SizeMediaType)
		w.WriteHeader(http.StatusConflict)
		w.Write(checkpoint.AppendSize(nil, c.known.Size))
		return
	}
	if c.known.Size > 0 {
		if err := checkpoint.CheckConsistency(c.known, signed.Checkpoint, request.Proof); err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
	}
	line, err := c.Cosign(signed.Text(), uint64(time.Now().Unix()))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	c.known = signed.Checkpoint
	w.Write(line)
}

// witnessLag is how far a head may run ahead of the witnesses in these tests.
const witnessLag = 4 * time.Second

// A watched is a provider whose document names witnesses, and a person.
type watched struct {
	t         testing.TB
	dir, home string
	*daemon
	n int
}

// newWatched serves a log whose checkpoints three witnesses cosign, of whom
// clients demand two.
func newWatched(t testing.TB, witnesses ...*cosigner) *watched {
	t.Helper()
	w := &watched{t: t, dir: filepath.Join(t.TempDir(), "data"), home: filepath.Join(t.TempDir(), "home")}
	initData(t, w.dir, "--opaque-values")
	var document struct {
		AuditLog struct {
			Key string `json:"key"`
		} `json:"audit_log"`
	}
	must(t, json.Unmarshal([]byte(fine(t, "kithd", "document", "--data", w.dir)), &document))
	args := []string{"set-witnesses", "--data", w.dir, "--root-key", filepath.Join(w.dir, "root", "root.key"),
		"--threshold", "2", "--max-lag", witnessLag.String()}
	for _, c := range witnesses {
		verifier, err := checkpoint.NewVerifier(document.AuditLog.Key)
		must(t, err)
		c.log = verifier
		args = append(args, c.flag())
	}
	if said := fine(t, "kithd", args...); !strings.Contains(said, "clients demand the cosignatures of 2 of 3") {
		t.Errorf("set-witnesses says\n%s", said)
	}
	w.daemon = start(t, w.dir, "", "--checkpoint-interval", "100ms")
	if stdout, stderr, code := w.kith("use", "http://"+w.address); code != 0 {
		t.Fatalf("%s%s", stdout, stderr)
	}
	return w
}

func (w *watched) kith(args ...string) (stdout, stderr string, code int) {
	w.t.Helper()
	return runIn(w.t, []string{"KITH_HOME=" + w.home}, "kith", append([]string{"--opaque"}, args...)...)
}

// publish makes a version of a label, whose value it returns.
func (w *watched) publish(label string) string {
	w.t.Helper()
	w.n++
	value := fmt.Sprintf("value %d", w.n)
	path := filepath.Join(w.t.TempDir(), "value")
	must(w.t, os.WriteFile(path, []byte(value), 0o600))
	fine(w.t, "kithd", "publish", "--data", w.dir, label, "--value", path)
	return value
}

// lookup tells what a look-up ends with, a new version of the label before it.
func (w *watched) lookup(label string) (shown bool, stderr string) {
	w.t.Helper()
	value := w.publish(label)
	stdout, stderr, code := w.kith("lookup", label)
	switch {
	case code == 0 && strings.Contains(stdout, value):
		return true, stderr
	case code == 1 && stdout == "":
		return false, stderr
	}
	w.t.Fatalf("lookup exits with %d\n%s%s", code, stdout, stderr)
	return
}

// A standing is what kithd status says of the witnesses.
type standing struct {
	Size      uint64 `json:"size"`
	Cosigned  uint64 `json:"cosigned_checkpoint"`
	Cosigners []struct {
		Name     string `json:"name"`
		Failures uint64 `json:"failures"`
	} `json:"cosigners"`
}

func (s *standing) failures(names ...string) (n uint64) {
	for _, c := range s.Cosigners {
		if slices.Contains(names, c.Name) {
			n += c.Failures
		}
	}
	return n
}

func (w *watched) standing() (s standing) {
	w.t.Helper()
	must(w.t, json.Unmarshal([]byte(fine(w.t, "kithd", "status", "--data", w.dir, "--json")), &s))
	return s
}

// settles publishes, waits until enough witnesses have seen the whole log, and returns
// a time before its newest entry was made. Within the lag from then on nobody may be
// refused for want of cosignatures, however slow the machine is.
func (w *watched) settles(label string) (before time.Time) {
	w.t.Helper()
	before = time.Now()
	w.publish(label)
	var s standing
	eventually(w.t, "enough witnesses have seen the whole log", func() bool { s = w.standing(); return s.Cosigned >= s.Size },
		func() any { return s }, func() any { return &w.stderr })
	return before
}

// TestTwoOfThreeWitnesses: a look-up is answered with all witnesses up and with one
// down, and refused, with the reason, once two have been down for longer than the
// lag. Three processes and three witnesses, each with a memory of its own.
func TestTwoOfThreeWitnesses(t *testing.T) {
	t.Parallel()
	a, b, c := newCosigner(t, "a.example"), newCosigner(t, "b.example"), newCosigner(t, "c.example")
	w := newWatched(t, a, b, c)
	const label = "alice@" + siteDomain
	var shown bool
	var said string
	var now standing
	seen := []func() any{func() any { return said }, func() any { return now }, func() any { return &w.stderr }}
	answered := func(what string) {
		t.Helper()
		eventually(t, what, func() bool { shown, said = w.lookup(label); return shown }, seen...)
	}
	answered("a look-up is answered with all up")
	a.down()
	eventually(t, "kithd knows that one is down", func() bool {
		w.publish(label)
		now = w.standing()
		return now.failures("a.example") > 0
	}, seen...)
	for range 3 {
		eventually(t, "a look-up is answered with one of three down, before the lag is over", func() bool {
			before := w.settles(label)
			if shown, said = w.lookup(label); !shown && time.Since(before) < witnessLag {
				t.Fatalf("with one of three down:\n%s", said)
			}
			return shown
		}, seen...)
	}

	before := w.settles(label)
	b.down()
	eventually(t, "a look-up is refused with two down", func() bool { shown, said = w.lookup(label); return !shown }, seen...)
	refused := said
	if took := time.Since(before); took < witnessLag {
		t.Errorf("it was refused after %v, and the lag is %v\n%s", took, witnessLag, refused)
	}
	if !strings.Contains(refused, "policy") || !strings.Contains(refused, "saw") && !strings.Contains(refused, "a.example") {
		t.Errorf("no reason is given:\n%s", refused)
	}
	t.Logf("refused: %s", refused)

	// A restart serves what was cosigned before, and the log went on all the while.
	cosigned := w.standing().Cosigned
	w.stop()
	w.daemon = start(t, w.dir, w.address, "--checkpoint-interval", "100ms")
	if again := w.standing().Cosigned; again < cosigned || cosigned == 0 {
		t.Errorf("cosigned up to %d before the restart, %d after", cosigned, again)
	}
	a.up()
	answered("a look-up is answered with one back")
	b.up()
	eventually(t, "all cosign", func() bool {
		now = w.standing()
		return now.failures("a.example", "b.example", "c.example") == 0
	}, seen...)
}
