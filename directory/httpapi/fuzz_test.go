package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// FuzzHandler: whatever is sent, the handler answers with a status that the
// document knows, and declines with problem documents.
func FuzzHandler(f *testing.F) {
	log := newFixture(f, nil)
	log.publish("alice", "x", nil)
	zero := uint32(0)
	for _, op := range wire.Operations {
		f.Add(true, "/kt/v1/"+op.String(), MediaType, "Bearer x", "AAECAwQFBgcICQoLDA0ODw", log.search("alice"))
		f.Add(true, "/kt/v1/"+op.String(), MediaType, "", "", []byte{})
	}
	f.Add(true, "/kt/v1/search", MediaType, "", "", log.encode(&wire.SearchRequest{Label: []byte("alice"), Version: &zero}))
	f.Add(true, "/kt/v1/owner-init", MediaType, "", "", log.encode(&wire.OwnerInitRequest{Label: []byte("alice")}))
	f.Add(true, "/kt/v1/distinguished", MediaType, "", "", log.encode(&wire.DistinguishedRequest{}))
	f.Add(true, "/kt/v1/contact-monitor", MediaType, "", "", log.encode(&wire.ContactMonitorRequest{
		Label: []byte("alice"), Entries: []wire.MonitorMapEntry{{Position: 1}},
	}))
	f.Add(true, "/audit/v1/head", MediaType, "", "", []byte("x"))
	f.Add(false, "/log/tile/0/000.p/2", "", "", "", []byte{})
	f.Add(false, "/log/tile/entries/x001/234", "", "", "", []byte{})
	f.Add(false, "/log/updates/000.p/2", "", "", "", []byte{})
	f.Add(false, "/audit/v1/updates?start=1", "", "", "", []byte{})
	f.Fuzz(func(t *testing.T, post bool, target, mediaType, authorization, opening string, body []byte) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") {
			t.Skip()
		}
		method := http.MethodGet
		if post {
			method = http.MethodPost
		}
		r := httptest.NewRequest(method, "/", bytes.NewReader(body))
		r.URL, r.RequestURI = u, target
		r.Header["Content-Type"] = []string{mediaType}
		if authorization != "" {
			r.Header["Authorization"] = []string{authorization}
		}
		if opening != "" {
			r.Header["Kith-Opening"] = []string{opening}
		}
		w := httptest.NewRecorder()
		log.routed.ServeHTTP(w, r)
		switch w.Code {
		case 200, 204, 304:
			return
		case 400, 401, 403, 404, 405, 409, 413, 415, 422:
		default:
			t.Fatalf("%s %q: %d %s", method, target, w.Code, w.Body)
		}
		var problem struct {
			Title  string
			Status int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Status != w.Code || problem.Title == "" {
			t.Fatalf("%s %q: %d %s", method, target, w.Code, w.Body)
		}
	})
}
