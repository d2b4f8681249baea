package interop

import (
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// theirs is a member of ts-mls.
type theirs struct {
	t   testing.TB
	p   *peer
	who string
	id  string // in the peer's process
	by  string // "reinit" or "branch": joins by the function for those
	key []byte
	in  bool // in a group
}

// newTheirs makes a client in the peer's process. options are those of "client" in
// peer.mjs.
func newTheirs(t testing.TB, p *peer, s *suite.Suite, name string, options q) *theirs {
	t.Helper()
	m := &theirs{t: t, p: p, who: name, id: fmt.Sprintf("%s, client %d", name, p.clients.Add(1))}
	fields := q{"suite": s.ID(), "identity": name, "grease": true}
	for k, v := range options {
		fields[k] = v
	}
	m.key = m.ask("client", fields).Key
	return m
}

func (m *theirs) fields(fields q) q {
	all := q{"who": m.id}
	for k, v := range fields {
		all[k] = v
	}
	return all
}

func (m *theirs) ask(op string, fields q) answer {
	m.t.Helper()
	a, err := m.try(op, fields)
	if err != nil {
		m.t.Fatalf("%s: %s: %v", m.name(), op, err)
	}
	return a
}

func (m *theirs) try(op string, fields q) (answer, error) {
	m.t.Helper()
	var a answer
	m.p.try(op, m.fields(fields), &a)
	if a.Error != "" {
		return a, fmt.Errorf("%w: %s", errPeer, a.Error)
	}
	return a, nil
}

func (m *theirs) name() string         { return "their " + m.who }
func (m *theirs) signatureKey() []byte { return m.key }
func (m *theirs) keyPackage() []byte   { return m.ask("keyPackage", nil).KeyPackage }

func (m *theirs) create(group []byte) {
	m.t.Helper()
	m.found(group, nil)
}

func (m *theirs) found(group []byte, extensions tree.Extensions) {
	m.t.Helper()
	m.ask("create", q{"group": group, "extensions": extensionsOf(extensions)})
	m.in = true
}

// with adds a field that may be absent.
func with(fields q, name string, value []byte) q {
	if value != nil {
		fields[name] = value
	}
	return fields
}

func (m *theirs) join(welcome, tree []byte) error {
	m.t.Helper()
	fields := with(q{"welcome": welcome}, "tree", tree)
	if m.by != "" {
		fields["by"] = m.by
	}
	_, err := m.try("join", fields)
	m.in = m.in || err == nil
	return err
}

func (m *theirs) external(groupInfo, tree []byte, resync bool) ([]byte, error) {
	m.t.Helper()
	a, err := m.try("external", with(q{"groupInfo": groupInfo, "resync": resync}, "tree", tree))
	m.in = m.in || err == nil
	return a.Commit, err
}

func (m *theirs) groupInfo(treeInside bool) (groupInfo, tree []byte) {
	m.t.Helper()
	a := m.ask("groupInfo", q{"treeInside": treeInside})
	return a.GroupInfo, a.Tree
}

func (m *theirs) commit(c change) sent {
	m.t.Helper()
	fields := q{"add": c.add, "remove": c.remove, "public": c.public, "treeInside": c.treeInside, "aad": []byte(c.aad)}
	var psks []q
	if c.psk != "" {
		psks = append(psks, q{"id": []byte(c.psk)})
	}
	if c.epochPSK != nil {
		psks = append(psks, q{"epoch": *c.epochPSK})
	}
	fields["psks"] = psks
	c.others(fields)
	a := m.ask("commit", fields)
	return sent{a.Commit, a.Welcome, a.Tree}
}

// others adds to a request what both commits and proposals can have.
func (c change) others(fields q) {
	if c.extensions != nil {
		fields["extensions"] = extensionsOf(*c.extensions)
	}
	if c.reinit != nil {
		fields["reinit"] = reinitOf(c.reinit)
	}
	if c.custom != nil {
		fields["custom"] = q{"type": c.custom.Type, "data": c.custom.Data}
	}
}

func extensionsOf(extensions tree.Extensions) []q {
	all := make([]q, len(extensions))
	for i, e := range extensions {
		all[i] = q{"type": e.Type, "data": e.Data}
	}
	return all
}

func reinitOf(r *message.ReInit) q {
	return q{"group": r.GroupID, "suite": r.CipherSuite, "extensions": extensionsOf(r.Extensions)}
}

func (m *theirs) propose(c change) []byte {
	m.t.Helper()
	fields := q{"public": c.public, "aad": []byte(c.aad)}
	switch {
	case len(c.add) > 0:
		fields["add"] = c.add[0]
	case len(c.remove) > 0:
		fields["remove"] = c.remove[0]
	case c.update && c.certificates != nil:
		fields["update"] = q{"certificates": c.certificates}
	case c.update && c.identity != "":
		fields["update"] = q{"identity": c.identity}
	case c.update:
		fields["update"] = q{}
	case c.psk != "":
		fields["psk"] = q{"id": []byte(c.psk)}
	}
	c.others(fields)
	return m.ask("propose", fields).Proposal
}

func (m *theirs) process(message []byte) error {
	m.t.Helper()
	_, err := m.try("process", q{"message": message})
	return err
}

func (m *theirs) send(aad string, texts ...string) [][]byte {
	m.t.Helper()
	var all [][]byte
	for _, text := range texts {
		all = append(all, []byte(text))
	}
	return m.ask("send", q{"texts": all, "aad": []byte(aad)}).Messages
}

func (m *theirs) receive(message []byte) (text, aad string, err error) {
	m.t.Helper()
	a, err := m.try("process", q{"message": message})
	if err == nil && a.Kind != "application" {
		err = fmt.Errorf("%w: a %s", errPeer, a.Kind)
	}
	return string(a.Text), string(a.AAD), err
}

func (m *theirs) psk(id, secret string) {
	m.t.Helper()
	m.ask("psk", q{"id": []byte(id), "secret": []byte(secret)})
}

func (m *theirs) refuse(identities []string, keys [][]byte) {
	m.t.Helper()
	m.ask("refuse", q{"identities": identities, "keys": keys})
}

func (m *theirs) asked() (all []who) {
	m.t.Helper()
	for _, a := range m.ask("asked", nil).Asked {
		all = append(all, whoIs(a.Identity, a.Key))
	}
	return all
}

// The exporter's arguments of state.
const (
	exportLabel   = "interop"
	exportContext = "some context"
	exportLength  = 77
)

func (m *theirs) state() state {
	m.t.Helper()
	a := m.ask("state", q{"label": exportLabel, "context": []byte(exportContext), "length": exportLength})
	var members string
	for _, one := range a.Members {
		members += fmt.Sprintf("%d %s %x\n", one.Index, one.Identity, one.Key)
	}
	return state{a.Active, a.Leaf, agreed{
		epoch: a.Epoch, closed: a.Closed, treeHash: string(a.TreeHash), transcript: string(a.Transcript),
		authenticator: string(a.Authenticator), exported: string(a.Exported), members: members,
	}}
}
