package watch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// InitOptions say what Init makes.
type InitOptions struct {
	Dir string
	// Address is the provider's. Without it and Source the keys alone are made.
	Address string
	Source  Source // nil: HTTP at Address
	Expect  *provider.Fingerprint
	// Trust, if there, is a signed checkpoint: entries before its size are not
	// audited. They are read and held against it all the same.
	Trust []byte

	Name string // of the cosigner key, such as "audit.example.net"; "": this machine's or a random one
	// Suite is that of the key for heads where there is no provider yet: "ed25519"
	// or "p256".
	Suite string
	// HeadKey and CosignerKey name keys that Agent holds; "": keys in files.
	HeadKey, CosignerKey string
	Agent                KeyHolder

	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // nil: crypto/rand
	Each func(done, size uint64)
}

// An Identity is what Init made, for the provider to enter.
type Identity struct {
	Pinned    *provider.Pinned // nil: there is no provider yet
	Address   string
	Suite     wire.CipherSuite
	PublicKey []byte // of the key for heads, as it stands in a Configuration
	Name      string // of the cosigner
	Cosigner  string // its verifier key
	IsAuditor bool   // heads of the log need this auditor's signature
}

// Init pins a provider and makes the auditor's keys in a folder. It never replaces
// a key or a provider; what is there already is left.
func Init(ctx context.Context, o InitOptions) (id *Identity, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Address == "" && o.Source == nil {
		return initKeys(&o)
	}
	source := o.Source
	if source == nil {
		f, err := feed.New(o.Address, feed.Options{})
		if err != nil {
			return nil, err
		}
		defer f.Close()
		source = f
	}
	pinned, envelope, err := contact(ctx, source, o.Expect, o.Now())
	if err != nil {
		return nil, err
	}
	f, err := openFolder(o.Dir, true)
	if err != nil {
		return nil, err
	}
	defer f.close()
	known, err := f.read(documentFile)
	if err != nil {
		return nil, err
	}
	if known != nil {
		before, err := provider.Reopen(known)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.path(documentFile), err)
		}
		if pinned, err = follow(before, envelope, o.Now()); err != nil {
			return nil, err
		}
	}
	config, err := pinned.Document.Config()
	if err != nil {
		return nil, err
	}
	id, err = f.makeKeys(config.CipherSuite, &o)
	if err != nil {
		return nil, err
	}
	var progress []byte
	if o.Trust != nil {
		if progress, err = f.trust(ctx, &o, source, pinned); err != nil {
			return nil, err
		}
	}
	if o.Source == nil {
		if err := f.write(addressFile, []byte(source.Address()+"\n")); err != nil {
			return nil, err
		}
	}
	if err := f.write(documentFile, envelope); err != nil {
		return nil, err
	}
	if progress != nil {
		if err := errors.Join(f.write(checkpointFile, o.Trust), f.write(progressFile, progress)); err != nil {
			return nil, err
		}
	}
	id.Pinned, id.Address = pinned, source.Address()
	k, err := f.headKey(o.Agent)
	id.IsAuditor = isAuditor(config, k)
	return id, err
}

// initKeys makes the keys alone.
func initKeys(o *InitOptions) (*Identity, error) {
	if o.Suite == "" {
		o.Suite = "ed25519"
	}
	suiteID, ok := Suites[o.Suite]
	if !ok {
		return nil, fmt.Errorf("%w: %q", suite.ErrUnknownSuite, o.Suite)
	}
	if o.Trust != nil {
		return nil, errors.New("a checkpoint to trust, and no provider")
	}
	f, err := openFolder(o.Dir, true)
	if err != nil {
		return nil, err
	}
	defer f.close()
	return f.makeKeys(suiteID, o)
}

func (f *folder) makeKeys(id wire.CipherSuite, o *InitOptions) (*Identity, error) {
	k, err := f.makeHeadKey(id, o)
	if err != nil {
		return nil, err
	}
	c, err := f.makeCosigner(o)
	if err != nil {
		return nil, err
	}
	return &Identity{Suite: k.suite, PublicKey: k.Public(), Name: c.Name(), Cosigner: c.VerifierKey()}, nil
}
