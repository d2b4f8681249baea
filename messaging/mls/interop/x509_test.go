package interop

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// An authority is a root with an intermediate authority, which certifies Ed25519 keys.
type authority struct {
	t           testing.TB
	root, under *x509.Certificate
	key         ed25519.PrivateKey // of under
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	a.root = a.issue(name, true, public, nil, key)
	underPublic, underKey, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	a.under = a.issue(name+", intermediate", true, underPublic, a.root, key)
	a.key = underKey
	return a
}

// issue signs a certificate; issuer nil: it signs itself.
func (a *authority) issue(name string, authority bool, key ed25519.PublicKey, issuer *x509.Certificate, by ed25519.PrivateKey) *x509.Certificate {
	a.t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(a.t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true, IsCA: authority,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if authority {
		template.KeyUsage = x509.KeyUsageCertSign
	}
	if issuer == nil {
		issuer = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key, by)
	must(a.t, err)
	cert, err := x509.ParseCertificate(der)
	must(a.t, err)
	return cert
}

// certify is a member's chain, without the root.
func (a *authority) certify(name string, key []byte) [][]byte {
	a.t.Helper()
	return [][]byte{a.issue(name, false, key, a.under, a.key).Raw, a.under.Raw}
}

func x509Credential(certificates [][]byte) tree.Credential {
	return tree.Credential{Type: tree.CredentialX509, Certificates: certificates}
}

// chain is what an Authenticator can make of certificates: the first is for the
// leaf's key ("Credentials", 5.3), and they lead to the root.
func chain(root *x509.Certificate, certificates [][]byte, key []byte) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	var first *x509.Certificate
	for i, der := range certificates {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		if i == 0 {
			first = cert
			continue
		}
		between.AddCert(cert)
	}
	if first == nil {
		return errors.New("no certificate")
	}
	if public, ok := first.PublicKey.(ed25519.PublicKey); !ok || string(public) != string(key) {
		return errors.New("the certificate is for another key")
	}
	_, err := first.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err
}

// certified gives a member these certificates, and the root it asks of others.
func certified(t testing.TB, m member, certificates [][]byte, root *x509.Certificate) {
	t.Helper()
	switch m := m.(type) {
	case *ours:
		m.credential, m.root = x509Credential(certificates), root
	case *theirs:
		fields := q{"certificates": certificates}
		if root != nil {
			fields["root"] = root.Raw
		}
		m.ask("certify", fields)
	}
}

// anyCredential lets one of ours be in a group with credentials of both types.
func anyCredential(m *ours) *ours {
	c := group.DefaultCapabilities(tree.CredentialBasic, tree.CredentialX509)
	m.leafCan = &c
	return m
}

// TestX509: X.509 credentials, beside basic ones, are carried by KeyPackages, Adds,
// Welcomes, Updates, commits and external commits of both kinds, and both are asked
// about the same ones.
func TestX509(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	a := newAuthority(t, "root")
	our := func(name string) member { return anyCredential(newOurs(t, s, name)) }
	their := func(name string) member { return newTheirs(t, p, s, name, nil) }
	for i, kinds := range [][2]func(string) member{{our, their}, {their, our}} {
		t.Run(fmt.Sprintf("oursFirst=%t", i == 0), func(t *testing.T) {
			t.Parallel()
			one, two := kinds[0], kinds[1]
			all := []member{one("first"), two("second"), one("third"), two("fourth")}
			for _, m := range all[:3] {
				certified(t, m, a.certify(m.name(), m.signatureKey()), a.root)
			}
			all[0].create([]byte(groupID))
			for i := 1; i < len(all); i++ { // the fourth has a basic credential
				adds(t, change{treeInside: i == 1}, all[i], all[i-1], all[:i-1]...)
			}
			asksAlike(t, all)
			talk(t, all...)
			asksAlike(t, all)

			// Renewed certificates, for the same key.
			for i, m := range all[:2] {
				waits(t, change{update: true, certificates: a.certify("renewed", m.signatureKey())}, m, others(m, all...)...)
				commits(t, change{}, all[3-i], others(all[3-i], all...)...)
			}
			talk(t, all...)

			// By external commits.
			for _, m := range []member{one("fifth"), two("sixth")} {
				certified(t, m, a.certify(m.name(), m.signatureKey()), a.root)
				enters(t, m, all[0], false, true, all[1:]...)
				all = append(all, m)
			}
			asksAlike(t, all)
			talk(t, all...)
		})
	}
}

// asksAlike requires that all members were asked about certificates; those of one
// kind about the same as those of the other is what TestAuthentication sees to.
func asksAlike(t testing.TB, all []member) {
	t.Helper()
	for _, m := range all {
		seen := 0
		for _, w := range m.asked() {
			if len(w.identity) > 100 && w.identity[:5] == "x509:" {
				seen++
			}
		}
		if seen == 0 {
			t.Errorf("%s was not asked about a certificate", m.name())
		}
	}
}

// TestX509Refused: certificates that do not lead to the root, or are for another key,
// are refused by both, on each way in, whoever brings them; and nothing has changed.
func TestX509Refused(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	good, bad := newAuthority(t, "root"), newAuthority(t, "root")
	stolen := newOurs(t, s, "somebody").signatureKey()
	for what, certificates := range map[string]func(key []byte) [][]byte{
		"of another root":       func(key []byte) [][]byte { return bad.certify("eve", key) },
		"for another key":       func([]byte) [][]byte { return good.certify("eve", stolen) },
		"without the chain":     func(key []byte) [][]byte { return good.certify("eve", key)[:1] },
		"without the first one": func(key []byte) [][]byte { return good.certify("eve", key)[1:] },
		"that is none":          func([]byte) [][]byte { return [][]byte{[]byte("no certificate")} },
	} {
		for _, make := range []func(name string) member{
			func(name string) member { return anyCredential(newOurs(t, s, name)) },
			func(name string) member { return newTheirs(t, p, s, name, nil) },
		} {
			watchers := []member{anyCredential(newOurs(t, s, "a")), newTheirs(t, p, s, "b", nil)}
			for _, m := range watchers {
				certified(t, m, good.certify(m.name(), m.signatureKey()), good.root)
			}
			eve, founder := make("eve"), make("founder") // of eve's root, or with a basic credential
			certified(t, eve, certificates(eve.signatureKey()), nil)
			eve.create([]byte("eve's"))
			made := eve.commit(change{add: [][]byte{watchers[0].keyPackage(), watchers[1].keyPackage()}})
			for _, m := range watchers {
				refused(t, m, m.join(made.welcome, made.tree), "a Welcome with a certificate %s", what)
			}

			founder.create([]byte(groupID))
			adds(t, change{}, watchers[0], founder)
			adds(t, change{}, watchers[1], founder, watchers[0])
			mate := make("mate")
			adds(t, change{}, mate, founder, watchers...)
			agree(t, watchers...)
			before := watchers[0].state().agreed
			stranger := make("stranger")
			certified(t, stranger, certificates(stranger.signatureKey()), nil)
			info, tree := founder.groupInfo(false)
			external, err := stranger.external(info, tree, false)
			must(t, err)
			update := mate.propose(change{update: true, certificates: certificates(mate.signatureKey())})
			again := make("eve")
			certified(t, again, certificates(again.signatureKey()), nil)
			add := founder.commit(change{add: [][]byte{again.keyPackage()}})
			for _, m := range watchers {
				refused(t, m, m.process(external), "an external commit with a certificate %s", what)
				// ts-mls asks about an Update when it is committed.
				if err := m.process(update); err == nil && m == watchers[0] {
					t.Errorf("%s accepts an Update with a certificate %s", m.name(), what)
				} else if err == nil {
					_, err = m.(*theirs).try("commit", nil)
					refused(t, m, err, "an Update with a certificate %s", what)
				}
				refused(t, m, m.process(add.commit), "an Add with a certificate %s", what)
			}
			agree(t, watchers...)
			if watchers[0].state().agreed != before {
				t.Errorf("a certificate %s: something has changed", what)
			}
		}
	}
}
