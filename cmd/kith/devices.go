package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/record"
)

func (p *program) newDevices() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "devices [NAME]",
		Short: "Show the devices in your record, whose keys log in without a password",
		Long: `Devices lists the devices in the newest record of your label. Each has an Ed25519
key; who holds it can log in to your account. Everybody can see the names of your
devices and their keys.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.onlineMember(cmd.Context(), accountArg(args), p.online, func(m *member) error { return m.listDevices(cmd.Context()) })
		},
	}
	cmd.AddCommand(p.newDeviceAdd(), p.newDeviceRemove())
	return cmd
}

// A deviceView is a device in JSON.
type deviceView struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Key  string `json:"key"` // SHA256:..., as ssh-keygen -l shows it
	Here bool   `json:"this_device"`
}

// viewDevice returns a device for JSON; own is the seed of this device's own key, or nil.
func viewDevice(d *record.Device, own ed25519.PrivateKey) (deviceView, error) {
	key, err := ssh.NewPublicKey(ed25519.PublicKey(d.SignatureKey[:]))
	if err != nil {
		return deviceView{}, err
	}
	return deviceView{hex.EncodeToString(d.ID), printable(d.Name), ssh.FingerprintSHA256(key), own != nil && record.KeyOf(own) == d.SignatureKey}, nil
}

func (m *member) listDevices(ctx context.Context) error {
	r, err := m.s.newest(ctx, m.login.Label)
	if err != nil {
		return m.s.keep(err, m.login.Label)
	}
	return m.showDevices(r.Devices)
}

func (m *member) showDevices(devices []record.Device) error {
	views := []deviceView{}
	for i := range devices {
		v, err := viewDevice(&devices[i], m.login.DeviceKey())
		if err != nil {
			return err
		}
		here := ""
		if v.Here {
			here = "  (this device)"
		}
		m.s.p.print("%s  %s  %s%s", v.ID, v.Key, v.Name, here)
		views = append(views, v)
	}
	if len(views) == 0 {
		m.s.p.say("no device stands in the record of %s", label.Display(m.login.Label))
	}
	return m.s.p.emit(views)
}

// A deviceAdd is the work of one kith devices add.
type deviceAdd struct {
	account string
	name    string
	key     string // file
	agent   string
	token   tokenKey
}

func (p *program) newDeviceAdd() *cobra.Command {
	var a deviceAdd
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Let a device log in by its key",
		Long: `Add publishes the key of a device in your record. Without more it makes a key for
this device and keeps it in the keyring. With --agent it is an ssh-ed25519 key that
ssh-agent holds, with --key the one in a .pub file.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.onlineMember(cmd.Context(), a.account, p.online, func(m *member) error { return m.addDevice(cmd.Context(), &a) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&a.account, "account", "", "of the account `NAME`, where the keyring knows several")
	f.StringVar(&a.name, "name", "", "what the device is called; everybody can see it")
	f.StringVar(&a.key, "key", "", "an ssh-ed25519 public key in `FILE`, as ssh-keygen writes it")
	f.StringVar(&a.agent, "agent", "", "a key of ssh-agent: its fingerprint `SHA256:...`, or any")
	f.Lookup("agent").NoOptDefVal = "any"
	a.token.add(cmd)
	cmd.MarkFlagsMutuallyExclusive("key", "agent")
	return cmd
}

func (m *member) addDevice(ctx context.Context, a *deviceAdd) error {
	key, err := m.newDeviceKey(ctx, a)
	if err != nil {
		return err
	}
	var k record.Key
	copy(k[:], key)
	if !k.Valid() {
		return failed("", "the key is not one that can be published")
	}
	id := sha256.Sum256(key)
	d := record.Device{ID: id[:8], Name: a.name, SignatureKey: k}
	return m.changeDevices(ctx, func(devices []record.Device) ([]record.Device, error) {
		if slices.ContainsFunc(devices, func(o record.Device) bool { return o.SignatureKey == k }) {
			return devices, nil
		}
		if len(devices) >= record.MaxDevices {
			return nil, failed("remove one with: kith devices remove ID", "the record holds %d devices, and has no room for more", len(devices))
		}
		return append(slices.Clone(devices), d), nil
	})
}

// newDeviceKey returns the public key of the device that is meant. One that is made
// for it is durable before it is published.
func (m *member) newDeviceKey(ctx context.Context, a *deviceAdd) (ed25519.PublicKey, error) {
	p := m.s.p
	switch {
	case a.token.given():
		key, done, err := a.token.open(ctx, p)
		if err != nil {
			return nil, err
		}
		defer done()
		return key.Public(), nil
	case a.agent != "":
		key, err := p.agentKey(ctx, a.agent)
		if err != nil {
			return nil, err
		}
		return key.Public(), nil
	case a.key != "":
		return p.deviceFile(a.key)
	}
	if m.login.Key == nil {
		m.login.Key = make([]byte, ed25519.SeedSize)
		if _, err := io.ReadFull(p.rand, m.login.Key); err != nil {
			return nil, err
		}
		if err := m.s.ring.SaveLogin(m.login); err != nil {
			return nil, err
		}
	}
	return m.login.DeviceKey().Public().(ed25519.PublicKey), nil
}

// deviceFile reads one ssh-ed25519 public key.
func (p *program) deviceFile(path string) (ed25519.PublicKey, error) {
	b, err := p.readFile(path, maxToken)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(record.SSH, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(keys) == 1 {
		if parsed, err := ssh.ParsePublicKey(keys[0].Data); err == nil && parsed.Type() == ssh.KeyAlgoED25519 {
			if c, ok := parsed.(ssh.CryptoPublicKey); ok {
				if key, ok := c.CryptoPublicKey().(ed25519.PublicKey); ok {
					return key, nil
				}
			}
		}
	}
	return nil, failed("make one with: ssh-keygen -t ed25519", "%s does not hold one ssh-ed25519 key", path)
}

// changeDevices publishes the record with other devices.
func (m *member) changeDevices(ctx context.Context, change func([]record.Device) ([]record.Device, error)) error {
	s := m.s
	w := &writer{content: new(content), domain: s.ring.Domain(), devices: change}
	var err error
	if w.account, err = s.ring.Account(m.login.Label); err != nil {
		if errors.Is(err, keyring.ErrUnknown) {
			return failed("log in with the password, which brings it back: kith login "+m.person.Name, "this keyring has no account key for %s", label.Display(m.login.Label))
		}
		return err
	}
	done, alerts, err := s.write(ctx, m.login.Label, w)
	if err != nil {
		return err
	}
	s.p.say("%s stands as version %d", label.Display(done.Label), done.Version)
	if len(alerts) > 0 {
		return s.alarm(alerts, nil)
	}
	r, err := record.Parse(done.Value)
	if err != nil {
		return fmt.Errorf("what was published: %w", err)
	}
	return m.showDevices(r.Devices)
}

func (p *program) newDeviceRemove() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "remove ID",
		Short: "Take a device out of your record; its key does not log in any more",
		Long: `Remove publishes your record without a device. Its key is refused from then on. Its
sessions go on until you end them: kith sessions.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := hex.DecodeString(strings.ToLower(args[0]))
			if err != nil || len(id) == 0 {
				return usage(fmt.Errorf("%q is no id of a device", args[0]), "kith devices shows them")
			}
			return p.onlineMember(cmd.Context(), name, p.online, func(m *member) error {
				return m.changeDevices(cmd.Context(), func(devices []record.Device) ([]record.Device, error) {
					kept := slices.DeleteFunc(slices.Clone(devices), func(d record.Device) bool { return bytes.Equal(d.ID, id) })
					if len(kept) == len(devices) {
						return nil, failed("kith devices shows them", "no device has the id %x", id)
					}
					return kept, nil
				})
			})
		},
	}
	cmd.Flags().StringVar(&name, "account", "", "of the account `NAME`, where the keyring knows several")
	return cmd
}
