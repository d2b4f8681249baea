package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"filippo.io/age"
	"github.com/pquerna/otp/totp"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/bcrypt"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/account"
	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/embedded"
	"github.com/kith-kt/kith/srp/login/httpapi"
)

// A front is the provider's address: an account service beside the directory.
type front struct {
	directory http.Handler

	mu       sync.Mutex
	accounts http.Handler // nil: there is none
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	accounts := f.accounts
	f.mu.Unlock()
	if accounts != nil && strings.HasPrefix(r.URL.Path, auth.Root+"/") {
		accounts.ServeHTTP(w, r)
		return
	}
	f.directory.ServeHTTP(w, r)
}

func (f *front) set(h http.Handler) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accounts = h
}

// A service is an account service for tests.
type service struct {
	w       *world
	store   *embedded.Store
	service *login.Service
	handler http.Handler
	seen    bytes.Buffer // all that was sent to it
	mu      sync.Mutex
}

func (w *world) newService(registration string) (*service, error) {
	s := &service{w: w}
	var err error
	w.made++
	if s.store, err = embedded.Open(filepath.Join(w.dir, fmt.Sprintf("accounts%d.db", w.made))); err != nil {
		return nil, err
	}
	key, err := login.NewKey(make([]byte, login.KeySize))
	if err != nil {
		return nil, err
	}
	s.service, err = login.New(login.Config{
		Store: s.store, Key: key, Domain: domain, Rand: rand.Reader, Now: w.now, Devices: s, Sealer: s, Closer: s,
		Invites: registration == "invite", Closed: registration == "closed",
		Canonical: func(given string) (string, error) {
			local, _, _ := strings.Cut(given, "@")
			name, err := label.Canonical(local + "@" + domain)
			return strings.TrimSuffix(name, "@"+domain), err
		},
	})
	if err != nil {
		return nil, err
	}
	h, err := httpapi.New(httpapi.Config{Service: s.service, Info: auth.Info{Domain: domain, Registration: registration, Protocols: []string{"srp", "opaque"}}})
	s.handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		s.mu.Lock()
		fmt.Fprintf(&s.seen, "%s %s %s\n%s\n", r.Method, r.URL, r.Header, b)
		s.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(b))
		h.ServeHTTP(rw, r)
	})
	return s, err
}

// record returns the newest record of a name's label, or nil.
func (s *service) record(ctx context.Context, name string) (*record.Record, error) {
	log, err := client.NewLog(*s.w.op.Configuration())
	if err != nil {
		return nil, err
	}
	reader := client.New(client.Config{Service: s.w.op.Directory(), State: client.NewState(log), Now: s.w.now, Policy: client.Policy{Opaque: true}})
	l, err := reader.Lookup(ctx, name+"@"+domain, client.Options{})
	if errors.Is(err, problem.ErrNoAnswer) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return record.Parse(l.Value)
}

// DeviceKeys implements login.DeviceKeys.
func (s *service) DeviceKeys(ctx context.Context, name string) (keys []ed25519.PublicKey, err error) {
	r, err := s.record(ctx, name)
	if r != nil {
		for _, d := range r.Devices {
			keys = append(keys, d.SignatureKey[:])
		}
	}
	return keys, err
}

// Seal implements login.Sealer.
func (s *service) Seal(ctx context.Context, name string, nonce []byte) ([]byte, error) {
	r, err := s.record(ctx, name)
	if err != nil || r == nil {
		return nil, err
	}
	var to []age.Recipient
	for _, k := range r.Keys {
		if k.Type == record.Age {
			recipient, err := age.ParseX25519Recipient(string(k.Data))
			if err != nil {
				return nil, err
			}
			to = append(to, recipient)
		}
	}
	if to == nil {
		return nil, nil
	}
	var b bytes.Buffer
	sealer, err := age.Encrypt(&b, to...)
	if err != nil {
		return nil, err
	}
	if _, err := sealer.Write(account.SealedMessage(domain, name, nonce)); err != nil {
		return nil, err
	}
	err = sealer.Close()
	return b.Bytes(), err
}

// Close implements login.Closer: the person's own closed record must stand there.
func (s *service) Close(ctx context.Context, name string) error {
	r, err := s.record(ctx, name)
	if err == nil && (r == nil || r.Kind != record.Closed) {
		err = errors.New("the person's own closed record is missing")
	}
	return err
}

// sessions lets sessions update the label of their name.
type sessions struct {
	directory.Authorizer
	w *world
}

func (a sessions) MayUpdate(ctx context.Context, l []byte, token string) error {
	if a.w.accounts != nil {
		if s, err := a.w.accounts.service.Session(ctx, token); err == nil && s.Name+"@"+domain == string(l) {
			return nil
		}
	}
	return a.Authorizer.MayUpdate(ctx, l, token)
}

// account is the verb of the account service.
func (w *world) account(ts *testscript.TestScript, args []string) (err error) {
	if len(args) == 0 {
		return errUsage
	}
	switch rest := args[1:]; args[0] {
	case "open", "invite", "closed":
		if w.accounts, err = w.newService(args[0]); err == nil {
			w.face.set(w.accounts.handler)
		}
		return err
	case "honest":
		w.face.set(w.accounts.handler)
	case "down":
		w.face.set(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	case "lost": // METHOD PATH: takes the request, and loses the reply
		w.face.set(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Method == rest[0] && r.URL.Path == auth.Root+rest[1] {
				w.accounts.handler.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			}
			w.accounts.handler.ServeHTTP(rw, r)
		}))
	case "lie": // FIELD JSON: an answer has another value in it
		w.face.set(lying(w.accounts.handler, rest[0], rest[1]))
	case "moved": // NAME FILE: with the password in the file, from an older provider
		hash, err := bcrypt.GenerateFromPassword(bytes.TrimSpace([]byte(ts.ReadFile(rest[1]))), bcrypt.MinCost)
		if err != nil {
			return err
		}
		return w.accounts.service.Import(context.Background(), rest[0], string(hash))
	case "invitation": // FILE
		code, err := w.accounts.service.Invite(context.Background(), 1, time.Hour)
		if err != nil {
			return err
		}
		return os.WriteFile(ts.MkAbs(rest[0]), []byte(code+"\n"), 0o600)
	case "code": // URL STEP FILE: a one-time code of so many steps from now
		_, secret, _ := strings.Cut(strings.TrimSpace(ts.ReadFile(rest[0])), "secret=")
		secret, _, _ = strings.Cut(secret, "&")
		steps, err := strconv.Atoi(rest[1])
		if err != nil {
			return err
		}
		code, err := totp.GenerateCode(secret, w.now().Add(time.Duration(steps)*30*time.Second))
		if err != nil {
			return err
		}
		return os.WriteFile(ts.MkAbs(rest[2]), []byte(code+"\n"), 0o600)
	case "never-saw": // TEXT...: was never sent to it, and does not stand in its store
		w.accounts.mu.Lock()
		defer w.accounts.mu.Unlock()
		for _, secret := range rest {
			if bytes.Contains(w.accounts.seen.Bytes(), []byte(secret)) {
				return fmt.Errorf("it saw %q", secret)
			}
		}
		if w.accounts.seen.Len() == 0 {
			return errors.New("it saw nothing at all")
		}
	default:
		return errUsage
	}
	return nil
}

// lying changes one field of every answer that has it.
func lying(honest http.Handler, field, value string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		honest.ServeHTTP(answer, r)
		var fields map[string]json.RawMessage
		b := answer.Body.Bytes()
		if json.Unmarshal(b, &fields) == nil && fields[field] != nil {
			fields[field] = json.RawMessage(value)
			var err error
			if b, err = json.Marshal(fields); err != nil {
				panic(err)
			}
		}
		for k, v := range answer.Header() {
			rw.Header()[k] = v
		}
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(b)
	})
}

// secretless fails if a text stands anywhere in what the commands before wrote to a
// file.
func secretless(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("%v", errUsage)
	}
	for _, path := range args[1:] {
		if strings.Contains(ts.ReadFile(path), strings.TrimSpace(args[0])) {
			ts.Fatalf("%s shows a secret", path)
		}
	}
}

// agekey makes an age key: ARG.key and ARG.pub.
func ageKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("%v", errUsage)
	}
	i, err := age.GenerateX25519Identity()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".key"), []byte(i.String()+"\n"), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), []byte(i.Recipient().String()+"\n"), 0o600))
}
