package evidence

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/record"
)

// linkTo is what the next record is linked to.
func linkTo(version uint32, encoded []byte) *record.Link {
	link := record.LinkOf(version, encoded)
	return &link
}

func signAs(key ed25519.PrivateKey) func(msg []byte) ([]byte, error) {
	return func(msg []byte) ([]byte, error) { return ed25519.Sign(key, msg), nil }
}

// TestUnsupportedClaims: a statement whose items do not show what it claims is not
// made, nor accepted.
func TestUnsupportedClaims(t *testing.T) {
	h := newHost(t, testDomain, ed)
	b := h.book().grow(9, 100)
	newest, older := ItemCheckpoint{b.checkpoint(9)}, ItemCheckpoint{b.checkpoint(5)}
	last, now := ItemLeaf{8, b.leaf(9, 8)}, b.last()
	other := newHost(t, "other.example", ed)
	foreign := other.book().grow(9, 100)
	for name, s := range map[string]*Statement{
		"no items":                 {About: Rollback},
		"a log that grew":          {About: Rollback, Items: []Item{older, newest}},
		"the same twice":           {About: Rollback, Items: []Item{newest, newest}},
		"heads that grew":          {About: Rollback, Items: []Item{ItemHead{b.head(3)}, ItemHead{b.head(4)}}},
		"fresh":                    {About: StaleHead, Entry: 8, Time: now + 60_000, Items: []Item{newest, last}},
		"not the last":             {About: StaleHead, Entry: 7, Time: now + 600_000, Items: []Item{newest, ItemLeaf{7, b.leaf(9, 7)}}},
		"another entry":            {About: StaleHead, Entry: 7, Time: now + 600_000, Items: []Item{newest, last}},
		"near enough":              {About: FutureTimestamp, Entry: 8, Time: now - 5000, Items: []Item{newest, last}},
		"beyond the checkpoint":    {About: FeedStalled, Entry: 9, Time: now, Items: []Item{newest, ItemAbsent{"x", 1, 1}}},
		"missed before asked":      {About: FeedStalled, Entry: 3, Time: now, Items: []Item{newest, ItemAbsent{"x", now + 1, 1}}},
		"never asked":              {About: FeedDropped, Entry: 3, Time: now, Items: []Item{newest, ItemAbsent{"x", 1, 0}}},
		"nothing missed":           {About: FeedDropped, Entry: 3, Time: now, Items: []Item{newest}},
		"no answer":                {About: BadAnswer, Items: []Item{newest, ItemText{"it is bad"}}},
		"no saved proof":           {About: Withheld, Items: []Item{newest}},
		"one document":             {About: OtherKeys, Items: []Item{Served("/.well-known/kith.json", h.document, 30000)}},
		"a document cut short":     {About: OtherKeys, Items: []Item{Served("/.well-known/kith.json", h.otherLog(), 100)}},
		"of another domain":        {About: OtherKeys, Items: []Item{Served("/.well-known/kith.json", other.document, 30000)}},
		"the known Configuration":  {About: OtherConfiguration, Entry: 8, Items: []Item{newest, last}},
		"one size":                 {About: Unjoined, Items: []Item{newest, newest}},
		"an unknown claim":         {About: 99, Items: []Item{newest}},
		"a foreign checkpoint":     {About: Unjoined, Items: []Item{newest, ItemCheckpoint{foreign.checkpoint(4)}}},
		"a foreign head":           {About: Rollback, Items: []Item{ItemHead{b.head(4)}, ItemHead{foreign.head(3)}}},
		"a leaf elsewhere":         {About: OtherConfiguration, Entry: 3, Items: []Item{older, last}},
		"a leaf without a log":     {About: StaleHead, Entry: 8, Time: now + 600_000, Items: []Item{last, newest}},
		"data of another answer":   {About: BadAnswer, Items: []Item{ItemServed{Path: "x", Size: 3, Data: []byte("abc")}}},
		"more data than there was": {About: BadAnswer, Items: []Item{ItemServed{Path: "x", Size: 2, Data: []byte("abc")}}},
		"two lines":                {About: BadAnswer, Items: []Item{Served("x", nil, 0), ItemText{"one\ntwo"}}},
		"a name with a plus":       {Name: "a+b", About: Unjoined, Items: []Item{newest, older}},
	} {
		s.Observer = observer.Public().(ed25519.PublicKey)
		e, err := SignStatement(h.document, s, signAs(observer))
		if err == nil {
			v, _ := e.Verify()
			t.Errorf("%s: %+v", name, v)
		} else if !errors.Is(err, ErrNothing) && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStatementsAreBound: a statement is about one provider, and one observer's.
func TestStatementsAreBound(t *testing.T) {
	h := newHost(t, testDomain, ed)
	b := h.book().grow(9, 100)
	s := &Statement{
		Observer: observer.Public().(ed25519.PublicKey), Name: "auditor.example", Time: 77, About: Rollback,
		Items: []Item{ItemCheckpoint{b.checkpoint(9)}, ItemCheckpoint{b.checkpoint(5)}},
	}
	e, err := SignStatement(h.document, s, signAs(observer))
	must(t, err)
	v, err := e.Verify()
	must(t, err)
	if v.Proved || v.Claim != Rollback || v.Time != 77 || !strings.HasPrefix(v.Observer, "auditor.example+") || v.Keys != AuditLogKey {
		t.Errorf("%+v", v)
	}
	newer, _, err := documentOf(h.revised(func(d *provider.Document) { d.Version++ }), nil)
	must(t, err)
	moved := *e
	moved.Document = *newer
	if _, err := moved.Verify(); !errors.Is(err, ErrInvalid) {
		t.Errorf("under another document: %v", err)
	}
	for name, change := range map[string]func(s *Statement){
		"observer": func(s *Statement) { s.Observer = rootKey("somebody else").Public().(ed25519.PublicKey) },
		"name":     func(s *Statement) { s.Name = "other.example" },
		"time":     func(s *Statement) { s.Time++ },
		"claim":    func(s *Statement) { s.About = Unjoined },
		"entry":    func(s *Statement) { s.Entry++ },
		"items":    func(s *Statement) { s.Items = append(s.Items[:2:2], ItemText{"more"}) },
	} {
		changed := *e.Body.(*Statement)
		change(&changed)
		if _, err := (&Evidence{Kind: Stated, Document: e.Document, Body: &changed}).Verify(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := SignStatement(h.document, s, signAs(rootKey("somebody else"))); !errors.Is(err, ErrInvalid) {
		t.Errorf("signed with another key: %v", err)
	}
}

// TestDisowned: an owner disowns a version with the account key of an earlier
// version that is its own, and nobody else does.
func TestDisowned(t *testing.T) {
	h := newHost(t, testDomain, ed)
	owner, thief := rootKey("owner"), rootKey("thief")
	const label = "alice@kt.example.org"
	first, err := record.NewClaim(testDomain, label, nil, record.Content{}, owner)
	must(t, err)
	reset, err := record.NewReset(testDomain, label, linkTo(0, first), record.Content{}, thief, nil)
	must(t, err)
	own, err := record.NewOwner(testDomain, label, *linkTo(0, first), record.Content{}, owner, owner)
	must(t, err)
	rotated, err := record.NewOwner(testDomain, label, *linkTo(0, first), record.Content{}, thief, owner)
	must(t, err)
	value := func(version uint32, value []byte) SavedValue {
		return SavedValue{Label: label, Version: version, Value: value, Entry: uint64(version) + 3, FirstSeen: true}
	}
	saved := []byte("a saved proof")
	try := func(key ed25519.PrivateKey, values ...SavedValue) (*Verdict, error) {
		e, err := SignStatement(h.document, &Statement{
			Observer: key.Public().(ed25519.PublicKey), Time: 5, About: UnexpectedVersion, Items: []Item{ItemSaved{saved}},
		}, signAs(key))
		must(t, err)
		if _, err := e.Verify(); !errors.Is(err, ErrMissing) {
			t.Errorf("without a verifier of saved proofs: %v", err)
		}
		if _, err := e.VerifyWith(func([]byte, []byte) ([]SavedValue, error) { return nil, errors.New("bad") }); !errors.Is(err, ErrInvalid) {
			t.Errorf("with a bad saved proof: %v", err)
		}
		return e.VerifyWith(func(proof, configuration []byte) ([]SavedValue, error) {
			if !bytes.Equal(proof, saved) || !bytes.Equal(configuration, h.doc.Configuration) {
				return nil, errors.New("not what was stated")
			}
			return values, nil
		})
	}
	for name, other := range map[string][]byte{"a reset": reset, "no record": []byte("opaque")} {
		v, err := try(owner, value(0, first), value(1, other))
		if err != nil || v.Proved || v.Claim != UnexpectedVersion || v.Entry != 4 {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	bob, err := record.NewClaim(testDomain, "bob@kt.example.org", nil, record.Content{}, owner)
	must(t, err)
	foreign := value(0, bob)
	foreign.Label = "bob@kt.example.org"
	for name, c := range map[string]struct {
		key    ed25519.PrivateKey
		values []SavedValue
	}{
		"its own version":       {owner, []SavedValue{value(0, first), value(1, own)}},
		"handed on by itself":   {owner, []SavedValue{value(0, first), value(1, rotated)}},
		"somebody else":         {thief, []SavedValue{value(0, first), value(1, reset)}},
		"a stranger":            {rootKey("stranger"), []SavedValue{value(0, first), value(1, reset)}},
		"nothing before":        {owner, []SavedValue{value(1, reset)}},
		"of another label":      {owner, []SavedValue{foreign, value(1, reset)}},
		"a record out of place": {owner, []SavedValue{value(2, first), value(3, reset)}},
		"a later version":       {owner, []SavedValue{value(1, own), value(0, []byte("x"))}},
		"nothing":               {owner, nil},
	} {
		if v, err := try(c.key, c.values...); !errors.Is(err, ErrNothing) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}
