package record

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A story is a chain under construction: what the log holds, version by version.
type story struct {
	t       testing.TB
	records [][]byte
}

func (s *story) last() *Link {
	if len(s.records) == 0 {
		return nil
	}
	l := LinkOf(uint32(len(s.records)-1), s.records[len(s.records)-1])
	return &l
}

func (s *story) add(b []byte, err error) {
	s.t.Helper()
	s.records = append(s.records, must(s.t)(b, err))
}

func (s *story) imported() {
	s.add(NewImported(testDomain, testLabel, s.last(), []PublishedKey{ageKey("imported")}))
}
func (s *story) claim(who string) {
	s.add(NewClaim(testDomain, testLabel, s.last(), Content{}, person(who)))
}
func (s *story) owner(who, before string) {
	s.add(NewOwner(testDomain, testLabel, *s.last(), Content{Recovery: keyPtr("recovery of " + who)}, person(who), person(before)))
}
func (s *story) reset(who string, recovery ed25519.PrivateKey) {
	s.add(NewReset(testDomain, testLabel, s.last(), Content{}, person(who), recovery))
}
func (s *story) closed(who string) {
	s.add(NewClosed(testDomain, testLabel, *s.last(), "ann@elsewhere.org", person(who)))
}

// follow runs a client over the records from a version on, without those left out.
func (s *story) follow(skip ...int) (State, []*Event) {
	s.t.Helper()
	var st State
	var events []*Event
next:
	for v, b := range s.records {
		for _, x := range skip {
			if x == v {
				continue next
			}
		}
		n, e, err := Next(st, Place{testDomain, testLabel, uint32(v)}, b)
		if err != nil {
			s.t.Fatalf("version %d: %v", v, err)
		}
		st, events = n, append(events, e)
	}
	return st, events
}

func TestChain(t *testing.T) {
	for _, c := range []struct {
		name   string
		tell   func(s *story)
		skip   []int
		last   EventKind
		reason Reason
		stands Standing
		holder string
	}{
		{"first contact with a claim", func(s *story) { s.claim("ann") }, nil, FirstContact, 0, Held, "ann"},
		{"first contact with an import", func(s *story) { s.imported() }, nil, FirstContact, 0, Asserted, ""},
		{"first contact in the middle", func(s *story) { s.claim("ann"); s.owner("ann2", "ann") }, []int{0}, FirstContact, 0, Held, "ann2"},
		{"first contact with a closed account", func(s *story) { s.claim("ann"); s.closed("ann") }, []int{0}, FirstContact, 0, Vacated, "ann"},
		{"update", func(s *story) { s.claim("ann"); s.owner("ann", "ann") }, nil, Update, 0, Held, "ann"},
		{"key change", func(s *story) { s.claim("ann"); s.owner("ann2", "ann") }, nil, KeyChange, 0, Held, "ann2"},
		{"update after a key change", func(s *story) { s.claim("ann"); s.owner("ann2", "ann"); s.owner("ann2", "ann2") }, nil, Update, 0, Held, "ann2"},
		{"claim of an import", func(s *story) { s.imported(); s.claim("ann") }, nil, Claim, 0, Held, "ann"},
		{"import again", func(s *story) { s.imported(); s.imported() }, nil, Reassertion, 0, Asserted, ""},
		{"closing", func(s *story) { s.claim("ann"); s.closed("ann") }, nil, Closing, 0, Vacated, "ann"},
		{"claim after closing", func(s *story) { s.claim("ann"); s.closed("ann"); s.claim("bob") }, nil, NewPerson, 0, Held, "bob"},
		{"the same key after closing", func(s *story) { s.claim("ann"); s.closed("ann"); s.claim("ann") }, nil, NewPerson, 0, Held, "ann"},
		{"import after closing", func(s *story) { s.claim("ann"); s.closed("ann"); s.imported() }, nil, NewPerson, 0, Asserted, ""},
		{"claim after closing, across a gap", func(s *story) { s.claim("ann"); s.closed("ann"); s.claim("bob"); s.owner("bob", "bob") }, []int{2}, NewPerson, 0, Held, "bob"},
		{"honest reset", func(s *story) { s.claim("ann"); s.reset("ann2", nil) }, nil, StartedOver, ReasonUnlinked, Held, "ann2"},
		{"reset by the recovery key", func(s *story) {
			s.claim("ann")
			s.owner("ann", "ann")
			s.reset("ann2", person("recovery of ann"))
		}, nil, StartedOver, ReasonRecovered, Held, "ann2"},
		{"recovery key that was replaced", func(s *story) {
			s.claim("ann")
			s.owner("ann", "ann")
			s.owner("ann2", "ann")
			s.reset("ann3", person("recovery of ann"))
		}, nil, StartedOver, ReasonUnlinked, Held, "ann3"},
		{"gap over updates of the pinned key", func(s *story) { s.claim("ann"); s.owner("ann", "ann"); s.owner("ann", "ann") }, []int{1}, StartedOver, ReasonGap, Held, "ann"},
		{"gap over an import", func(s *story) { s.imported(); s.claim("ann"); s.imported() }, []int{1}, StartedOver, ReasonGap, Asserted, ""},
		{"import over an account", func(s *story) { s.claim("ann"); s.imported() }, nil, StartedOver, ReasonReimported, Asserted, ""},
		{"claim over an account", func(s *story) { s.claim("ann"); s.claim("mallory") }, nil, StartedOver, ReasonUnlinked, Held, "mallory"},
		{"claim by the pinned key is its update", func(s *story) { s.claim("ann"); s.claim("ann") }, nil, Update, 0, Held, "ann"},
		{"reset by the pinned key is its update", func(s *story) { s.claim("ann"); s.reset("ann", nil) }, nil, Update, 0, Held, "ann"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &story{t: t}
			c.tell(s)
			st, events := s.follow(c.skip...)
			e := events[len(events)-1]
			if e.Kind != c.last || e.Reason != c.reason {
				t.Errorf("event %v (%v), want %v (%v)", e.Kind, e.Reason, c.last, c.reason)
			}
			if st.Standing != c.stands || e.After != c.stands {
				t.Errorf("standing %v, want %v", st.Standing, c.stands)
			}
			if c.holder != "" && st.Account != KeyOf(person(c.holder)) {
				t.Error("another key is pinned")
			}
			if blocks := c.last == StartedOver || c.last == NewPerson; (st.Blocked != 0) != blocks || e.Kind.Blocks() != blocks {
				t.Errorf("blocked by %v", st.Blocked)
			}
			if text := e.Text(); !strings.Contains(text, testLabel) || text != strings.TrimSpace(text) {
				t.Errorf("the event reads %q", text)
			}
		})
	}
}

// A block is lifted by the user alone, never by later records.
func TestBlockedUntilAcknowledged(t *testing.T) {
	s := &story{t: t}
	s.claim("ann")
	s.reset("mallory", nil)
	s.owner("mallory", "mallory")
	s.owner("mallory", "mallory")
	st, events := s.follow()
	if events[3].Kind != Update || st.Blocked != StartedOver {
		t.Fatalf("%v, blocked by %v", events[3].Kind, st.Blocked)
	}
	if st = st.Acknowledge(); st.Blocked != 0 || st.Account != KeyOf(person("mallory")) {
		t.Fatal("acknowledging changes nothing but the block")
	}
}

// forge builds a record with a kind and signatures as the attacker likes.
func forge(t *testing.T, last *Link, kind Kind, named, signer, previous string) []byte {
	r := &Record{Domain: testDomain, Label: testLabel, Version: last.Version + 1, Previous: last.Hash, Kind: kind, Account: keyPtr(named)}
	body, err := r.body()
	if err != nil {
		t.Fatal(err)
	}
	r.AccountSignature = sign(person(signer), roleAccount, body)
	if previous != "" {
		r.PreviousSignature = sign(person(previous), rolePrevious, body)
	}
	return must(t)(r.Encode())
}

// A reset passed off as an owner's change is a reset, whatever its kind says.
func TestKindIsNeverBelieved(t *testing.T) {
	for _, kind := range []Kind{Claimed, Owner, Reset, Closed} {
		for _, c := range []struct {
			name, named, signer, previous string
			reason                        Reason
		}{
			{"another key", "mallory", "mallory", "", ReasonUnlinked},
			{"another key that signs as the previous one too", "mallory", "mallory", "mallory", ReasonUnlinked},
			{"the pinned key, signed by another", "ann", "mallory", "", ReasonUnsigned},
			{"the pinned key, signed by another as the previous one", "ann", "mallory", "mallory", ReasonUnsigned},
			{"another key that did not sign, though the pinned key did", "bob", "ann", "ann", ReasonUnsigned},
			{"the pinned key with a needless second signature", "ann", "ann", "mallory", ReasonUnlinked},
		} {
			s := &story{t: t}
			s.claim("ann")
			s.owner("ann", "ann")
			s.records = append(s.records, forge(t, s.last(), kind, c.named, c.signer, c.previous))
			st, events := s.follow()
			if e := events[2]; e.Kind != StartedOver || e.Reason != c.reason || st.Blocked != StartedOver {
				t.Errorf("%v, %s: %v (%v), blocked by %v", kind, c.name, e.Kind, e.Reason, st.Blocked)
			}
			if c.reason == ReasonUnsigned && st.Standing != Asserted {
				t.Errorf("%v, %s: a key that did not sign is pinned", kind, c.name)
			}
		}
	}
}

// An account signature of the old key over the new record is not its
// signature as the previous key: the roles are apart.
func TestRolesAreApart(t *testing.T) {
	s := &story{t: t}
	s.claim("ann")
	last := s.last()
	r := &Record{Domain: testDomain, Label: testLabel, Version: 1, Previous: last.Hash, Kind: Owner, Account: keyPtr("mallory")}
	body, _ := r.body()
	r.AccountSignature = sign(person("mallory"), roleAccount, body)
	r.PreviousSignature = sign(person("ann"), roleAccount, body)
	s.records = append(s.records, must(t)(r.Encode()))
	if _, events := s.follow(); events[1].Kind != StartedOver {
		t.Fatal("a signature in one role served in the other")
	}
}

func TestReplayedRecordIsMisplaced(t *testing.T) {
	s := &story{t: t}
	s.claim("ann")
	s.owner("ann", "ann")
	s.owner("ann2", "ann")
	st, _ := s.follow()
	at := Place{testDomain, testLabel, 3}
	for v, old := range s.records {
		if next, e, err := Next(st, at, old); !errors.Is(err, ErrMisplaced) || e != nil || next != st {
			t.Errorf("version %d replayed as version 3: %v", v, err)
		}
		place := Place{testDomain, testLabel, uint32(v)}
		if next, e, err := Next(st, place, old); !errors.Is(err, ErrOrder) || e != nil || next != st {
			t.Errorf("version %d again: %v", v, err)
		}
	}
}

func TestRecordOfAnotherPlaceIsMisplaced(t *testing.T) {
	b := must(t)(NewClaim("example.org", "ann@example.org", nil, Content{}, person("ann")))
	for _, at := range []Place{{"example.org", "bob@example.org", 0}, {"example.com", "ann@example.org", 0}, {"example.org", "ann@example.org", 1}, {"", "", 0}} {
		if st, e, err := Next(State{}, at, b); !errors.Is(err, ErrMisplaced) || e != nil || st != (State{}) {
			t.Errorf("%v: %v", at, err)
		}
	}
	if _, _, err := Next(State{}, Place{"example.org", "ann@example.org", 0}, b); err != nil {
		t.Fatal(err)
	}
}

// A link to another record breaks the chain even under the right key: the
// holder signed it after another past.
func TestErasedLinkIsReset(t *testing.T) {
	for name, previous := range map[string]*Hash{"none": nil, "another": {1}} {
		s := &story{t: t}
		s.claim("ann")
		r := &Record{Domain: testDomain, Label: testLabel, Version: 1, Previous: previous, Kind: Owner}
		if err := r.Sign(person("ann"), nil); err != nil {
			t.Fatal(err)
		}
		s.records = append(s.records, must(t)(r.Encode()))
		if _, events := s.follow(); events[1].Kind != StartedOver || events[1].Reason != ReasonLink {
			t.Errorf("%s: %v (%v)", name, events[1].Kind, events[1].Reason)
		}
	}
}

func TestFirstContactNeedsTheOwnSignature(t *testing.T) {
	b := forge(t, &Link{Version: 4, Hash: &Hash{}}, Owner, "ann", "mallory", "")
	if _, _, err := Next(State{}, Place{testDomain, testLabel, 5}, b); !errors.Is(err, ErrSignature) {
		t.Fatal(err)
	}
}

// Keys of small order would make every signature good.
func TestSmallOrderKeysSignNothing(t *testing.T) {
	for name, k := range map[string]Key{"identity": {1}, "order 4": {}, "no point": {2}, "second encoding of 1": func() Key {
		var k Key
		for i := range k {
			k[i] = 0xff
		}
		k[0], k[31] = 0xee, 0x7f
		return k
	}()} {
		if k.Valid() {
			t.Errorf("%s passes", name)
		}
		r := &Record{Domain: testDomain, Label: testLabel, Kind: Claimed, Account: &k, AccountSignature: &Signature{1}}
		if r.VerifyAccount() {
			t.Errorf("%s: a made-up signature verifies", name)
		}
	}
	if !KeyOf(person("ann")).Valid() {
		t.Error("an ordinary key does not pass")
	}
}

// Whatever mix of people writes the chain, a client that holds ann's key goes
// on without a block only along records that ann's line of keys signed.
func TestChainProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &story{t: t}
		s.claim("ann")
		holder, intact := "ann", true
		for range rapid.IntRange(1, 8).Draw(rt, "length") {
			who := rapid.SampledFrom([]string{"ann", "ann2", "mallory"}).Draw(rt, "who")
			before := rapid.SampledFrom([]string{"ann", "ann2", "mallory"}).Draw(rt, "before")
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				s.imported()
				intact = false
			case 1:
				s.claim(who)
				intact = intact && who == holder
			default:
				s.owner(who, before)
				// signed by who, and by before when that is another
				intact = intact && before == holder
			}
			holder = who
		}
		st, _ := s.follow()
		if (st.Blocked == 0) != intact {
			rt.Fatalf("blocked by %v, intact %v", st.Blocked, intact)
		}
	})
}
