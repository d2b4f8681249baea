package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/kith-kt/kith/directory/operator"
)

// TestWhoServesWhat: each path goes to the part that it belongs to, and LEAP's are
// there only if they are asked for.
func TestWhoServesWhat(t *testing.T) {
	log := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for leap, paths := range map[bool]map[string]int{
		false: {
			"/auth/v1/info": http.StatusOK, "/auth/v1/nonsense": http.StatusNotFound,
			"/auth/v1x": http.StatusTeapot, "/auth": http.StatusTeapot, "/": http.StatusTeapot, "/kt/v1/search": http.StatusTeapot,
			"/login":   http.StatusTeapot, // no origins
			"/1/users": http.StatusTeapot, "/provider.json": http.StatusTeapot,
		},
		true: {"/provider.json": http.StatusOK, "/auth/v1/info": http.StatusOK, "/1x": http.StatusTeapot},
	} {
		withAccounts(t, operator.Options{}, func(h *house) {
			server, err := h.handler(log, false, leap, nil)
			h.must(err)
			for path, want := range paths {
				w := httptest.NewRecorder()
				server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
				if w.Code != want {
					t.Errorf("%s (LEAP's %v): status %d, want %d", path, leap, w.Code, want)
				}
				if path == "/provider.json" && leap && w.Header().Get("Cache-Control") != "no-store" {
					t.Error("a cache may keep the host of one asker for another")
				}
			}
		})
	}
}
