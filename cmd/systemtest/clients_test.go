package systemtest

import (
	"context"
	"crypto"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/bonafide"
	"github.com/kith-kt/kith/srp/login/embedded"
	"github.com/kith-kt/kith/srp/login/httpapi"
)

// clientRounds is how many accounts each client makes.
func clientRounds() int {
	if testing.Short() {
		return 5
	}
	return 100
}

// accounts serves an account service on loopback that takes what clients of others
// speak. Every round of a client comes from a network of its own, or it would be
// slowed down like anybody who registers a hundred accounts.
func accounts(t *testing.T) (url string) {
	t.Helper()
	store, err := embedded.Open(filepath.Join(t.TempDir(), "accounts.db"))
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	key, err := login.NewKey(make([]byte, login.KeySize))
	must(t, err)
	service, err := login.New(login.Config{
		Store: store, Key: key, Domain: "example.org", Rand: rand.Reader,
		Canonical: func(s string) (string, error) { return strings.ToLower(s), nil },
		Weak: []*srp.Profile{
			srp.LEAP1024(),
			srp.HAP(srp.Group2048(), crypto.SHA256), srp.HAP(srp.Group3072(), crypto.SHA512),
			srp.Short(srp.Group2048(), crypto.SHA256), srp.Short(srp.Group4096(), crypto.SHA256),
		},
		OPAQUEContext: []byte{},
	})
	must(t, err)
	network := func(r *http.Request) netip.Addr {
		a, err := netip.ParseAddr(r.Header.Get("Test-Network"))
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		return a
	}
	leap, err := bonafide.New(bonafide.Config{Service: service, Address: network})
	must(t, err)
	ours, err := httpapi.New(httpapi.Config{Service: service, Info: auth.Info{Domain: "example.org", Registration: "open"}, Address: network})
	must(t, err)
	mux := http.NewServeMux()
	mux.Handle("/1/", leap)
	mux.Handle(auth.Root+"/", ours)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// runs runs a client, and logs what it says at the end.
func runs(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), strconv.Itoa(clientRounds())+" rounds") {
		t.Errorf("%s: %v", filepath.Base(args[0]), err)
	}
}

// TestPythonSRP: Debian's python3-srp, unmodified, lives under /1.
func TestPythonSRP(t *testing.T) {
	python := ""
	for _, p := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(p, "-c", "import srp").Run() == nil {
			python = p
			break
		}
	}
	need(t, python != "", "python3-srp")
	t.Parallel()
	runs(t, ".", python, filepath.Join("testdata", "clients", "bonafide.py"), accounts(t), strconv.Itoa(clientRounds()))
}

// TestNodeClients: fast-srp-hap, jsrp and @serenity-kit/opaque, unmodified, as npm
// gives them, live under /auth/v1.
func TestNodeClients(t *testing.T) {
	_, noNode := exec.LookPath("node")
	_, noNPM := exec.LookPath("npm")
	need(t, noNode == nil && noNPM == nil, "node and npm")
	t.Parallel()
	dir := t.TempDir()
	from := filepath.Join("testdata", "clients")
	for _, name := range []string{"package.json", "package-lock.json", "http.js", "srp.js", "opaque.js"} {
		b, err := os.ReadFile(filepath.Join(from, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
		if name == "package-lock.json" && strings.Contains(string(b), `"resolved"`) {
			t.Error("package-lock.json names a registry")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	need(t, fetches(ctx, t, dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"), "a way to the packages of npm (npm ci)")
	for name, script := range map[string]string{"hap": "srp.js", "jsrp": "srp.js", "opaque": "opaque.js"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs(t, dir, "node", script, accounts(t), strconv.Itoa(clientRounds()), name)
		})
	}
}
