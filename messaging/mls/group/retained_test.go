package group

import (
	"runtime"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// ballast is what comes along with a message, and is of no use afterwards.
const ballast = 1 << 20

// heap is the memory that is in use.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestStateIsSmall: a State keeps no more of a message than it needs. What was read
// from a large one does not keep the whole of it in memory. It measures memory, and so
// is not parallel.
func TestStateIsSmall(t *testing.T) {
	junk := func() tree.Extensions {
		return tree.Extensions{{Type: 0xf0f0, Data: make([]byte, ballast)}}
	}
	// say is a Commit of alice's with ballast, and only these proposals.
	say := func(p people, proposals ...message.Proposal) []byte {
		return p.commits(CommitOptions{ByValue: proposals, References: []message.ProposalRef{}, AAD: make([]byte, ballast), Public: true})
	}
	welcome := func(p people, o CommitOptions) *message.Welcome {
		o.ByValue = adds(p.dave)
		c, err := p.alice.Commit(o)
		if err != nil {
			p.w.t.Fatal(err)
		}
		m, err := message.Parse(c.Welcome)
		if err != nil {
			p.w.t.Fatal(err)
		}
		return m.Body.(*message.Welcome)
	}
	process := func(c *peer, msg []byte) func() {
		return func() {
			if _, err := c.Process(msg); err != nil {
				c.w.t.Fatal(err)
			}
		}
	}
	tests := []struct {
		what string
		// prepare returns what makes or changes a State.
		prepare func(p people) func()
	}{
		{"an add", func(p people) func() { return process(p.bob, say(p, adds(p.dave)...)) }},
		{"an add of a large KeyPackage", func(p people) func() {
			kp := p.dave.keyPackageWith(nil, func(kp *message.KeyPackage) {
				kp.Extensions = junk()
				if err := kp.Sign(p.w.suite, p.dave.cfg.Signer); err != nil {
					p.w.t.Fatal(err)
				}
			})
			msg := p.proposes(&message.Add{KeyPackage: kp})
			commit := p.commits(CommitOptions{})
			return func() {
				process(p.bob, msg)()
				process(p.bob, commit)()
			}
		}},
		{"a commit of our own that adds a large KeyPackage", func(p people) func() {
			msg := func() []byte {
				kp := p.dave.keyPackageWith(nil, func(kp *message.KeyPackage) {
					kp.Extensions = junk()
					if err := kp.Sign(p.w.suite, p.dave.cfg.Signer); err != nil {
						p.w.t.Fatal(err)
					}
				})
				p.dave.kp = nil
				return p.proposes(&message.Add{KeyPackage: kp})
			}()
			return func() {
				process(p.bob, msg)()
				c, err := p.bob.Commit(CommitOptions{})
				if err != nil {
					p.w.t.Fatal(err)
				}
				if _, err := p.bob.Merge(c); err != nil {
					p.w.t.Fatal(err)
				}
			}
		}},
		{"an update", func(p people) func() {
			msg, err := p.carol.ProposeUpdate(nil, ProposalOptions{AAD: make([]byte, ballast), Public: true})
			if err != nil {
				p.w.t.Fatal(err)
			}
			p.w.tell(p.carol, []*peer{p.alice, p.carol}, msg)
			commit := p.commits(CommitOptions{})
			return func() {
				process(p.bob, msg)()
				process(p.bob, commit)()
			}
		}},
		{"extensions of the group", func(p people) func() {
			return process(p.bob, say(p, &message.GroupContextExtensions{Extensions: tree.Extensions{senders(p.w, "robot")}}))
		}},
		{"application data", func(p people) func() {
			return process(p.bob, say(p, &message.AppDataUpdate{Component: component.AppComponentsID, Update: []byte{0}}))
		}},
		{"a reinit", func(p people) func() {
			return process(p.bob, say(p, &message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: p.w.suite.ID()}))
		}},
		{"a path", func(p people) func() { return process(p.bob, say(p)) }},
		{"an external commit", func(p people) func() {
			info, err := p.alice.GroupInfo(GroupInfoOptions{ExternalPub: true})
			if err != nil {
				p.w.t.Fatal(err)
			}
			_, msg, err := JoinExternal(p.dave.cfg, info, ExternalOptions{Leaf: p.dave.leaf(), AAD: make([]byte, ballast)})
			if err != nil {
				p.w.t.Fatal(err)
			}
			return process(p.bob, msg)
		}},
		{"a Welcome", func(p people) func() {
			w := welcome(p, CommitOptions{GroupInfo: junk()})
			return func() {
				s, err := Join(p.dave.cfg, p.dave.kp, w, JoinOptions{})
				if err != nil {
					p.w.t.Fatal(err)
				}
				p.dave.State = s
			}
		}},
		{"a Welcome with a leaf that is large, and then goes", func(p people) func() {
			able := DefaultCapabilities(tree.CredentialBasic)
			able.Extensions = append(able.Extensions, junk()[0].Type)
			p.w.commit(p.alice, []*peer{p.alice, p.bob, p.carol}, CommitOptions{Leaf: &LeafChange{Capabilities: &able, Extensions: junk()}})
			w := welcome(p, CommitOptions{OmitPath: true})
			if _, err := p.alice.Merge(p.alice.Pending()); err != nil {
				p.w.t.Fatal(err)
			}
			commit := p.commits(CommitOptions{Leaf: &LeafChange{Extensions: tree.Extensions{}}})
			return func() {
				s, err := Join(p.dave.cfg, p.dave.kp, w, JoinOptions{})
				if err != nil {
					p.w.t.Fatal(err)
				}
				p.dave.State = s
				process(p.dave, commit)()
			}
		}},
		{"a GroupInfo", func(p people) func() {
			info, err := p.alice.GroupInfo(GroupInfoOptions{ExternalPub: true, Extensions: junk()})
			if err != nil {
				p.w.t.Fatal(err)
			}
			encoded := message.Wrap(info).Bytes()
			return func() {
				m, err := message.Parse(append([]byte(nil), encoded...))
				if err != nil {
					p.w.t.Fatal(err)
				}
				s, _, err := JoinExternal(p.dave.cfg, m.Body.(*message.GroupInfo), ExternalOptions{Leaf: p.dave.leaf()})
				if err != nil {
					p.w.t.Fatal(err)
				}
				p.dave.State = s
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			w := newWorld(t, testSuite, 72)
			w.limits = Limits{ExtensionsSize: 2 * ballast, PastEpochs: -1}
			all := w.group("alice bob carol", CreateOptions{})
			p := people{w, all[0], all[1], all[2], w.client("dave")}
			change := test.prepare(p)
			clear(w.asked)
			before := heap()
			change()
			clear(w.asked)
			if after := heap(); after > before+ballast/4 {
				t.Errorf("%d KiB more", (after-before)>>10)
			}
			runtime.KeepAlive(change)
			runtime.KeepAlive(p)
		})
	}
}
