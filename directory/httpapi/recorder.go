package httpapi

import (
	"errors"
	"net/http"
	"runtime/debug"
)

// errPanic stands in the log for a fault that is described on the next line.
var errPanic = errors.New("panic")

// stack returns where a panic was.
func stack() string { return string(debug.Stack()) }

// A recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) status() int {
	if r.code == 0 {
		return http.StatusOK
	}
	return r.code
}

// Unwrap lets http.ResponseController and MaxBytesReader reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// logFault logs what went wrong in the directory, but not without end.
func (h *handler) logFault(r *http.Request, err error) {
	if h.faults.Allow() {
		h.config.Logger.Error("request failed", "path", pattern(r), "error", err)
	}
}
