package keyring

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// makePrivate makes a folder that only its owner can enter, durably, since what is
// saved in it is as lasting as the folder; or it checks that it is one.
func makePrivate(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = syncDir(filepath.Dir(dir))
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("keyring: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("keyring: %s is not a folder", dir)
	}
	return checkMode(dir, info, "700")
}

func checkMode(path string, info os.FileInfo, mode string) error {
	if runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return &Hinted{
		Err:  fmt.Errorf("keyring: %s has mode %04o: %w", path, info.Mode().Perm(), ErrExposed),
		Hint: "chmod " + mode + " " + path,
	}
}

// readPrivate reads a file of at most limit bytes that only its owner can read.
func readPrivate(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("keyring: %s is not a regular file: %w", path, ErrDamaged)
	}
	if err := checkMode(path, info, "600"); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("keyring: %s is larger than %d bytes: %w", path, limit, ErrDamaged)
	}
	return b, nil
}

// writePrivate replaces a file atomically and durably: after a crash it is the old one or the new one.
func writePrivate(path string, b []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("keyring: %w", err)
		}
	}()
	if _, err = f.Write(b); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
