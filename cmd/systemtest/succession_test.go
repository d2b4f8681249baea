package systemtest

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// auditorKey makes an auditor's folder and returns its key for heads.
func auditorKey(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	var made struct {
		PublicKey string `json:"public_key"`
	}
	must(t, json.Unmarshal([]byte(fine(t, "kith-auditor", append([]string{"init", "--data", dir, "--json"}, flags...)...)), &made))
	return made.PublicKey
}

// follows lets the auditor of a folder run until the test ends.
func follows(t *testing.T, dir string) *auditorProcess {
	t.Helper()
	a := &auditorProcess{t: t, dir: dir}
	a.runs("run", "--data", dir, "--poll", "50ms")
	return a
}

// TestAnotherAuditor: in third-party auditing mode, over five processes, a log goes
// on under another auditor. Nobody is accused; clients are asked; while no auditor
// signs the cause is named, and then answers are given again. Who audits from the
// start, before or after, finds all of it in order.
func TestAnotherAuditor(t *testing.T) {
	t.Parallel()
	w := &watched{t: t, dir: filepath.Join(t.TempDir(), "data"), home: filepath.Join(t.TempDir(), "home")}
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	initData(t, w.dir, "--opaque-values", "--mode", "third-party-auditing", "--auditor-name", "first",
		"--auditor-key", auditorKey(t, first, "--suite", "ed25519"))
	w.daemon = start(t, w.dir, "", quick...)
	url := "http://" + w.address
	auditorKey(t, first, "--provider", url)
	a := follows(t, first)
	var stdout, stderr string
	var code int
	eventually(t, "the first auditor signs", func() bool {
		stdout, stderr, code = run(t, "kithd", "status", "--data", w.dir)
		return code == 0 && strings.Contains(stdout, "running\n")
	}, func() any { return stdout + stderr }, func() any { return &a.said })
	if stdout, stderr, code := w.kith("use", url); code != 0 {
		t.Fatalf("%s%s", stdout, stderr)
	}
	const label = "alice@" + siteDomain
	eventually(t, "a look-up is answered", func() (shown bool) { shown, stderr = w.lookup(label); return shown },
		func() any { return stderr }, func() any { return &a.said })

	key := auditorKey(t, second, "--provider", url)
	root := filepath.Join(w.dir, "root", "root.key")
	said := fine(t, "kithd", "set-auditor", "--data", w.dir, "--root-key", root, "--name", "second", "--key", key)
	if !strings.Contains(said, "clients ask") || !strings.Contains(said, "another auditor signs the heads") {
		t.Errorf("set-auditor does not say what clients are asked:\n%s", said)
	}
	said = fine(t, "kithd", "status", "--data", w.dir)
	if !strings.Contains(said, "not ready: the auditor has not signed a head since it was changed at log entry") {
		t.Errorf("status does not name the cause:\n%s", said)
	}
	_, stderr, code = w.kith("lookup", label)
	if code != 1 || !strings.Contains(stderr, "auditor") {
		t.Errorf("before it is accepted: %d\n%s", code, stderr)
	}
	if _, stderr, code := w.kith("use", "--accept", url); code != 0 && !strings.Contains(stderr, "auditor") {
		t.Errorf("%d\n%s", code, stderr)
	}
	_, stderr, code = w.kith("lookup", label)
	if code != 1 || !strings.Contains(stderr, "auditor of this log has not signed a head yet") {
		t.Errorf("while no auditor signs: %d\n%s", code, stderr)
	}
	b := follows(t, second)
	eventually(t, "the second auditor signs, and a look-up is answered", func() (shown bool) {
		w.kith("use", "--accept", url)
		shown, stderr = w.lookup(label)
		return shown
	}, func() any { return stderr }, func() any { return &b.said })

	// From the start, by somebody new; and by both who were there.
	fine(t, "kith-auditor", "audit", "--provider", url)
	for _, x := range []*auditorProcess{a, b} {
		select {
		case <-x.ended:
			t.Errorf("an auditor ended:\n%s", &x.said)
		default:
			x.cmd.Process.Kill()
			<-x.ended
		}
		fine(t, "kith-auditor", "audit", "--data", x.dir, "--provider", url)
	}
	w.stop()
	fine(t, "kithd", "check", "--data", w.dir)
}
