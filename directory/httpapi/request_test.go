package httpapi

import (
	"context"
	"net/http"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// TestMethods: other methods are told which one is right.
func TestMethods(t *testing.T) {
	f := newFixture(t, nil)
	for path, want := range map[string]string{
		"/kt/v1/search": "POST", "/kt/v1/update": "POST", "/audit/v1/head": "POST",
		"/log/checkpoint": "GET", "/log/tile/0/000.p/1": "GET", "/log/updates/000.p/1": "GET", "/audit/v1/updates?start=0": "GET",
		"/.well-known/kith.json": "GET", "/healthz": "GET", "/readyz": "GET", "/metrics": "GET",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			if method == want {
				continue
			}
			r := f.do(method, path, nil)
			if r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != want {
				t.Errorf("%s %s: %d, Allow %q", method, path, r.StatusCode, r.Header.Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/", "/kt/v1/", "/kt/v2/search", "/kt/v1/search/", "/kt/v1/credential", "/log/", "/debug/pprof/"} {
		if r := f.do(http.MethodGet, path, nil); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

// TestMediaTypes: only this revision of the draft is spoken.
func TestMediaTypes(t *testing.T) {
	f := newFixture(t, nil)
	for mediaType, want := range map[string]int{
		MediaType:                               404,
		MediaType + "; charset=binary":          404,
		"Application/VND.kith.keytrans-526cc8a": 404,
		"":                                      415,
		"application/octet-stream":              415,
		"application/json":                      415,
		"application/vnd.kith.keytrans-526cc8b": 415,
		MediaType + ", text/plain":              415,
		";;;":                                   415,
	} {
		r := f.do(http.MethodPost, "/kt/v1/search", f.search("nobody"), "Content-Type", mediaType)
		if r.StatusCode != want {
			t.Errorf("%q: %d, want %d", mediaType, r.StatusCode, want)
		}
	}
	if r := f.do(http.MethodPost, "/kt/v1/search", f.search("nobody"), "Content-Encoding", "gzip"); r.StatusCode != 415 {
		t.Errorf("gzip: %d", r.StatusCode)
	}
}

// TestHeadersReachTheDirectory: token and opening arrive as they were sent, and
// only in their one form.
func TestHeadersReachTheDirectory(t *testing.T) {
	var got wire.Call
	f := newFixtureOf(t, func(_ context.Context, call wire.Call) ([]byte, error) {
		got = call
		return []byte("answer"), nil
	})
	for _, test := range []struct {
		op     wire.Operation
		name   string
		value  string
		want   int
		token  string
		opened bool
	}{
		{wire.OpSearch, "Authorization", "Bearer abc", 200, "abc", false},
		{wire.OpSearch, "Authorization", "bearer abc", 200, "abc", false},
		{wire.OpSearch, "Authorization", "Basic abc", 401, "", false},
		{wire.OpSearch, "Authorization", "Bearer", 401, "", false},
		{wire.OpSearch, "Authorization", "Bearer ", 401, "", false},
		{wire.OpSearch, "Authorization", "Bearer " + string(make([]byte, 600)), 401, "", false},
		{wire.OpContactMonitor, "Kith-Opening", "AAECAwQFBgcICQoLDA0ODw", 200, "", true},
		{wire.OpContactMonitor, "Kith-Opening", "AAECAwQFBgcICQoLDA0ODw==", 400, "", false},
		{wire.OpContactMonitor, "Kith-Opening", "AAECAwQFBgcICQoLDA0ODx", 400, "", false},
		{wire.OpContactMonitor, "Kith-Opening", "AAECAwQFBgcICQoLDA0O\nDw", 400, "", false},
		{wire.OpContactMonitor, "Kith-Opening", "", 400, "", false},
		{wire.OpSearch, "Kith-Opening", "AAECAwQFBgcICQoLDA0ODw", 200, "", false},
	} {
		got = wire.Call{}
		r := f.do(http.MethodPost, "/kt/v1/"+test.op.String(), []byte("body"), test.name, test.value)
		if r.StatusCode != test.want || got.Token != test.token || (got.Opening != nil) != test.opened {
			t.Errorf("%s %.40q: %d, token %q, opening %v", test.name, test.value, r.StatusCode, got.Token, got.Opening)
		}
		if test.want == 200 && (got.Operation != test.op || string(got.Body) != "body" || string(bodyOf(t, r)) != "answer") {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}

// TestPanicEndsOneRequest: a fault in one answer is not the end of the directory.
func TestPanicEndsOneRequest(t *testing.T) {
	f := newFixtureOf(t, func(context.Context, wire.Call) ([]byte, error) { panic("a bug") })
	address := listening(t, f, 0, patient)
	if r, err := http.Post("http://"+address+"/kt/v1/search", MediaType, http.NoBody); err == nil {
		t.Errorf("an answer of a panic: %d", r.StatusCode)
	}
	r, err := http.Get("http://" + address + "/healthz")
	must(t, err)
	r.Body.Close()
	if !f.working.TryAcquire(int64(f.config.Limits.Concurrent)) {
		t.Error("a panic keeps its place")
	}
}
