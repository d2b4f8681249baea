package group

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestLimits: what a peer can make us keep or compute is bounded, and one step below
// the bound is still allowed.
func TestLimits(t *testing.T) {
	t.Parallel()
	big := tree.Extensions{{Type: tree.ExtensionApplicationID, Data: make([]byte, 400)}}
	tests := []struct {
		what   string
		limits Limits // of carol's
		// send returns what is still allowed, and what is too much.
		send func(p people) (fine, bad []byte)
	}{
		{"message", Limits{MessageSize: 4000}, func(p people) (fine, bad []byte) {
			return p.protects(make([]byte, 100)), p.protects(make([]byte, 4000))
		}},
		{"members", Limits{Members: 4}, func(p people) (fine, bad []byte) {
			erin := p.w.client("erin")
			bad = p.alice.forge(badCommit{proposals: []Covered{p.alice.value(adds(p.dave)[0]), p.alice.value(adds(erin)[0])}})
			return p.alice.forge(badCommit{proposals: []Covered{p.alice.value(adds(p.dave)[0])}}), bad
		}},
		{"proposals that wait", Limits{Proposals: 1}, func(p people) (fine, bad []byte) {
			fine = p.proposes(&message.Remove{Removed: p.bob.Me()})
			if _, err := p.carol.Process(fine); err != nil {
				p.w.t.Fatal(err)
			}
			return nil, p.proposesFrom(p.bob, &message.Remove{Removed: p.carol.Me()})
		}},
		{"size of proposals that wait", Limits{ProposalsSize: 5}, func(p people) (fine, bad []byte) {
			p.proposesFrom(p.carol, new(message.SelfRemove))
			fine = p.proposesFrom(p.alice, new(message.SelfRemove))
			if _, err := p.carol.Process(fine); err != nil {
				p.w.t.Fatal(err)
			}
			return nil, p.proposesFrom(p.bob, new(message.SelfRemove))
		}},
		{"size of a member's proposals that wait", Limits{ProposalsSize: 4000}, func(p people) (fine, bad []byte) {
			kp := func(n int) message.Proposal {
				o := func(o *LeafOptions) {
					o.Extensions = tree.Extensions{{Type: tree.ExtensionApplicationID, Data: make([]byte, n)}}
				}
				return &message.Add{KeyPackage: p.dave.keyPackageWith(o, nil)}
			}
			if _, err := p.carol.Process(p.proposes(kp(100))); err != nil {
				p.w.t.Fatal(err)
			}
			return p.proposes(kp(100)), p.proposes(kp(800))
		}},
		{"proposals in a commit", Limits{CommitProposals: 1}, func(p people) (fine, bad []byte) {
			two := []Covered{p.alice.value(adds(p.dave)[0]), p.alice.value(&message.Remove{Removed: p.bob.Me()})}
			return p.alice.forge(badCommit{proposals: two[:1]}), p.alice.forge(badCommit{proposals: two})
		}},
		{"extensions of an update", Limits{ExtensionsSize: 300}, func(p people) (fine, bad []byte) {
			return p.updates(&LeafChange{Extensions: tree.Extensions{}}), p.updates(&LeafChange{Extensions: big})
		}},
		{"extensions of a path", Limits{ExtensionsSize: 300}, func(p people) (fine, bad []byte) {
			return p.alice.forge(badCommit{}), p.alice.forge(badCommit{leaf: func(l *tree.LeafNode) { l.Extensions = big }})
		}},
		{"extensions of an add's leaf", Limits{ExtensionsSize: 300}, func(p people) (fine, bad []byte) {
			kp := p.dave.keyPackageWith(func(o *LeafOptions) { o.Extensions = big }, nil)
			return p.proposes(adds(p.dave)[0]), p.proposes(&message.Add{KeyPackage: kp})
		}},
		{"extensions of a KeyPackage", Limits{ExtensionsSize: 300}, func(p people) (fine, bad []byte) {
			kp := p.dave.keyPackageWith(nil, func(kp *message.KeyPackage) {
				kp.Extensions = big
				if err := kp.Sign(p.w.suite, p.dave.cfg.Signer); err != nil {
					p.w.t.Fatal(err)
				}
			})
			return p.proposes(adds(p.dave)[0]), p.proposes(&message.Add{KeyPackage: kp})
		}},
		{"extensions of the group", Limits{ExtensionsSize: 300}, func(p people) (fine, bad []byte) {
			return p.proposes(&message.GroupContextExtensions{}), p.proposes(&message.GroupContextExtensions{Extensions: big})
		}},
		{"credential", Limits{CredentialSize: 100}, func(p people) (fine, bad []byte) {
			long := tree.BasicCredential(bytes.Repeat([]byte("x"), 101))
			p.alice.naive = true
			return p.updates(nil), p.updates(&LeafChange{Credential: &long})
		}},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testSuite, 42)
			all := w.group("alice bob carol", CreateOptions{})
			p := people{w, all[0], all[1], all[2], w.client("dave")}
			p.carol.State.cfg.Limits = test.limits.withDefaults()
			fine, bad := test.send(p)
			w.refuses(bad, ErrLimit, p.carol)
			if fine != nil {
				if _, err := p.carol.Process(fine); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func (p people) protects(data []byte) []byte {
	p.w.t.Helper()
	msg, err := p.alice.Protect(data, nil)
	if err != nil {
		p.w.t.Fatal(err)
	}
	return msg
}

func (p people) proposesFrom(by *peer, proposal message.Proposal) []byte {
	p.w.t.Helper()
	msg, err := by.Propose(proposal, ProposalOptions{})
	if err != nil {
		p.w.t.Fatal(err)
	}
	return msg
}

func (p people) updates(change *LeafChange) []byte {
	p.w.t.Helper()
	msg, err := p.alice.ProposeUpdate(change, ProposalOptions{})
	if err != nil {
		p.w.t.Fatal(err)
	}
	return msg
}

// TestConfig: a State needs all that it works with.
func TestConfig(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 43)
	c := w.client("alice")
	for what, spoil := range map[string]func(*Config){
		"suite":      func(c *Config) { c.Suite = nil },
		"signer":     func(c *Config) { c.Signer = nil },
		"randomness": func(c *Config) { c.Rand = nil },
		"clock":      func(c *Config) { c.Now = nil },
	} {
		cfg := c.cfg
		spoil(&cfg)
		if _, err := Create(cfg, nil, c.leaf(), CreateOptions{}); !errors.Is(err, ErrConfig) {
			t.Errorf("without %s: %v", what, err)
		}
	}
}

// TestCapabilitiesCount with the extensions of a leaf: both stay in everybody's tree.
func TestCapabilitiesCount(t *testing.T) {
	t.Parallel()
	c := Config{Limits: Limits{ExtensionsSize: 100}.withDefaults()}
	one := tree.Extensions{{Type: tree.ExtensionApplicationID, Data: make([]byte, 80)}} // 88 bytes
	for what, list := range map[string]func(can *tree.Capabilities, n int){
		"versions":    func(can *tree.Capabilities, n int) { can.Versions = make([]tree.ProtocolVersion, n) },
		"suites":      func(can *tree.Capabilities, n int) { can.CipherSuites = make([]suite.ID, n) },
		"extensions":  func(can *tree.Capabilities, n int) { can.Extensions = make([]tree.ExtensionType, n) },
		"proposals":   func(can *tree.Capabilities, n int) { can.Proposals = make([]tree.ProposalType, n) },
		"credentials": func(can *tree.Capabilities, n int) { can.Credentials = make([]tree.CredentialType, n) },
	} {
		for n, want := range map[int]error{6: nil, 7: ErrLimit} {
			leaf := &tree.LeafNode{Extensions: one}
			list(&leaf.Capabilities, n)
			if err := c.sizes(leaf); !errors.Is(err, want) {
				t.Errorf("%d %s: %v, want %v", n, what, err, want)
			}
		}
	}
}

// TestCredentialSizeCountsEveryCertificate: those of no bytes too.
func TestCredentialSizeCountsEveryCertificate(t *testing.T) {
	t.Parallel()
	c := Config{Limits: Limits{CredentialSize: 100}.withDefaults()}
	for n, want := range map[int]error{25: nil, 26: ErrLimit} {
		leaf := &tree.LeafNode{Credential: tree.Credential{Type: tree.CredentialX509, Certificates: make([][]byte, n)}}
		if err := c.sizes(leaf); !errors.Is(err, want) {
			t.Errorf("%d certificates: %v, want %v", n, err, want)
		}
	}
}
