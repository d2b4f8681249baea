package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/record"
)

// A content says which keys are to stand at a label, given those that do.
type content struct {
	keyType string
	files   []string
	add     bool
	remove  bool

	ofType record.KeyType
	keys   []record.PublishedKey
}

func (c *content) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&c.keyType, "type", "t", "", "type of the keys: openpgp, ssh, age, minisign, x509 or wireguard")
	f.StringArrayVar(&c.files, "key", nil, "`FILE` with the public key, or - for standard input; may be repeated")
	f.BoolVar(&c.add, "add", false, "keep the keys of this type that are there")
	f.BoolVar(&c.remove, "remove", false, "take the keys of this type away, which revokes them")
	cmd.MarkFlagsMutuallyExclusive("add", "remove")
	cmd.MarkFlagsMutuallyExclusive("key", "remove")
}

// keyType reads the name of a type.
func keyType(name string) (record.KeyType, error) {
	t, err := record.ParseKeyType(name)
	if err != nil {
		return 0, usage(fmt.Errorf("--type is %q", name), "types are openpgp, ssh, age, minisign, x509 and wireguard")
	}
	return t, nil
}

// read reads the key files.
func (c *content) read(p *program, label string) error {
	if c.keyType == "" {
		if c.add || c.remove || len(c.files) > 0 {
			return usage(errors.New("it was not said of what type the keys are"), "add --type T")
		}
		return nil
	}
	t, err := keyType(c.keyType)
	if err != nil {
		return err
	}
	c.ofType = t
	if len(c.files) == 0 && !c.remove {
		return usage(errors.New("no key was given"), "add --key FILE, or --remove")
	}
	for _, path := range c.files {
		b, err := p.readFile(path, 2*record.MaxSize) // armor and PEM are longer than what they hold
		if err != nil {
			return err
		}
		keys, err := parseKeys(t, b)
		if errors.Is(err, errSecret) {
			return failed("give the public key; take the secret one out of shared folders", "%s: %w", path, err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, k := range keys {
			if !holds(c.keys, k) {
				c.keys = append(c.keys, k)
			}
		}
	}
	for _, k := range c.keys {
		p.reveals(k, label)
	}
	return nil
}

// reveals says what an OpenPGP key shows to everybody besides its label.
func (p *program) reveals(k record.PublishedKey, label string) {
	if k.Type != record.OpenPGP || !strings.Contains(label, "@") {
		return
	}
	named := false
	var others []string
	for _, id := range userIDs(k.Data) {
		if strings.Contains(strings.ToLower(id), label) {
			named = true
		} else {
			others = append(others, printable(id))
		}
	}
	slices.Sort(others)
	if !named {
		p.warn("the OpenPGP key does not name %s, so that mail programs may not use it", label)
	}
	if len(others) > 0 {
		p.warn("the OpenPGP key also shows everybody: %s", strings.Join(others, "; "))
	}
}

func holds(keys []record.PublishedKey, k record.PublishedKey) bool {
	return slices.ContainsFunc(keys, func(o record.PublishedKey) bool { return same(o, k) })
}

func same(a, b record.PublishedKey) bool { return a.Type == b.Type && slices.Equal(a.Data, b.Data) }

// after returns the keys that are to follow those before, in the order of preference.
func (c *content) after(before []record.PublishedKey) []record.PublishedKey {
	if c.ofType == 0 {
		return before
	}
	keys := slices.Clone(c.keys)
	for _, k := range before {
		if (k.Type != c.ofType || c.add) && !holds(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// A writer writes the next record of a label.
type writer struct {
	domain  string
	account *keyring.Account
	content *content
	claim   bool // take a label that nobody holds
	reset   bool // take a label over from an account key that is lost
	bare    bool // adopt no key of the provider
	rotate  bool // change the account key
	close   bool // give the label up
	movedTo string
	// devices changes the devices in the record; nil: they stay.
	devices func([]record.Device) ([]record.Device, error)

	promoted bool // the account key that was to follow is the account's now

	taken []record.PublishedKey // adopted from the provider with a claim
	keys  []record.PublishedKey // of the record
}

// build returns the record that follows the last, or nil if that is as it should be.
func (w *writer) build(last *client.Found) ([]byte, error) {
	label := w.account.Label
	key := w.account.Key()
	w.taken, w.keys = nil, w.content.after(nil)
	if last == nil && (w.rotate || w.close || w.devices != nil) {
		return nil, failed("run: kith publish "+label, "%s: %w", label, errNothing)
	}
	if last == nil {
		return record.NewClaim(w.domain, label, nil, record.Content{Keys: w.keys}, key)
	}
	link := record.LinkOf(last.Version, last.Value)
	_, event, err := record.Next(record.State{}, record.Place{Domain: w.domain, Label: label, Version: last.Version}, last.Value)
	if err != nil {
		return nil, fmt.Errorf("version %d of %s: %w", last.Version, label, err)
	}
	r := event.Record
	w.promote(r)
	key = w.account.Key()
	w.keys = w.content.after(r.Keys)
	if w.rotate || w.close {
		return w.about(link, r, event.After)
	}
	content := record.Content{Keys: w.keys, Devices: r.Devices, Recovery: r.Recovery, MovedTo: r.MovedTo}
	switch {
	case event.After == record.Vacated:
		if !w.claim {
			return nil, failed("take it with: kith claim "+label+"; to its old contacts you will be a different person", "%s was given up by its holder", label)
		}
		w.keys = w.content.after(nil)
		return record.NewClaim(w.domain, label, &link, record.Content{Keys: w.keys}, key)
	case event.After == record.Asserted:
		if !w.claim {
			return nil, failed("take it with: kith claim "+label, "the provider speaks for %s until you claim it", label)
		}
		if w.bare {
			w.keys = w.content.after(nil)
		}
		for _, k := range w.keys {
			if holds(r.Keys, k) && !holds(w.content.keys, k) {
				w.taken = append(w.taken, k)
			}
		}
		return record.NewClaim(w.domain, label, &link, record.Content{Keys: w.keys}, key)
	case *r.Account == record.KeyOf(key):
		if w.devices != nil {
			if content.Devices, err = w.devices(r.Devices); err != nil {
				return nil, err
			}
		}
		if slices.EqualFunc(r.Keys, w.keys, same) && len(content.Devices) == len(r.Devices) {
			return nil, nil
		}
		return record.NewOwner(w.domain, label, link, content, key, key)
	case w.reset:
		return record.NewReset(w.domain, label, &link, record.Content{Keys: w.keys}, key, nil)
	}
	return nil, failed("if the label is yours and its account key is lost, run: kith claim --reset "+label+"; your contacts will have to accept it",
		"%s is held by another account key, which is not in your keyring", label)
}
