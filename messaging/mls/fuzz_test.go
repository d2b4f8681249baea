package mls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// story is a client's store at several moments, the newest last.
type story struct {
	cfg     Config
	id      []byte
	moments []*Memory
	keys    []string // of all moments
}

func tell(t testing.TB) *story {
	rand := mlstest.Rand(77)
	config := func(name string) Config {
		s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
		if err != nil {
			t.Fatal(err)
		}
		_, signer, err := s.GenerateSigner(rand)
		if err != nil {
			t.Fatal(err)
		}
		return Config{
			Suite: s.ID(), Credential: tree.BasicCredential([]byte(name)), Signer: signer, Rand: rand,
			Authenticator: group.AuthenticatorFunc(func([]byte, []group.Candidate) error { return nil }),
			Now:           func() time.Time { return time.Unix(1_800_000_000, 0) },
		}
	}
	s := &story{cfg: config("alice"), id: []byte("fuzzed")}
	mine := &Memory{}
	bobs := config("bob")
	s.cfg.Store, bobs.Store = mine, &Memory{}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	alice, err := NewClient(s.cfg)
	check(err)
	bob, err := NewClient(bobs)
	check(err)
	a, err := alice.Create(s.id, nil)
	check(err)
	moment := func() { s.moments = append(s.moments, mine.Clone()) }
	moment()
	packs, err := bob.KeyPackages(1)
	check(err)
	staged, err := a.Invite(packs...)
	check(err)
	_, err = alice.KeyPackages(1)
	check(err)
	moment()
	_, err = a.Confirm()
	check(err)
	b, err := bob.Join(staged.Welcome, nil)
	check(err)
	for range 2 {
		moment()
		_, err = a.Send([]byte("sent"), nil)
		check(err)
	}
	moment()
	update, err := b.ProposeUpdate(nil, group.ProposalOptions{})
	check(err)
	_, err = a.Receive(update)
	check(err)
	moment()
	_, err = a.Commit(group.CommitOptions{})
	check(err)
	moment()
	for _, m := range s.moments {
		keys, _ := m.List("")
		s.keys = append(s.keys, keys...)
	}
	slices.Sort(s.keys)
	s.keys = slices.Compact(s.keys)
	return s
}

// FuzzRestore opens a client on records that are damaged, cut off, lost, swapped, or of
// different moments, as edits tell (8 bytes each). It never panics; and if the group
// opens, it is whole at one moment, so that no key is used that this moment has used.
//
// With the first byte odd, the head is made to fit what was edited, as if the digest
// were not there: then only the first promise is left to check.
func FuzzRestore(f *testing.F) {
	s := tell(f)
	newest := byte(len(s.moments) - 1)
	for m := range len(s.moments) {
		f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0}, byte(m))
	}
	for k := range s.keys {
		for kind := range byte(6) {
			edit := []byte{kind << 1 & 2, kind, byte(k), byte(k >> 8), 3, 2, 1, 0, 4}
			f.Add(edit, newest)
			edit = slices.Clone(edit)
			edit[0] |= 1
			f.Add(edit, newest)
		}
	}
	f.Fuzz(func(t *testing.T, edits []byte, moment byte) {
		store := s.moments[int(moment)%len(s.moments)].Clone()
		if len(edits) == 0 {
			return
		}
		refit := edits[0]&1 == 1
		for e := edits[1:]; len(e) >= 8; e = e[8:] {
			s.edit(store, e[:8])
		}
		if refit {
			s.refit(store)
		}
		cfg := s.cfg
		cfg.Store = store
		client, err := NewClient(cfg)
		if err != nil {
			t.Fatal(err)
		}
		before := store.Clone()
		_, _ = client.SweepKeyPackages()
		_, _ = client.Groups()
		g, err := client.Open(s.id)
		if err == nil {
			if !refit && !s.wholeMoment(before) {
				t.Fatal("a group of records that are not of one moment was opened")
			}
			_, _ = g.Members()
			_, _ = g.Pending()
			_, _ = g.Send([]byte("x"), nil)
			if _, err := g.Confirm(); err == nil {
				_, _ = g.Send([]byte("y"), nil)
			}
			_, _ = g.Update(nil)
			_ = g.Discard()
		} else if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrNoGroup) {
			t.Fatalf("Open: %v, want ErrCorrupt, ErrFormat or ErrNoGroup", err)
		}
		cfg.Store = before
		_, _ = Restore(cfg)
		_ = client.Forget(s.id)
	})
}

// edit changes one record as 8 bytes say.
func (s *story) edit(m *Memory, e []byte) {
	key := s.keys[int(binary.LittleEndian.Uint16(e[1:]))%len(s.keys)]
	at := int(binary.LittleEndian.Uint16(e[3:]))
	value, _ := m.Get(key)
	switch e[0] % 6 {
	case 0: // of another moment
		value, _ = s.moments[int(e[5])%len(s.moments)].Get(key)
	case 1: // cut off
		if len(value) > 1 {
			value = value[:1+at%(len(value)-1)]
		}
	case 2: // flipped
		if len(value) > 0 {
			value[at%len(value)] ^= e[5] | 1
		}
	case 3: // lost
		value = nil
	case 4: // longer
		value = append(value, e[5:]...)
	case 5: // another record's
		value, _ = m.Get(s.keys[int(e[5])%len(s.keys)])
	}
	_ = m.Apply(Batch{Write: []Record{{key, value}}})
}

// refit makes the head agree with the other records.
func (s *story) refit(m *Memory) {
	prefix := groupPrefix(s.id)
	keys, _ := m.List(prefix)
	h := groupHead{count: 1}
	for _, key := range keys {
		if name := key[len(prefix):]; name != headKey {
			value, _ := m.Get(key)
			h.sum.add(recordDigest(name, value))
		}
	}
	_ = m.Apply(Batch{Write: []Record{{prefix + headKey, syntax.Marshal(&h)}}})
}

// wholeMoment reports whether the group's records are all those of one moment.
func (s *story) wholeMoment(m *Memory) bool {
	prefix := groupPrefix(s.id)
	have, _ := m.List(prefix)
	return slices.ContainsFunc(s.moments, func(o *Memory) bool {
		want, _ := o.List(prefix)
		return slices.Equal(have, want) && !slices.ContainsFunc(have, func(key string) bool {
			a, _ := m.Get(key)
			b, _ := o.Get(key)
			return !bytes.Equal(a, b)
		})
	})
}
