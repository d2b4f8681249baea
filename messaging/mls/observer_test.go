package mls_test

import (
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// observer finds out with which AEAD key and nonce each message of a device was
// encrypted, and fails the test when a key comes twice. It knows the secrets of an
// epoch from the records of another member, as they are when the epoch begins.
type observer struct {
	t      testing.TB
	epochs map[string]*observed
	seen   map[string]string // AEAD key: the message
	count  int
}

// observed is an epoch of a group with all its keys.
type observed struct {
	senderData []byte
	keys       *schedule.SecretTree
}

func newObserver(t testing.TB) *observer {
	return &observer{t: t, epochs: map[string]*observed{}, seen: map[string]string{}}
}

// epochRecord reads what the observer needs of a state's record "epoch".
type epochRecord struct {
	context schedule.GroupContext
	secrets *schedule.Secrets
}

func (e *epochRecord) Unmarshal(r *syntax.Reader) {
	r.Uint8() // format
	e.context.Unmarshal(r)
	new(treekem.Private).Unmarshal(r)
	s, err := suite.Get(e.context.CipherSuite)
	if err != nil {
		r.Fail(err)
		return
	}
	e.secrets = schedule.ReadSecrets(s, r)
}

// learn reads the current epoch of a member whose store this is, before any message of
// the epoch was received or sent.
func (o *observer) learn(store *mls.Memory, id []byte) {
	o.t.Helper()
	prefix := fmt.Sprintf("group/%x/state/", id)
	value, _ := store.Get(prefix + "epoch")
	var e epochRecord
	if err := syntax.Unmarshal(value, &e); err != nil {
		o.t.Fatalf("the observer cannot read an epoch: %v", err)
	}
	nodes, _ := store.Get(fmt.Sprintf("%skeys/%016x/nodes", prefix, e.context.Epoch))
	s, _ := suite.Get(e.context.CipherSuite)
	keys, err := schedule.RestoreSecretTree(s, nodes, func(l tree.LeafIndex) ([]byte, error) {
		return nil, fmt.Errorf("leaf %d was used before the observer came", l)
	})
	if err != nil {
		o.t.Fatal(err)
	}
	name := fmt.Sprintf("%x %d", id, e.context.Epoch)
	if o.epochs[name] == nil {
		o.epochs[name] = &observed{e.secrets.SenderData, keys}
	}
}

// sent is told of each message that has left.
func (o *observer) sent(b []byte) {
	o.t.Helper()
	m, err := message.Parse(b)
	if err != nil {
		o.t.Fatal(err)
	}
	private, ok := m.Body.(*message.PrivateMessage)
	if !ok {
		return // no AEAD key
	}
	name := fmt.Sprintf("%x %d", private.GroupID, private.Epoch)
	e := o.epochs[name]
	if e == nil {
		o.t.Fatalf("nobody has told the observer of epoch %s", name)
	}
	s, _ := suite.Get(testSuite)
	data, err := private.SenderData(s, e.senderData)
	if err != nil {
		o.t.Fatal(err)
	}
	kind := schedule.Application
	if private.ContentType != message.ContentApplication {
		kind = schedule.Handshake
	}
	opening, err := e.keys.Peek(data.LeafIndex, kind, data.Generation)
	if err != nil {
		o.t.Fatal(err)
	}
	key := string(opening.Key().Key) + string(opening.Key().Nonce)
	if before, twice := o.seen[key]; twice && before != string(b) {
		o.t.Fatalf("epoch %s: leaf %d has used the key of generation %d of its %v ratchet twice", name, data.LeafIndex, data.Generation, kind)
	} else if !twice {
		o.seen[key] = string(b)
		o.count++
	}
}
