package record

import (
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// slowSafety is the comment of Safety, sentence by sentence.
func slowSafety(id Identity, blocks ...byte) string {
	e := "kith safety number 1"
	for _, f := range []string{id.Domain, id.Label, id.Type, string(id.Key)} {
		e += string(binary.BigEndian.AppendUint32(nil, uint32(len(f)))) + f
	}
	sum := func(s string) string { h := sha512.Sum512_256([]byte(s)); return string(h[:]) }
	h, e1 := sum(e), sum(e)
	for range 5200 {
		h = sum(h + e1)
	}
	var groups []string
	for _, i := range blocks {
		b := sum(h + string([]byte{i}))
		for g := range 6 {
			n := new(big.Int).SetBytes([]byte(b[5*g : 5*g+5]))
			groups = append(groups, fmt.Sprintf("%05d", n.Mod(n, big.NewInt(100000))))
		}
	}
	return strings.Join(groups, " ")
}

func TestSafety(t *testing.T) {
	ann := Identity{"example.org", "ann@example.org", keyPtr("ann")[:], "account"}
	bob := Identity{"example.org", "bob@example.org", keyPtr("bob")[:], "account"}
	if got, want := string(Safety(ann)), slowSafety(ann, 1, 2); got != want {
		t.Errorf("%s, the comment says %s", got, want)
	}
	pair := PairSafety(ann, bob)
	if pair != PairSafety(bob, ann) {
		t.Error("the two see different numbers")
	}
	a, b := slowSafety(ann, 1), slowSafety(bob, 1)
	if string(pair) != min(a, b)+" "+max(a, b) {
		t.Errorf("%s, the comment says otherwise", pair)
	}
	if n := pair.Digits(); len(n) != 60 || strings.Trim(n, "0123456789") != "" {
		t.Errorf("digits %q", n)
	}
	seen := map[SafetyNumber]bool{Safety(ann): true}
	for _, id := range []Identity{
		{"example.com", ann.Label, ann.Key, ann.Type}, {ann.Domain, "ann2@example.org", ann.Key, ann.Type},
		{ann.Domain, ann.Label, bob.Key, ann.Type}, {ann.Domain, ann.Label, ann.Key, "age"},
		{ann.Domain + "a", ann.Label[1:], ann.Key, ann.Type}, // the lengths keep the fields apart
	} {
		if n := Safety(id); seen[n] {
			t.Errorf("%v has the number of another", id)
		} else {
			seen[n] = true
		}
	}
	// Pinned, for people have compared numbers with older versions.
	if got := Safety(Identity{"example.org", "ann@example.org", []byte("key"), "account"}); got != "65334 52830 72109 05339 35053 00379 48153 66861 72243 69832 42106 09063" {
		t.Errorf("the safety number changed: %s", got)
	}
}

func TestIdentity(t *testing.T) {
	b := must(t)(NewImported(testDomain, testLabel, nil, []PublishedKey{ageKey("x")}))
	r, _ := Parse(b)
	if id, err := r.Identity(); err != nil || id.Type != "age" || string(id.Key) != "age1x" {
		t.Errorf("%v %v", id, err)
	}
	empty, _ := Parse(must(t)(NewImported(testDomain, testLabel, nil, nil)))
	if _, err := empty.Identity(); err == nil {
		t.Error("a record without keys has an identity")
	}
}

func TestView(t *testing.T) {
	s := &story{t: t}
	s.claim("ann")
	s.add(NewOwner(testDomain, testLabel, *s.last(), Content{
		Keys:     []PublishedKey{ageKey("qq"), {0x9000, []byte{1}}},
		Devices:  []Device{{ID: []byte{1}, Name: "phone", MLS: &MLSKey{1, []byte{2}}}},
		Recovery: keyPtr("r"), MovedTo: "ann@elsewhere.org",
	}, person("ann2"), person("ann")))
	_, events := s.follow()
	r := events[1].Record
	b, err := json.Marshal(r.View(s.records[1]))
	if err != nil {
		t.Fatal(err)
	}
	h := HashOf(s.records[1])
	for _, want := range []string{`"kind":"owner"`, `"version":1`, `"type":"age"`, `"text":"age1qq"`, `"type":"type-0x9000"`, `"data":"AQ=="`,
		`"mls_cipher_suite":1`, `"moved_to":"ann@elsewhere.org"`, hex.EncodeToString(h[:]), hex.EncodeToString(r.Previous[:]), hex.EncodeToString(r.PreviousSignature[:])} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %s", b, want)
		}
	}
	if v := events[1].View(); v.Event != "key-change" || v.Blocks || !strings.Contains(v.Text, "moved to ann@elsewhere.org") {
		t.Errorf("%+v", v)
	}
	empty, _ := json.Marshal((&Record{}).View(nil))
	if !strings.Contains(string(empty), `"devices":[],"keys":[]`) {
		t.Errorf("empty lists are not lists: %s", empty)
	}
}
