//go:build !linux

package kv

import "errors"

func mountSmall(string) error { return errors.New("only on Linux") }
func unmount(string)          {}
