package group

import (
	"bytes"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// Who was removed stores that, and what it needs for late messages; the secrets that
// it could go on with are in its records no more ("Deletion Schedule", 9.2).
func TestRemovedMemberKeepsNoSecretsInItsRecords_9_2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 92)
	all := w.group("alice bob carol", CreateOptions{})
	alice, bob := all[0], all[1]
	late, err := alice.Protect([]byte("late"), nil)
	if err != nil {
		t.Fatal(err)
	}
	records := map[string][]byte{}
	save := func() {
		for _, r := range bob.Changes() {
			if r.Value == nil {
				delete(records, r.Key)
			} else {
				records[r.Key] = r.Value
			}
		}
	}
	save()
	e := bob.current
	var secrets [][]byte
	for _, s := range [][]byte{e.secrets.Init, e.secrets.External, e.secrets.Membership, e.secrets.Confirmation, e.secrets.Exporter, e.secrets.ResumptionPSK, e.private.Key(e.me.Node())} {
		secrets = append(secrets, slices.Clone(s))
	}
	before := slices.Clone(records[recordEpoch])
	p, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{&message.Remove{Removed: bob.Me()}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Process(p.Message); err != nil {
		t.Fatal(err)
	}
	save()
	for key, value := range records {
		for i, s := range secrets {
			if bytes.Contains(value, s) {
				t.Errorf("record %s still has secret %d", key, i)
			}
		}
	}
	state, err := Load(bob.cfg, records)
	if err != nil {
		t.Fatal(err)
	}
	if !state.Removed() || !bytes.Equal(syntax.Marshal(&epochRecord{epoch: state.current}), records[recordEpoch]) {
		t.Error("another state is loaded")
	}
	if _, err := state.Process(late); err != nil {
		t.Errorf("a late message: %v", err)
	}
	records[recordEpoch] = before
	if _, err := Load(bob.cfg, records); err == nil {
		t.Error("the secrets of before go with the state of after")
	}
}
