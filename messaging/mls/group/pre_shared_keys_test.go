package group

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
)

// TestPSKsOfAWelcomeAreLookedUpOnce: whoever has a KeyPackage of ours can write a
// Welcome that names one key again and again, with other nonces, before anybody's
// signature is looked at.
func TestPSKsOfAWelcomeAreLookedUpOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 44)
	dave := w.client("dave")
	asked := map[string]int{}
	dave.cfg.PSK = func(id []byte) ([]byte, error) {
		asked[string(id)]++
		return []byte("secret"), nil
	}
	dave.cfg.Resumption = func(groupID []byte, epoch uint64) ([]byte, error) {
		asked[string(groupID)+string(rune('0'+epoch))]++
		return []byte("secret"), nil
	}
	secrets := &message.GroupSecrets{JoinerSecret: make([]byte, w.suite.HashSize())}
	for i := range uint64(20) {
		nonce := mlstest.Bytes(i, w.suite.HashSize())
		secrets.PSKs = append(secrets.PSKs,
			schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("psk"), Nonce: nonce},
			schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: schedule.UsageApplication, GroupID: []byte("group"), Epoch: i % 2, Nonce: nonce})
	}
	welcome := &message.Welcome{CipherSuite: w.suite.ID(), EncryptedGroupInfo: []byte("anything")}
	if err := welcome.Add(w.suite, dave.keyPackage(), secrets); err != nil {
		t.Fatal(err)
	}
	if _, err := Join(dave.cfg, dave.kp, welcome, JoinOptions{}); err == nil {
		t.Fatal("joined by nothing")
	}
	if len(asked) != 3 || asked["psk"] != 1 || asked["group0"] != 1 || asked["group1"] != 1 {
		t.Errorf("asked for %v", asked)
	}
}

// What a lookup finds is handed out as copies, whoever overwrites one, and is
// overwritten at the end. What is not found is asked for again.
func TestOnce(t *testing.T) {
	t.Parallel()
	var found [][]byte
	fails := true
	get, forget := once(func(id *schedule.PreSharedKeyID) ([]byte, error) {
		if fails {
			return nil, ErrPSK
		}
		found = append(found, append([]byte("secret "), id.ID...))
		return found[len(found)-1], nil
	})
	a := &schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("a"), Nonce: []byte("1")}
	if _, err := get(a); !errors.Is(err, ErrPSK) {
		t.Fatal(err)
	}
	fails = false
	for _, nonce := range []string{"1", "2"} {
		for _, id := range []string{"a", "b"} {
			secret, err := get(&schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte(id), Nonce: []byte(nonce)})
			if err != nil || string(secret) != "secret "+id {
				t.Errorf("%s, %s: %q, %v", id, nonce, secret, err)
			}
			clear(secret)
		}
	}
	if string(a.Nonce) != "1" || len(found) != 2 {
		t.Errorf("%q; %d lookups", a.Nonce, len(found))
	}
	forget()
	for _, secret := range found {
		if string(secret) != string(make([]byte, len(secret))) {
			t.Errorf("%q is not overwritten", secret)
		}
	}
}
