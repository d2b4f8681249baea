package systemtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	handin "github.com/kith-kt/kith/client/gossip"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/gossip"
)

// An auditorProcess is a kith-auditor that runs, as a process of its own.
type auditorProcess struct {
	t       *testing.T
	dir     string
	address string // host:port
	cmd     *exec.Cmd
	ended   chan struct{}
	said    lockedBuffer
}

// quick lets a provider sign a checkpoint for every entry.
var quick = []string{"--checkpoint-interval", "1ms"}

// audits lets an auditor of a provider run. Its peers need not be there yet.
func audits(t *testing.T, name string, d *daemon, address string, peers ...string) *auditorProcess {
	t.Helper()
	a := &auditorProcess{t: t, dir: filepath.Join(t.TempDir(), name), address: address}
	fine(t, "kith-auditor", "init", "--data", a.dir, "--provider", "http://"+d.address, "--name", name+".example.net")
	args := []string{"run", "--data", a.dir, "--listen", address, "--poll", "50ms", "--gossip-interval", "200ms"}
	for _, p := range peers {
		args = append(args, "--peer", "http://"+p)
	}
	a.runs(args...)
	eventually(t, "an auditor answers", func() bool {
		select {
		case <-a.ended:
			if said := a.said.String(); !strings.Contains(said, addressTaken) {
				t.Fatalf("kith-auditor ended:\n%s", said)
			}
			a.runs(args...) // its peers know the address: it will be free again
		default:
		}
		_, err := a.try("/status.json")
		return err == nil
	}, func() any { return &a.said })
	return a
}

// runs starts the process.
func (a *auditorProcess) runs(args ...string) {
	a.t.Helper()
	cmd, ended := exec.Command(program(a.t, "kith-auditor"), args...), make(chan struct{})
	a.said.reset()
	cmd.Stdout, cmd.Stderr = &a.said, &a.said
	must(a.t, cmd.Start())
	go func() {
		cmd.Wait()
		close(ended)
	}()
	a.t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	a.cmd, a.ended = cmd, ended
}

// try reads what the auditor serves.
func (a *auditorProcess) try(path string) ([]byte, error) {
	resp, err := http.Get("http://" + a.address + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}
	return b, err
}

func (a *auditorProcess) get(path string) []byte {
	a.t.Helper()
	b, err := a.try(path)
	if err != nil {
		a.t.Fatalf("%v\n%s", err, &a.said)
	}
	return b
}

// An auditorStatus is what the tests read of /status.json.
type auditorStatus struct {
	State   string `json:"state"`
	Entries uint64 `json:"entries"`
	Verdict *struct {
		Kind, Text, File string
		Proved           bool
	} `json:"verdict"`
	Gossip struct {
		Waiting, Late int
		Apart         uint64
		Suspicions    []string
	} `json:"gossip"`
	Peers []struct {
		Says   string
		Agrees bool
	} `json:"peers"`
}

func (a *auditorProcess) status() auditorStatus {
	a.t.Helper()
	var all struct {
		Providers []auditorStatus `json:"providers"`
	}
	must(a.t, json.Unmarshal(a.get("/status.json"), &all))
	if len(all.Providers) != 1 {
		a.t.Fatalf("%d providers", len(all.Providers))
	}
	return all.Providers[0]
}

// reaches waits until the auditor has audited size entries, and all is in order.
func (a *auditorProcess) reaches(size uint64) {
	a.t.Helper()
	a.becomes(fmt.Sprintf("it has audited %d entries", size), func(s auditorStatus) bool {
		return s.State == "audited" && s.Entries >= size
	})
}

// becomes waits for a status, and returns it.
func (a *auditorProcess) becomes(what string, is func(auditorStatus) bool) (s auditorStatus) {
	a.t.Helper()
	eventually(a.t, what, func() bool { s = a.status(); return is(s) },
		func() any { return a.dir }, func() any { return s }, func() any { return &a.said })
	return s
}

// agrees waits until the auditor and its only peer agree.
func (a *auditorProcess) agrees() {
	a.t.Helper()
	a.becomes("its peer agrees", func(s auditorStatus) bool { return len(s.Peers) == 1 && s.Peers[0].Agrees })
}

// convicts waits until the auditor has evidence of one of the kinds, which verifies
// against the document that is known, and ends the process as it should.
func (a *auditorProcess) convicts(known string, kinds ...string) {
	a.t.Helper()
	s := a.becomes("the provider is caught", func(s auditorStatus) bool { return s.State == "caught" })
	if s.Verdict == nil || !s.Verdict.Proved || s.Verdict.File == "" {
		a.t.Fatalf("%+v", s)
	}
	file := filepath.Join(a.t.TempDir(), "evidence")
	must(a.t, os.WriteFile(file, a.get("/gossip/v1/evidence/"+s.Verdict.File), 0o600))
	out := fine(a.t, "kith-auditor", "verify-evidence", "--json", "--document", known, file)
	found := false
	for _, k := range kinds {
		found = found || strings.Contains(out, `"`+k+`"`)
	}
	if !found {
		a.t.Errorf("evidence is none of %q:\n%s", kinds, out)
	}
	if list := a.get("/gossip/v1/evidence"); !bytes.Contains(list, []byte(s.Verdict.File)) {
		a.t.Errorf("the list has no %s:\n%s", s.Verdict.File, list)
	}
	if page := a.get("/"); !bytes.Contains(page, []byte("gossip/v1/evidence/"+s.Verdict.File)) {
		a.t.Errorf("the page does not link the evidence:\n%s", page)
	}
	kept, err := filepath.Glob(filepath.Join(a.dir, "evidence", "*.evidence"))
	must(a.t, err)
	if len(kept) == 0 {
		a.t.Error("no evidence is kept in the folder")
	}
}

// stops asks the process to end, and checks how it does.
func (a *auditorProcess) stops(code int) {
	a.t.Helper()
	must(a.t, a.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-a.ended:
	case <-time.After(patience):
		a.t.Fatalf("kith-auditor does not stop\n%s", &a.said)
	}
	if got := a.cmd.ProcessState.ExitCode(); got != code {
		a.t.Errorf("kith-auditor ended with %d, want %d\n%s", got, code, &a.said)
	}
}

// publishes publishes n opaque values at a provider that serves.
func publishes(t *testing.T, d *daemon, word string, n int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "value")
	must(t, os.WriteFile(file, []byte(word), 0o600))
	for i := range n {
		fine(t, "kithd", "publish", "--data", d.dir, fmt.Sprintf("%s%d@%s", word, i, siteDomain), "--value", file)
	}
}

// forked is a provider that serves two logs under one set of keys, which have their
// first entries in common.
func forked(t *testing.T) (one, other *daemon, document string) {
	t.Helper()
	first, second := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "other")
	initData(t, first, "--opaque-values")
	d := start(t, first, "")
	publishes(t, d, "shared", 2)
	d.stop()
	must(t, os.CopyFS(second, os.DirFS(first)))
	private(t, second)
	return start(t, first, "", quick...), start(t, second, "", quick...), filepath.Join(first, "kith.json")
}

// TestTwoAuditorsCatchAFork: each of two auditors is shown a log of its own. They tell
// each other, and both hold evidence that convinces anybody.
func TestTwoAuditorsCatchAFork(t *testing.T) {
	one, other, document := forked(t)
	at, beside := freeAddress(t), freeAddress(t)
	publishes(t, one, "left", 3)
	publishes(t, other, "right", 2)
	a := audits(t, "ann", one, at, beside)
	b := audits(t, "ben", other, beside, at)
	kinds := []string{"two-leaves", "two-checkpoints", "checkpoints-diverge"}
	a.convicts(document, kinds...)
	b.convicts(document, kinds...)
	a.stops(3)
	b.stops(3)
}

// TestTwoAuditorsOfOneLog: nobody is accused while an honest log grows, and one
// auditor is ahead of the other now and then.
func TestTwoAuditorsOfOneLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	initData(t, dir, "--opaque-values")
	d := start(t, dir, "", quick...)
	at, beside := freeAddress(t), freeAddress(t)
	a := audits(t, "ann", d, at, beside)
	b := audits(t, "ben", d, beside, at)
	for i := range 8 {
		publishes(t, d, fmt.Sprint("round", i), 2)
	}
	_, head := d.sees(t)
	a.reaches(head.Size)
	b.reaches(head.Size)
	// Each has to hear the other before one of them is gone.
	a.agrees()
	b.agrees()
	for _, x := range []*auditorProcess{a, b} {
		if s := x.status(); s.State != "audited" || s.Verdict != nil || s.Gossip.Suspicions != nil || s.Gossip.Apart != 0 {
			t.Errorf("%+v\n%s", s, &x.said)
		}
		if list := x.get("/gossip/v1/evidence"); strings.TrimSpace(string(list)) != "[]" {
			t.Errorf("evidence: %s", list)
		}
		x.get("/healthz")
		x.stops(0)
	}
}

// sees is what a client of a provider sees of its log, as it hands it in.
func (d *daemon) sees(t *testing.T) (*gossip.Sighting, evidence.SignedHead) {
	t.Helper()
	log, document := d.log()
	call, verify, err := client.NewState(log).Walk(nil)
	must(t, err)
	response, err := d.remote().Do(t.Context(), call)
	must(t, err)
	_, state, err := verify(response, time.Now())
	must(t, err)
	s := handin.NewSighting(state, document)
	if len(s.Heads) == 0 {
		t.Fatal("no head was seen")
	}
	return s, s.Heads[0]
}

// tells posts a sighting and returns the answer.
func (a *auditorProcess) tells(s *gossip.Sighting) *gossip.Answer {
	a.t.Helper()
	body, err := s.Append(nil)
	must(a.t, err)
	resp, err := http.Post("http://"+a.address+"/gossip/v1/sightings", gossip.MediaType, bytes.NewReader(body))
	must(a.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(a.t, err)
	if resp.StatusCode != http.StatusOK {
		a.t.Fatalf("%s: %s", resp.Status, b)
	}
	answer, err := gossip.ParseAnswer(b)
	must(a.t, err)
	return answer
}

// TestSomebodyShowsAFork: one anonymous client that was shown another log is enough,
// and gets the evidence in the answer.
func TestSomebodyShowsAFork(t *testing.T) {
	one, other, document := forked(t)
	publishes(t, one, "left", 5)
	publishes(t, other, "right", 3)
	a := audits(t, "ann", one, freeAddress(t))
	honest, head := one.sees(t)
	a.reaches(head.Size)
	if answer := a.tells(honest); answer.Verdict != gossip.Agrees || answer.Evidence != nil || answer.Size < head.Size {
		t.Fatalf("%+v", answer)
	}
	sighting, _ := other.sees(t)
	answer := a.tells(sighting)
	if answer.Verdict != gossip.Contradicts {
		t.Fatalf("verdict %v", answer.Verdict)
	}
	e, err := evidence.Parse(answer.Evidence)
	must(t, err)
	verdict, err := e.Verify()
	must(t, err)
	if verdict.Kind != evidence.HeadAndLeaf || !verdict.Proved {
		t.Errorf("%+v", verdict)
	}
	// An honest client is told too. Without --stay and peers the auditor ends.
	select {
	case <-a.ended:
	case <-time.After(patience):
		t.Fatalf("kith-auditor goes on\n%s", &a.said)
	}
	if code := a.cmd.ProcessState.ExitCode(); code != 3 {
		t.Errorf("exit code %d\n%s", code, &a.said)
	}
	kept, err := filepath.Glob(filepath.Join(a.dir, "evidence", "*.evidence"))
	must(t, err)
	if len(kept) != 1 {
		t.Fatalf("kept: %q", kept)
	}
	fine(t, "kith-auditor", "verify-evidence", "--document", document, kept[0])
}
