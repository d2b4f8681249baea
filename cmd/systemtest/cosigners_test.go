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
	c := &cosigner{t: t, address: "127.0.0.1:0"}
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
	ln, err := net.Listen("tcp", c.address)
	must(c.t, err)
	server := &http.Server{Handler: c}
	c.mu.Lock()
	c.address, c.server = ln.Addr().String(), server
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

// standing returns what kithd status says of the witnesses.
func (w *watched) standing() (cosigned uint64, failures map[string]uint64) {
	w.t.Helper()
	var status struct {
		Cosigned  uint64 `json:"cosigned_checkpoint"`
		Cosigners []struct {
			Name     string `json:"name"`
			Failures uint64 `json:"failures"`
		} `json:"cosigners"`
	}
	must(w.t, json.Unmarshal([]byte(fine(w.t, "kithd", "status", "--data", w.dir, "--json")), &status))
	failures = map[string]uint64{}
	for _, c := range status.Cosigners {
		failures[c.Name] = c.Failures
	}
	return status.Cosigned, failures
}

// TestTwoOfThreeWitnesses: a look-up is answered with all witnesses up and with one
// down, and refused, with the reason, once two have been down for longer than the
// lag. Three processes and three witnesses, each with a memory of its own.
func TestTwoOfThreeWitnesses(t *testing.T) {
	t.Parallel()
	a, b, c := newCosigner(t, "a.example"), newCosigner(t, "b.example"), newCosigner(t, "c.example")
	w := newWatched(t, a, b, c)
	const label = "alice@" + siteDomain
	must1 := func(what string, want bool) {
		t.Helper()
		eventually(t, what, func() bool { shown, _ := w.lookup(label); return shown == want })
	}
	must1("a look-up is answered with all up", true)
	a.down()
	eventually(t, "kithd knows that one is down", func() bool {
		w.publish(label)
		_, failures := w.standing()
		return failures["a.example"] > 0
	})
	for range 3 {
		if shown, stderr := w.lookup(label); !shown {
			t.Errorf("with one of three down:\n%s", stderr)
		}
	}

	b.down()
	began := time.Now()
	var refused string
	eventually(t, "a look-up is refused with two down", func() bool {
		shown, stderr := w.lookup(label)
		refused = stderr
		return !shown
	})
	if took := time.Since(began); took < witnessLag/2 {
		t.Errorf("it was refused after %v, and the lag is %v\n%s", took, witnessLag, refused)
	}
	if !strings.Contains(refused, "policy") || !strings.Contains(refused, "saw") && !strings.Contains(refused, "a.example") {
		t.Errorf("no reason is given:\n%s", refused)
	}
	t.Logf("refused: %s", refused)

	// A restart serves what was cosigned before, and the log went on all the while.
	cosigned, _ := w.standing()
	w.stop()
	w.daemon = start(t, w.dir, w.address, "--checkpoint-interval", "100ms")
	if again, _ := w.standing(); again < cosigned || cosigned == 0 {
		t.Errorf("cosigned up to %d before the restart, %d after", cosigned, again)
	}
	a.up()
	must1("a look-up is answered with one back", true)
	b.up()
	eventually(t, "all cosign", func() bool {
		_, failures := w.standing()
		return failures["a.example"]+failures["b.example"]+failures["c.example"] == 0
	})
}

// eventually waits for what must happen.
func eventually(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not happen that %s", what)
		}
	}
}
