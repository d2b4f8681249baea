package interop

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

func (d *device) again(*suite.Suite) successor {
	return &device{ours: d.ours, client: d.client, before: d}
}

func (d *device) continues(_ *message.ReInit, others [][]byte) (sent, error) {
	return d.founded(d.before.in.Continue(others...))
}

func (d *device) branches(id []byte, others [][]byte) (sent, error) {
	return d.founded(d.before.in.Branch(id, others...))
}

func (d *device) founded(g *mls.Group, welcome []byte, err error) (sent, error) {
	d.in = g
	return sent{welcome: welcome}, err
}

func (d *device) sendsOn() error {
	_, err := d.in.Send([]byte("on"), nil)
	return err
}

// TestDeviceSuccessors: branches and groups after a ReInit, by devices as an application
// would have them and by members of ts-mls.
func TestDeviceSuccessors(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	for founder := range 2 {
		all := together(t, newDevice(t, s, "a1"), newTheirs(t, p, s, "b1", nil), newDevice(t, s, "a2"), newTheirs(t, p, s, "b2", nil))
		again := func() []successor {
			return []successor{all[founder].again(s), all[1-founder].again(s), all[2].again(s), all[3].again(s)}
		}
		branch := again()
		group, err := branch[0].branches([]byte("branch"), keyPackages(branch[1:]...))
		must(t, err)
		nextGroup(t, "branch", branch[0], group, branch[1:]...)

		r := &message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: s.ID()}
		by := all[3-founder]
		tell(t, by.commit(change{reinit: r}).commit, by, others(by, members(all)...)...)
		for _, m := range all {
			// A closed group has no GroupInfo for a device to tell more from.
			if our, ok := m.(*device); ok {
				authenticator, err := our.in.EpochAuthenticator()
				must(t, err)
				if string(authenticator) != all[3].state().agreed.authenticator {
					t.Errorf("%s is in another epoch", m.name())
				}
			}
			err := m.sendsOn()
			refused(t, m, err, "to send in a closed group")
			if _, our := m.(*device); our && !errors.Is(err, mls.ErrReinitialized) {
				t.Errorf("%s: %v", m.name(), err)
			}
		}
		next := again()
		group, err = next[0].continues(r, keyPackages(next[1:]...))
		must(t, err)
		nextGroup(t, "reinit", next[0], group, next[1:]...)
	}
}
