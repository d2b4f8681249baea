package httpapi

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// TestNoAnswerIsOneAnswer: an unknown label, an unknown version, an erased value
// and a forbidden label cannot be told apart by status, header or body.
func TestNoAnswerIsOneAnswer(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		var err error
		c.Service, err = directory.NewDirectory(c.Log.(*directory.Sequencer), directory.ReadConfig{
			Authorizer: allBut("hidden"), CachedProofs: 1024,
		})
		must(t, err)
	})
	for _, label := range []string{"known", "hidden", "erased"} {
		f.publish(label, "0", nil)
		zero := uint32(0)
		f.publish(label, "1", &zero)
	}
	must(t, f.seq.Erase(t.Context(), []byte("erased"), 0))
	first, late := uint32(0), uint32(7)
	requests := map[string][]byte{
		"unknown label":   f.search("nobody"),
		"unknown version": f.encode(&wire.SearchRequest{Label: []byte("known"), Version: &late}),
		"erased value":    f.encode(&wire.SearchRequest{Label: []byte("erased"), Version: &first}),
		"forbidden":       f.search("hidden"),
	}
	var want []byte
	for name, body := range requests {
		r := f.do(http.MethodPost, "/kt/v1/search", body)
		if r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
		got, err := httputil.DumpResponse(r, true)
		must(t, err)
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s:\n%s\nanother:\n%s", name, got, want)
		}
	}
	if r := f.do(http.MethodPost, "/kt/v1/search", f.search("known")); r.StatusCode != http.StatusOK {
		t.Errorf("known: %d", r.StatusCode)
	}
	// Owners' operations do not say forbidden either.
	r := f.do(http.MethodPost, "/kt/v1/owner-init", f.encode(&wire.OwnerInitRequest{Label: []byte("hidden")}))
	if got, err := httputil.DumpResponse(r, true); err != nil || !bytes.Equal(got, want) {
		t.Errorf("owner-init of a forbidden label:\n%s", got)
	}
}

// allBut forbids one label.
type allBut string

func (a allBut) MaySearch(_ context.Context, label []byte, _ string) error {
	if string(label) == string(a) {
		return problem.ErrForbidden
	}
	return nil
}

func (a allBut) MayUpdate(context.Context, []byte, string) error { return problem.ErrForbidden }

// TestCausesStayInside: what failed inside is in the log and not in the answer,
// and neither label nor token is in the log.
func TestCausesStayInside(t *testing.T) {
	var log bytes.Buffer
	f := newFixture(t, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Service = serviceFunc(func(context.Context, wire.Call) ([]byte, error) {
			return nil, errors.New("/var/lib/kith/kith.db: cross-linked sector")
		})
	})
	r := f.do(http.MethodPost, "/kt/v1/search", f.search("alice@example.org"), "Authorization", "Bearer kith_secret")
	body := string(bodyOf(t, r))
	if r.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, "sector") || strings.Contains(body, "kith.db") {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	for _, word := range []string{"alice", "secret", "192.0.2.1"} {
		if strings.Contains(log.String(), word) {
			t.Errorf("%q is in the log: %s", word, log.String())
		}
	}
	if !strings.Contains(log.String(), "cross-linked sector") {
		t.Errorf("the cause is not in the log: %s", log.String())
	}
}

// TestRefusalsSayNothingMore: what an error carries beside its class is
// not for requesters.
func TestRefusalsSayNothingMore(t *testing.T) {
	for _, sentinel := range []error{problem.ErrNoAnswer, problem.ErrMalformed, problem.ErrTooLarge, problem.ErrUnauthorized,
		problem.ErrForbidden, problem.ErrConflict, problem.ErrRefused, problem.ErrUnavailable, &problem.RateLimit{}} {
		f := newFixtureOf(t, func(context.Context, wire.Call) ([]byte, error) {
			return nil, errors.Join(sentinel, errors.New("inner cause"))
		})
		for _, op := range wire.Operations {
			r := f.do(http.MethodPost, "/kt/v1/"+op.String(), []byte("x"))
			if b := bodyOf(t, r); bytes.Contains(b, []byte("inner")) || r.StatusCode < 400 {
				t.Errorf("%v: %d %s", sentinel, r.StatusCode, b)
			}
		}
	}
}

// TestMetricsNameNobody: after requests of all kinds, no label, token or address
// is among the metrics.
func TestMetricsNameNobody(t *testing.T) {
	f := newFixture(t, nil)
	f.publish("alice", "x", nil)
	f.do(http.MethodPost, "/kt/v1/search", f.search("alice"), "Authorization", "Bearer kith_secret")
	f.do(http.MethodPost, "/kt/v1/search/alice", f.search("alice"))
	f.do("ALICE", "/kt/v1/search", nil)
	f.do(http.MethodGet, "/alice", nil)
	metrics := string(f.get("/metrics"))
	for _, word := range []string{"alice", "ALICE", "secret", "192.0.2"} {
		if strings.Contains(metrics, word) {
			t.Errorf("metrics name %q", word)
		}
	}
	if !strings.Contains(metrics, `kith_http_requests_total{operation="search",status="200"} 1`) {
		t.Errorf("the search is not counted:\n%s", metrics)
	}
}
