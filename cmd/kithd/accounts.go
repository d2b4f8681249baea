package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/internal/kv"
	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/embedded"
)

// The files of an account service, in the data folder and in its keys.
const (
	accountsFile = "accounts.db"
	loginKeyFile = "login.key"
)

// Faults of an account service.
var (
	errNoAccounts   = errors.New("there is no account service")
	errAccountsGone = errors.New("the accounts are gone")
	errLoginKey     = errors.New("login.key is not the key of these accounts")
)

// accounts is the account service beside a log. Without an open service it decides
// nothing, and everything is as if it were not there.
type accounts struct {
	names    accountNames
	settings *operator.Accounts
	op       *operator.Operator
	store    *embedded.Store
	service  *login.Service // nil: there is none
}

// accountOptions say how to open an account service.
type accountOptions struct {
	weak   []*srp.Profile // taken beside the default one
	logger *slog.Logger
	now    func() time.Time // nil: time.Now
}

// open opens the account service of a log, if its settings ask for one.
func (a *accounts) open(dir string, op *operator.Operator, o accountOptions) (err error) {
	a.op, a.settings = op, op.Config().Accounts
	if a.settings == nil {
		return nil
	}
	a.names = accountNames{op.Config().Log.Domain}
	key, err := loadLoginKey(loginKeyPath(dir))
	if err != nil {
		return err
	}
	if a.store, err = openAccountStore(accountsPath(dir), key); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	labels := &accountLabels{names: a.names, op: op}
	config := login.Config{
		Store: a.store, Key: key, Domain: a.names.domain, Canonical: a.names.canonical, Reserved: labels.reserved,
		Invites:    a.settings.Registration == operator.RegistrationInvite,
		Closed:     a.settings.Registration == operator.RegistrationClosed,
		Weak:       o.weak,
		Handshake:  2 * time.Minute, // the second step may wait for a person
		Idle:       time.Duration(a.settings.Idle),
		Absolute:   time.Duration(a.settings.Absolute),
		Quarantine: time.Duration(a.settings.Quarantine),
		Concurrent: loginThreads(),
		Now:        o.now, Rand: rand.Reader, Logger: o.logger,
	}
	if !opaque(op) { // what stands in a label is the provider's own business
		config.Devices, config.Sealer, config.Closer = labels, labels, labels
	}
	a.service, err = login.New(config)
	return err
}

func (a *accounts) close() error {
	if a.store == nil {
		return nil
	}
	err := a.store.Close()
	a.store, a.service = nil, nil
	return err
}

// makeAccounts makes the empty accounts and the key of a log that has none.
func makeAccounts(dir string) error {
	if isThere(accountsPath(dir)) {
		return failed(fmt.Errorf("%s is there already", accountsPath(dir)), "nothing is ever overwritten; move it away if its accounts are not wanted")
	}
	key, err := loadLoginKey(loginKeyPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		key, err = newLoginKey(loginKeyPath(dir))
	}
	if err != nil {
		return err
	}
	fresh := accountsPath(dir) + ".new" // whole, or not there
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	store, err := embedded.Open(fresh)
	if err != nil {
		return err
	}
	err = store.Update(context.Background(), func(w login.Writer) error { return w.Put(login.Meta, keyName, nameOfKey(key)) })
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, accountsPath(dir)); err != nil {
		return err
	}
	return kv.SyncDir(dir)
}

// openAccountStore opens the accounts at path, and refuses those of another key.
func openAccountStore(path string, key *login.Key) (store *embedded.Store, err error) {
	if !isThere(path) { // a new one would give everybody's name away
		return nil, failed(fmt.Errorf("%s: %w", path, errAccountsGone), "put the file back, or the newest backup: kithd restore --data DIR FILE")
	}
	if store, err = embedded.Open(path); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	err = store.View(context.Background(), func(r login.Reader) error {
		name, err := r.Get(login.Meta, keyName)
		if err == nil && !bytes.Equal(name, nameOfKey(key)) || errors.Is(err, login.ErrNotFound) {
			err = failed(fmt.Errorf("%s: %w", path, errLoginKey), "put back the "+loginKeyFile+" that these accounts were made with: no password can be checked with another one")
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// keyName is where the accounts keep a name of their key, which tells nothing of it.
var keyName = []byte("kithd login key")

func nameOfKey(key *login.Key) []byte { return key.Derive("kithd: name of the key", 16) }

// isThere reports whether a file is there, or cannot be seen.
func isThere(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func accountsPath(dir string) string { return filepath.Join(dir, accountsFile) }
func loginKeyPath(dir string) string { return filepath.Join(dir, operator.KeysFolder, loginKeyFile) }

// A login key is one line, like the other keys of a log.
const loginKeyPrefix = "kith-key random login "

func newLoginKey(path string) (*login.Key, error) {
	secret := make([]byte, login.KeySize)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = file.WriteString(loginKeyPrefix + base64.StdEncoding.EncodeToString(secret) + "\n")
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if err := kv.SyncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return login.NewKey(secret)
}

// loadLoginKey reads a key that only its owner may read.
func loadLoginKey(path string) (*login.Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w (mode %04o, should be 0600)", path, directory.ErrExposedKey, info.Mode().Perm())
	}
	if info.Size() > 4096 {
		return nil, fmt.Errorf("%s: %w: login key wanted", path, directory.ErrKeyFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(strings.TrimSuffix(string(b), "\n"), loginKeyPrefix)
	secret, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(secret) != login.KeySize {
		return nil, fmt.Errorf("%s: %w: login key wanted", path, directory.ErrKeyFile)
	}
	return login.NewKey(secret)
}
