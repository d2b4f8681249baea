package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/internal/daemon"
)

// An action is something its operator asks of a log. It happens on the data
// folder, or, while a server holds that, inside the server: the commands are the
// same either way.
type action[Q, R any] struct {
	name   string
	writes bool // it submits updates
	do     func(ctx context.Context, op *operator.Operator, q Q) (R, error)
}

// run does the action on the log in dir.
func (a action[Q, R]) run(ctx context.Context, dir string, q Q) (r R, err error) {
	if served, err := ask(ctx, dir, a.name, q, &r); served {
		return r, err
	}
	err = withOperator(ctx, dir, a.writes, func(op *operator.Operator) error {
		r, err = a.do(ctx, op, q)
		return err
	})
	return r, err
}

// withOperator opens the log in dir without serving it, runs the sequencer if
// there will be updates, and closes the log again.
func withOperator(ctx context.Context, dir string, writes bool, f func(*operator.Operator) error) (err error) {
	op, err := operator.Open(dir, operator.OpenOptions{Offline: true})
	if err != nil {
		return lost(dir, err)
	}
	defer func() {
		if e := op.Close(); err == nil {
			err = e
		}
	}()
	if writes {
		ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan error, 1)
		go func() { done <- op.Run(ctx) }()
		defer func() {
			stop()
			if e := <-done; err == nil {
				err = e
			}
		}()
	}
	return f(op)
}

// maxAdmin bounds a message on the admin socket: the greatest value in base64.
const maxAdmin = 32 << 20

func socketPath(dir string) string { return filepath.Join(dir, "admin.sock") }

// An adminError is a failure on its way through the admin socket.
type adminError struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
	Code  int    `json:"code"`
}

// ask asks the server that holds dir, if there is one.
func ask(ctx context.Context, dir, name string, q, r any) (served bool, err error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socketPath(dir))
	if err != nil {
		return false, nil // no server, or one that died and left its socket
	}
	defer conn.Close()
	body, err := json.Marshal(q)
	if err != nil {
		return true, err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://kithd/"+name, bytes.NewReader(body))
	if err != nil {
		return true, err
	}
	response, err := client.Do(request)
	if err != nil {
		return true, unanswered(err)
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(response.Body, maxAdmin))
	if err != nil {
		return true, unanswered(err)
	}
	if response.StatusCode != http.StatusOK {
		var e adminError
		if json.Unmarshal(reply, &e) != nil || e.Error == "" {
			return true, fmt.Errorf("the running server answers %s", response.Status)
		}
		return true, &failure{errors.New(e.Error), e.Hint, e.Code}
	}
	return true, json.Unmarshal(reply, r)
}

// unanswered says what to do when a server ends, or is killed, before it answers.
func unanswered(err error) error {
	return failed(fmt.Errorf("the running server did not answer: %w", err),
		"it may have been done or not: start the server again, and look before you repeat it")
}

// newAdminServer returns the server behind the admin socket. Only those who may
// read the keys get there, so that it sets no limits; a backup takes its time.
func newAdminServer(op *operator.Operator, a *accounts) *http.Server {
	return &http.Server{Handler: adminHandler(op, a), ReadHeaderTimeout: 10 * time.Second}
}

// adminHandler answers what ask asks.
func adminHandler(op *operator.Operator, a *accounts) http.Handler {
	mux := http.NewServeMux()
	register(mux, op, publishAction)
	register(mux, op, eraseAction)
	register(mux, op, tokenAction)
	register(mux, op, statusAction)
	registerAccounts(mux, op, a)
	register(mux, op, reloadAction)
	register(mux, op, setAuditorAction)
	registerFiles(mux, op)
	return mux
}

func register[Q, R any](mux *http.ServeMux, op *operator.Operator, a action[Q, R]) {
	mux.HandleFunc("POST /"+a.name, func(w http.ResponseWriter, request *http.Request) {
		var q Q
		d := json.NewDecoder(http.MaxBytesReader(w, request.Body, maxAdmin))
		d.DisallowUnknownFields()
		err := d.Decode(&q)
		var r R
		if err == nil {
			r, err = a.do(request.Context(), op, q)
		}
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			f := asFailure(err)
			w.WriteHeader(http.StatusUnprocessableEntity)
			_ = json.NewEncoder(w).Encode(adminError{f.Error(), f.hint, f.code})
			return
		}
		_ = json.NewEncoder(w).Encode(r)
	})
}

// listenAdmin opens the admin socket of the log in dir. The caller holds the
// folder's lock, so that a socket found there is one that a server left behind.
func listenAdmin(dir string) (*daemon.Listener, error) {
	path := socketPath(dir)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	ln, err := listenPrivate(path)
	if err != nil {
		return nil, err
	}
	return &daemon.Listener{Listener: ln}, nil
}
