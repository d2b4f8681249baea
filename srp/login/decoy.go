package login

import (
	"encoding/json"
	"time"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/opaque"
)

// DefaultKDF is the derivation that a service suggests, without a salt.
var DefaultKDF = srp.Argon2id{Memory: 64 << 10, Time: 3, Threads: 4}

// placeNobody is where the sealed values of nobody stand.
const placeNobody = "nobody"

// nobody is what is read for names without an account, so that as much is read,
// parsed and opened as for the others. Nothing of it is ever shown.
type nobody struct {
	account   []byte
	verifiers map[string][]byte // sealed, by profile
	record    []byte            // of OPAQUE, sealed
}

func newNobody(c *Config, profiles map[string]*srp.Profile) (*nobody, error) {
	n := &nobody{verifiers: map[string][]byte{}}
	var err error
	for name, p := range profiles {
		if n.verifiers[name], err = c.Key.Seal(placeNobody, make([]byte, p.Group.Size()), c.Rand); err != nil {
			return nil, err
		}
	}
	if n.record, err = c.Key.Seal(placeNobody, make([]byte, opaque.RecordSize), c.Rand); err != nil {
		return nil, err
	}
	k := DefaultKDF
	k.Salt = make([]byte, 16)
	when := time.Unix(1_800_000_000, 0).UTC()
	n.account, err = json.Marshal(&account{
		Name: "nobody", Created: when, Changed: when, Generation: 1 << 47,
		Passwords: map[string]*credential{stepSRP: {Profile: DefaultProfile, KDF: k.String(), Salt: make([]byte, 16), Sealed: n.verifiers[DefaultProfile]}},
	})
	return n, err
}

// decoySRP is the credential of a name that has none, and its verifier: always the
// same, and of a shape that credentials here have.
func (s *Service) decoySRP(p *srp.Profile, name string, purpose For) (*credential, []byte, error) {
	k := s.config.Key
	chosen := s.shapes.Load().draw(p.Name, purpose, func(shape string) []byte { return k.decoy("shape", shape+" "+name, 8) })
	// Every part has a secret of its own, also by purpose, profile and shape: where
	// two are the same, there is no account.
	at := chosen.String() + " " + name
	c := &credential{Profile: p.Name, Salt: k.decoy("salt", at, chosen.salt)}
	var err error
	c.KDF, err = chosen.kdf(func(n int) []byte { return k.decoy("kdf salt", at, n) })
	return c, k.decoyVerifier(p, at), err
}

// decoyVerifier returns a number of the group for a name that has none. Nobody
// knows a password for it.
func (k *Key) decoyVerifier(p *srp.Profile, at string) []byte {
	n := p.Group.Size()
	b := k.decoy("verifier "+p.Name, at, min(n, 255*32))
	b[0] &= 0x7f // below N, whose first bit is set
	b[n-1] |= 1  // not zero
	return b
}
