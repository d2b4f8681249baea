package systemtest_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/client/remote"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/record"
)

// What follows stands in README.md, in the same words.

// keysOf returns the keys at a label, proved, or an error. dir is where the client
// remembers what it has verified; keep it.
func keysOf(ctx context.Context, dir, address, label string) ([]record.PublishedKey, error) {
	service, err := remote.New(address, remote.Options{})
	if err != nil {
		return nil, err
	}
	// Better: ship the provider document with your program, or ask your user to
	// compare its fingerprint. To fetch it here is to trust TLS on first contact.
	document, err := service.Provider(ctx)
	if err != nil {
		return nil, err
	}
	pinned, err := provider.Open(document, "", time.Now(), time.Minute)
	if err != nil {
		return nil, err
	}
	config, err := pinned.Document.Config()
	if err != nil {
		return nil, err
	}
	log, err := client.NewLog(*config)
	if err != nil {
		return nil, err
	}
	home, err := keyring.OpenHome(dir)
	if err != nil {
		return nil, err
	}
	domain := pinned.Document.Domain
	ring, err := home.Open(ctx, domain)
	if err != nil {
		return nil, err
	}
	defer ring.Close()
	state, err := ring.State(log)
	if err != nil {
		return nil, err
	}
	c := client.New(client.Config{
		Service: service, State: state, Store: ring, Domain: domain, Provider: document,
	})
	found, err := c.Lookup(ctx, label, client.Options{})
	if err != nil {
		return nil, err // a *client.Misbehaviour carries evidence: keep it
	}
	return found.Record.Keys, nil
}

// TestEmbed runs README's example against a provider.
func TestEmbed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "provider")
	if _, err := operator.Init(dir, operator.Options{Domain: "example.org"}); err != nil {
		t.Fatal(err)
	}
	op, err := operator.Open(dir, operator.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- op.Run(ctx) }()
	server := httptest.NewServer(op.Handler())
	defer func() {
		server.Close()
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if err := op.Close(); err != nil {
			t.Error(err)
		}
	}()

	home, label := filepath.Join(t.TempDir(), "kith"), "alice@example.org"
	if keys, err := keysOf(ctx, home, server.URL, label); err == nil {
		t.Fatalf("keys of nobody: %v", keys)
	}
	for i := range 2 {
		want := fmt.Sprintf("key %d", i)
		if i == 0 {
			publish(t, op, label, nil, want)
		} else {
			last := record.LinkOf(0, imported(t, label, nil, "key 0"))
			publish(t, op, label, &last, want)
		}
		keys, err := keysOf(ctx, home, server.URL, label)
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) != 1 || string(keys[0].Data) != want {
			t.Errorf("got %v, want %s", keys, want)
		}
	}
}

func imported(t *testing.T, label string, last *record.Link, key string) []byte {
	t.Helper()
	keys := []record.PublishedKey{{Type: record.OpenPGP, Data: []byte(key)}}
	value, err := record.NewImported("example.org", label, last, keys)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func publish(t *testing.T, op *operator.Operator, label string, last *record.Link, key string) {
	t.Helper()
	if _, err := op.Publish(t.Context(), []byte(label), imported(t, label, last, key)); err != nil {
		t.Fatal(err)
	}
}
