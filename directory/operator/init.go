package operator

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/internal/kv"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/strictjson"
	"github.com/kith-kt/kith/proto/wire"
)

// DraftRevision is the commit of draft-ietf-keytrans-protocol that is spoken.
const DraftRevision = "526cc8a"

// Init makes a new log in dir: keys, settings, the signed provider document,
// and entry 0. It refuses to overwrite anything, and leaves no part of a log behind when it
// fails.
func Init(dir string, o Options) (_ *Summary, err error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	config := o.config()
	if err := config.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	held, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer held.Close()
	parts := []string{ConfigFile, DocumentFile, StoreFile, KeysFolder, HighWaterFile, RootFolder}
	for _, name := range parts {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return nil, exists(dir, name)
		}
	}
	defer func() {
		if err != nil { // what stands there now is ours
			for _, name := range parts {
				err = errors.Join(err, os.RemoveAll(filepath.Join(dir, name)))
			}
		}
	}()
	return initialise(dir, &o, config)
}

// exists says what stands in the way. The settings are written last: without
// them, an earlier init did not finish, and nobody was ever served.
func exists(dir, name string) error {
	if _, err := os.Lstat(filepath.Join(dir, ConfigFile)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w: there is %s, but no %s: an earlier init was cut short, or the settings were lost; nothing is ever overwritten", dir, ErrExists, name, ConfigFile)
	}
	return fmt.Errorf("%s: %w: there is %s, and nothing is ever overwritten", dir, ErrExists, name)
}

func (o *Options) config() *Config {
	c := &Config{
		Log: LogConfig{
			Domain: o.Domain, Origin: o.Origin, Suite: o.Suite, Mode: o.Mode,
			ReasonableMonitoringWindow: Duration(o.ReasonableMonitoringWindow),
			MaxAhead:                   Duration(o.MaxAhead),
			MaxBehind:                  Duration(o.MaxBehind),
			MaximumLifetime:            Duration(o.MaximumLifetime),
		},
		Search: o.Search, Values: ValuesRecord, MaxValue: o.MaxValue, Limits: o.Limits, Accounts: o.Accounts,
	}
	if o.OpaqueValues {
		c.Values = ValuesOpaque
	}
	if a := o.Auditor; a != nil {
		c.Log.Auditor = &AuditorConfig{PublicKey: a.PublicKey, MaxLag: Duration(a.MaxLag), Start: a.Start}
	}
	return c
}

func initialise(dir string, o *Options, config *Config) (*Summary, error) {
	in := func(name string) string { return filepath.Join(dir, name) }
	id, err := config.Log.suite()
	if err != nil {
		return nil, err
	}
	keys, err := directory.GenerateKeys(id, o.Origin, o.Rand)
	if err != nil {
		return nil, err
	}
	if a := o.Auditor; a != nil {
		if _, err := keys.Suite.ParseVerifier(a.PublicKey); err != nil {
			return nil, fmt.Errorf("auditor: %w", err)
		}
	}
	log, err := config.Log.Configuration(keys)
	if err != nil {
		return nil, err
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(o.Rand, seed); err != nil {
		return nil, err
	}
	root := ed25519.NewKeyFromSeed(seed)
	document, err := newDocument(o, log, keys, root.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	payload, err := document.Encode()
	if err != nil {
		return nil, err
	}
	envelope, err := provider.Sign(payload, root)
	if err != nil {
		return nil, err
	}
	settings, err := config.encode()
	if err != nil {
		return nil, err
	}
	if err := keys.Save(in(KeysFolder)); err != nil {
		return nil, err
	}
	if err := os.Mkdir(in(RootFolder), 0o700); err != nil {
		return nil, err
	}
	rootFile := filepath.Join(dir, RootFolder, RootKeyFile)
	if err := writeNew(rootFile, formatRootKey(root), 0o600); err != nil {
		return nil, err
	}
	if err := kv.SyncDir(in(RootFolder)); err != nil {
		return nil, err
	}
	if err := writeNew(in(DocumentFile), envelope, 0o644); err != nil {
		return nil, err
	}
	if err := directory.CreateHighWater(in(HighWaterFile)); err != nil {
		return nil, err
	}
	if err := firstEntry(dir, o, keys, log); err != nil {
		return nil, err
	}
	// The settings come last: with them, the folder holds a log.
	if err := writeNew(in(ConfigFile), settings, 0o644); err != nil {
		return nil, err
	}
	if err := kv.SyncDir(dir); err != nil {
		return nil, err
	}
	return &Summary{
		Domain: o.Domain, Fingerprint: provider.FingerprintOf(log), Configuration: log,
		Origin: o.Origin, LogKey: document.AuditLog.Key,
		RootKeyFile: rootFile, RootKeyID: provider.KeyID(root.Public().(ed25519.PublicKey)),
		DocumentFile: in(DocumentFile), Expires: document.Expires,
	}, nil
}

// firstEntry writes entry 0, which changes nothing.
func firstEntry(dir string, o *Options, keys *directory.Keys, log *wire.Configuration) (err error) {
	store, err := embedded.Open(filepath.Join(dir, StoreFile), embedded.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	mark, err := directory.OpenHighWater(filepath.Join(dir, HighWaterFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mark.Close()) }()
	return directory.Init(context.Background(), directory.Config{
		Log: *log, Keys: keys, Store: store, HighWater: mark, Now: o.Now, Rand: o.Rand,
	})
}

func newDocument(o *Options, log *wire.Configuration, keys *directory.Keys, root ed25519.PublicKey) (*provider.Document, error) {
	signer, err := checkpoint.NewSigner(keys.LogSigner)
	if err != nil {
		return nil, err
	}
	encoded, err := log.Append(nil, log.Format())
	if err != nil {
		return nil, err
	}
	limits := o.Limits.WithDefaults()
	issued := o.Now().UTC().Truncate(time.Second)
	d := &provider.Document{
		Domain:        o.Domain,
		DraftRevision: DraftRevision,
		Version:       1,
		Issued:        issued,
		Expires:       issued.Add(o.DocumentLife),
		Configuration: encoded,
		AuditLog:      provider.AuditLog{Origin: signer.Origin(), Key: signer.VerifierKey()},
		Addresses:     o.Addresses,
		Limits: provider.Limits{
			MaxValueBytes:     uint64(o.MaxValue),
			RequestsPerMinute: uint64(max(0, limits.SearchesPerMinute)),
		},
		RootKeys:      []strictjson.Bytes{strictjson.Bytes(root)},
		RootThreshold: 1,
	}
	if a := o.Auditor; a != nil {
		d.Auditors = []provider.Auditor{{Name: a.Name, Address: a.Address, PublicKey: a.PublicKey}}
	}
	return d, nil
}
