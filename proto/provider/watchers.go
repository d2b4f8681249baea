package provider

import (
	"errors"
	"fmt"
	"strings"
)

// checkWatchers reports what contradicts the rules about auditors and witnesses.
func (d *Document) checkWatchers() error {
	bad := func(what string, err error) error { return fmt.Errorf("%w: %s: %w", ErrMalformed, what, err) }
	for _, a := range d.Auditors {
		err := checkWatcher(a.Cosigner, a.Address)
		if err == nil && len(a.PublicKey) == 0 && a.Cosigner == "" {
			err = errors.New("it has neither a public_key nor a cosigner")
		}
		if err != nil {
			return bad(fmt.Sprintf("auditor %q", a.Name), err)
		}
	}
	for _, w := range d.Witnesses {
		err := checkWatcher(w.Key, w.Address)
		if err == nil && w.Key == "" {
			err = errors.New("it has no key")
		}
		if err != nil {
			return bad(fmt.Sprintf("witness %q", keyName(w.Key)), err)
		}
	}
	for what, keys := range map[string][]string{
		"auditors":  headKeys(d.Auditors),
		"cosigners": cosignerKeys(d.Auditors),
		"witnesses": witnessKeys(d.Witnesses),
	} {
		if err := distinct(keys); err != nil {
			return bad(what, err)
		}
	}
	return nil
}

// checkWatcher checks the form of a note verifier key and of an address, if they
// are there. Whether the key's algorithm is known is for those who verify: a
// quorum may be met without it.
func checkWatcher(key, address string) error {
	if key != "" {
		parts := strings.SplitN(key, "+", 3)
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" || strings.ContainsAny(key, " \t\r\n") {
			return errors.New("the key is not a note verifier key (name+hash+base64)")
		}
	}
	if address != "" {
		return checkAddress(address)
	}
	return nil
}

func distinct(keys []string) error {
	seen := make(map[string]bool, len(keys))
	for _, k := range keys {
		if seen[k] {
			return errors.New("a key is listed twice")
		}
		seen[k] = true
	}
	return nil
}

// headKeys returns the keys with which auditors sign heads.
func headKeys(list []Auditor) (keys []string) {
	for _, a := range list {
		if len(a.PublicKey) > 0 {
			keys = append(keys, string(a.PublicKey))
		}
	}
	return keys
}

// cosignerKeys returns the keys with which auditors cosign checkpoints.
func cosignerKeys(list []Auditor) (keys []string) {
	for _, a := range list {
		if a.Cosigner != "" {
			keys = append(keys, a.Cosigner)
		}
	}
	return keys
}

func witnessKeys(list []Witness) (keys []string) {
	for _, w := range list {
		keys = append(keys, w.Key)
	}
	return keys
}

// cosigners counts the auditors that cosign checkpoints.
func cosigners(list []Auditor) int { return len(cosignerKeys(list)) }
