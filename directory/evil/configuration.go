package evil

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/proto/provider"
)

// Reconfigure makes a second log of the provider in a data folder that nobody has
// open: the same domain, root keys, signature key and note key, and a provider
// document of the same version that is signed as well, but another VRF key. The
// log in the folder it makes, to, has entry 0 alone. now is the clock.
func Reconfigure(from, to string, now func() time.Time) (err error) {
	config, err := operator.LoadConfig(from)
	if err != nil {
		return err
	}
	envelope, err := os.ReadFile(filepath.Join(from, operator.DocumentFile))
	if err != nil {
		return err
	}
	pinned, err := provider.Reopen(envelope)
	if err != nil {
		return err
	}
	document := *pinned.Document
	old, err := document.Config()
	if err != nil {
		return err
	}
	keys, err := directory.LoadKeys(filepath.Join(from, operator.KeysFolder), old.CipherSuite)
	if err != nil {
		return err
	}
	if keys.VRF, err = keys.Suite.GenerateVRFKey(rand.Reader); err != nil {
		return err
	}
	log, err := config.Log.Configuration(keys)
	if err != nil {
		return err
	}
	if document.Configuration, err = log.Append(nil, log.Format()); err != nil {
		return err
	}
	root, err := operator.LoadRootKey(filepath.Join(from, operator.RootFolder, operator.RootKeyFile))
	if err != nil {
		return err
	}
	payload, err := document.Encode()
	if err != nil {
		return err
	}
	if envelope, err = provider.Sign(payload, root); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	if err := keys.Save(filepath.Join(to, operator.KeysFolder)); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(from, operator.ConfigFile), filepath.Join(to, operator.ConfigFile)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, operator.DocumentFile), envelope, 0o600); err != nil {
		return err
	}
	mark := filepath.Join(to, operator.HighWaterFile)
	if err := directory.CreateHighWater(mark); err != nil {
		return err
	}
	water, err := directory.OpenHighWater(mark)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, water.Close()) }()
	store, err := embedded.Open(filepath.Join(to, operator.StoreFile), embedded.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return directory.Init(context.Background(), directory.Config{Log: *log, Keys: keys, Store: store, HighWater: water, Now: now})
}
