package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
)

// TestErrorsTable: what each error is told as. Only what the table says leaves the
// house, whatever an error is wrapped in; only what is the service's fault is
// logged.
func TestErrorsTable(t *testing.T) {
	for want, errs := range map[int][]error{
		http.StatusForbidden:             {login.ErrDenied, login.ErrStale, login.ErrCopied, login.ErrInvite},
		http.StatusTooManyRequests:       {login.ErrThrottled, &login.ThrottledError{After: 90*time.Second + 1}},
		http.StatusServiceUnavailable:    {login.ErrBusy, login.ErrNotFound, errors.New("a disk is full")},
		http.StatusUnauthorized:          {login.ErrNoSession},
		http.StatusConflict:              {login.ErrTaken},
		http.StatusUnprocessableEntity:   {login.ErrName, login.ErrWeak},
		http.StatusBadRequest:            {login.ErrMalformed, auth.ErrMalformed},
		http.StatusUnsupportedMediaType:  {errMediaType},
		http.StatusRequestEntityTooLarge: {errTooLarge},
		http.StatusNotFound:              {errNoPath},
		http.StatusMethodNotAllowed:      {errMethod},
	} {
		for _, err := range errs {
			var log bytes.Buffer
			h := &handler{
				config: Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, faults: rate.NewLimiter(1, 10),
				answers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "x"}, []string{"operation", "status"}),
			}
			w := httptest.NewRecorder()
			h.decline(w, httptest.NewRequest("POST", "/auth/v1/login/srp/canary-path", nil), "srp", fmt.Errorf("canary: %w", err))
			var body struct {
				Type, Title, Detail string
				Status              int
			}
			if e := json.Unmarshal(w.Body.Bytes(), &body); e != nil || w.Code != want || body.Status != want || body.Type != "about:blank" || body.Title == "" {
				t.Errorf("%v: %d %s, %v", err, w.Code, w.Body, e)
			}
			if strings.Contains(w.Body.String(), "canary") || strings.Contains(fmt.Sprint(w.Header()), "canary") {
				t.Errorf("%v: its cause is told: %s", err, w.Body)
			}
			ours := want == http.StatusServiceUnavailable && !errors.Is(err, login.ErrBusy)
			if ours != (log.Len() > 0) || strings.Contains(log.String(), "canary-path") {
				t.Errorf("%v: logged as %q", err, &log)
			}
			wait, e := strconv.Atoi(w.Header().Get("Retry-After"))
			if later := want == 429 || want == 503; later != (e == nil && wait > 0) {
				t.Errorf("%v: Retry-After %q", err, w.Header().Get("Retry-After"))
			}
			if _, ok := errors.AsType[*login.ThrottledError](err); ok && wait != 91 {
				t.Errorf("%v: Retry-After %d", err, wait)
			}
			if (want == 401) != (w.Header().Get("WWW-Authenticate") == "Bearer") || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%v: %v", err, w.Header())
			}
		}
	}
}
