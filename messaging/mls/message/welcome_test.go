package message_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

func (w *world) groupInfo(t testing.TB) *message.GroupInfo {
	t.Helper()
	g := &message.GroupInfo{
		GroupContext:    *w.ctx,
		Extensions:      tree.Extensions{message.ExternalPubExtension([]byte("external key")), {Type: 0x5a5a, Data: []byte("grease")}},
		ConfirmationTag: mlstest.Bytes(40, w.s.HashSize()),
		Signer:          3,
	}
	if err := g.Sign(w.s, w.signer); err != nil {
		t.Fatal(err)
	}
	return g
}

func (w *world) groupSecrets(seed uint64) *message.GroupSecrets {
	return &message.GroupSecrets{JoinerSecret: mlstest.Bytes(seed, w.s.HashSize()), PathSecret: mlstest.Bytes(seed+1, w.s.HashSize())}
}

// TestWelcome: three new members of one Welcome, in every suite.
func TestWelcome(t *testing.T) {
	for _, id := range suite.All() {
		t.Run(id.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, id)
			secret := mlstest.Bytes(41, w.s.HashSize())
			info := w.groupInfo(t)
			m := message.NewWelcome(w.s, secret, info)
			var packages []*message.KeyPackage
			var privates []*message.KeyPackagePrivate
			for i := range uint64(3) {
				kp, private := w.keyPackagePair(t, 42+i)
				packages, privates = append(packages, kp), append(privates, private)
				secrets := w.groupSecrets(50 + i)
				if i == 0 {
					secrets.PathSecret = nil
				}
				if err := m.Add(w.s, kp, secrets); err != nil {
					t.Fatal(err)
				}
			}
			m = parse[*message.Welcome](t, message.Wrap(m).Bytes())
			for i, kp := range packages {
				got, err := m.Open(w.s, kp, privates[i].InitKey)
				if err != nil {
					t.Fatal(err)
				}
				want := w.groupSecrets(50 + uint64(i))
				if !bytes.Equal(got.JoinerSecret, want.JoinerSecret) || (got.PathSecret == nil) != (i == 0) {
					t.Errorf("member %d: %+v", i, got)
				}
				_, err = m.Open(w.s, kp, privates[(i+1)%3].InitKey)
				isErr(t, "another's key", err, suite.ErrDecrypt)
			}
			got, err := m.GroupInfo(w.s, secret)
			if err != nil || !bytes.Equal(syntax.Marshal(got), syntax.Marshal(info)) {
				t.Errorf("GroupInfo: %+v, %v", got, err)
			}
			_, err = m.GroupInfo(w.s, mlstest.Bytes(60, w.s.HashSize()))
			isErr(t, "another welcome_secret", err, suite.ErrDecrypt)
		})
	}
}

// TestWelcomeRules: each error that "Joining via Welcome Message" (12.4.3.1) asks
// for up to the GroupInfo.
func TestWelcomeRules(t *testing.T) {
	w, other := newWorld(t, 1), newWorld(t, 3)
	secret := mlstest.Bytes(41, 32)
	kp, private := w.keyPackagePair(t, 42)
	make1 := func(secrets *message.GroupSecrets) *message.Welcome {
		m := message.NewWelcome(w.s, secret, w.groupInfo(t))
		if err := m.Add(w.s, kp, secrets); err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := make1(w.groupSecrets(50))
	_, err := m.Open(w.s, kp, private.InitKey)
	isErr(t, "as it is", err, nil)

	stranger, strangerPrivate := w.keyPackagePair(t, 43)
	_, err = m.Open(w.s, stranger, strangerPrivate.InitKey)
	isErr(t, "for somebody else", err, message.ErrNotForUs)

	m.CipherSuite = 3
	_, err = m.Open(w.s, kp, private.InitKey)
	isErr(t, "a Welcome of another suite", err, message.ErrSuite)
	_, err = m.Open(other.s, kp, private.InitKey)
	isErr(t, "a KeyPackage of another suite", err, message.ErrSuite)
	_, err = message.SealGroupSecrets(other.s, kp, w.groupSecrets(50), nil)
	isErr(t, "an invitation in another suite", err, message.ErrSuite)

	m = make1(w.groupSecrets(50))
	m.EncryptedGroupInfo[0] ^= 1
	_, err = m.Open(w.s, kp, private.InitKey)
	isErr(t, "secrets with another GroupInfo", err, suite.ErrDecrypt)
	_, err = m.GroupInfo(w.s, secret)
	isErr(t, "a changed GroupInfo", err, suite.ErrDecrypt)

	info := w.groupInfo(t)
	info.GroupContext.CipherSuite = 3
	m = message.NewWelcome(w.s, secret, info)
	_, err = m.GroupInfo(w.s, secret)
	isErr(t, "a group of another suite", err, message.ErrSuite)

	key, nonce := schedule.WelcomeKey(w.s, secret)
	m.EncryptedGroupInfo = w.s.Seal(key, nonce, nil, append(syntax.Marshal(w.groupInfo(t)), 0))
	_, err = m.GroupInfo(w.s, secret)
	isErr(t, "a byte after the GroupInfo", err, syntax.ErrTrailing)

	resumption := func(usage schedule.ResumptionUsage) schedule.PreSharedKeyID {
		return schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: usage, GroupID: []byte("old"), Nonce: make([]byte, 32)}
	}
	external := schedule.PreSharedKeyID{Type: schedule.ExternalPSK, Nonce: make([]byte, 32)}
	for what, x := range map[string]struct {
		bend func(*message.GroupSecrets)
		want error
	}{
		"short joiner_secret": {func(g *message.GroupSecrets) { g.JoinerSecret = g.JoinerSecret[1:] }, message.ErrMalformed},
		"short path_secret":   {func(g *message.GroupSecrets) { g.PathSecret = g.PathSecret[1:] }, message.ErrMalformed},
		"empty path_secret":   {func(g *message.GroupSecrets) { g.PathSecret = []byte{} }, message.ErrMalformed},
		"reinit and branch": {func(g *message.GroupSecrets) {
			g.PSKs = []schedule.PreSharedKeyID{resumption(schedule.UsageReInit), external, resumption(schedule.UsageBranch)}
		}, message.ErrMalformed},
		"branch twice": {func(g *message.GroupSecrets) {
			g.PSKs = []schedule.PreSharedKeyID{resumption(schedule.UsageBranch), resumption(schedule.UsageBranch)}
		}, message.ErrMalformed},
		"reinit and others": {func(g *message.GroupSecrets) {
			g.PSKs = []schedule.PreSharedKeyID{external, resumption(schedule.UsageApplication), resumption(schedule.UsageReInit), resumption(schedule.UsageApplication)}
		}, nil},
	} {
		secrets := w.groupSecrets(50)
		x.bend(secrets)
		got, err := make1(secrets).Open(w.s, kp, private.InitKey)
		isErr(t, what, err, x.want)
		if err == nil && len(got.PSKs) != len(secrets.PSKs) {
			t.Errorf("%s: %d PSKs", what, len(got.PSKs))
		}
	}
}

// TestGroupSecretsAreErased overwrites what the caller's slices see.
func TestGroupSecretsAreErased(t *testing.T) {
	w := newWorld(t, 1)
	g := w.groupSecrets(50)
	joiner, path := g.JoinerSecret, g.PathSecret
	g.Erase()
	if !bytes.Equal(joiner, make([]byte, 32)) || !bytes.Equal(path, make([]byte, 32)) || g.JoinerSecret != nil {
		t.Error("secrets are left")
	}
}

// TestGroupInfoSignatureCoversEverything: all fields of GroupInfoTBS (12.4.3).
func TestGroupInfoSignatureCoversEverything(t *testing.T) {
	w := newWorld(t, 1)
	isErr(t, "as it is", w.groupInfo(t).Verify(w.s, w.signer.Public()), nil)
	for what, x := range map[string]struct {
		bend func(*message.GroupInfo)
		want error
	}{
		"suite":            {func(g *message.GroupInfo) { g.GroupContext.CipherSuite = 3 }, message.ErrSuite},
		"group":            {func(g *message.GroupInfo) { g.GroupContext.GroupID = []byte("grouq") }, suite.ErrSignature},
		"epoch":            {func(g *message.GroupInfo) { g.GroupContext.Epoch++ }, suite.ErrSignature},
		"tree hash":        {func(g *message.GroupInfo) { g.GroupContext.TreeHash = nil }, suite.ErrSignature},
		"transcript":       {func(g *message.GroupInfo) { g.GroupContext.ConfirmedTranscriptHash = nil }, suite.ErrSignature},
		"group extensions": {func(g *message.GroupInfo) { g.GroupContext.Extensions = tree.Extensions{{Type: 9}} }, suite.ErrSignature},
		"extensions":       {func(g *message.GroupInfo) { g.Extensions = g.Extensions[:1] }, suite.ErrSignature},
		"confirmation tag": {func(g *message.GroupInfo) { g.ConfirmationTag[0] ^= 1 }, suite.ErrSignature},
		"signer":           {func(g *message.GroupInfo) { g.Signer++ }, suite.ErrSignature},
		"signature":        {func(g *message.GroupInfo) { g.Signature[0] ^= 1 }, suite.ErrSignature},
	} {
		g := w.groupInfo(t)
		x.bend(g)
		isErr(t, what, g.Verify(w.s, w.signer.Public()), x.want)
	}
	g := w.groupInfo(t)
	isErr(t, "another signer", g.Verify(w.s, w.leafKey(t, 9)), suite.ErrSignature)
}

// TestExternalPub: the extension that makes external Commits possible (12.4.3.2).
func TestExternalPub(t *testing.T) {
	w := newWorld(t, 1)
	g := w.groupInfo(t)
	if key, ok, err := g.ExternalPub(); string(key) != "external key" || !ok || err != nil {
		t.Errorf("%q, %v, %v", key, ok, err)
	}
	g.Extensions = g.Extensions[1:]
	if key, ok, err := g.ExternalPub(); key != nil || ok || err != nil {
		t.Errorf("without one: %q, %v, %v", key, ok, err)
	}
	for _, data := range [][]byte{nil, {1}, {1, 2, 3}} {
		g.Extensions = tree.Extensions{{Type: tree.ExtensionExternalPub, Data: data}}
		_, ok, err := g.ExternalPub()
		isErr(t, fmt.Sprintf("%x", data), err, syntax.ErrSyntax)
		if ok {
			t.Errorf("%x: a key", data)
		}
	}
}
