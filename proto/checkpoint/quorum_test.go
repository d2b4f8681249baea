package checkpoint

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// shortcomings are those of a refused checkpoint, by name.
func shortcomings(t testing.TB, err error) map[string]Shortcoming {
	t.Helper()
	e, ok := errors.AsType[*QuorumError](err)
	if !ok || !errors.Is(err, ErrQuorum) {
		t.Fatalf("%v is no *QuorumError", err)
	}
	all := make(map[string]Shortcoming)
	for _, s := range e.Short {
		all[s.Name] = s.Why
		if !strings.Contains(err.Error(), s.Name) {
			t.Errorf("%v does not name %s", err, s.Name)
		}
	}
	return all
}

// TestQuorum counts every way of not counting.
func TestQuorum(t *testing.T) {
	signer, verifier := testKey(t, 7)
	c1, w1 := testCosigner(t, "w1", 1)
	c2, w2 := testCosigner(t, "w2", 2)
	c3, w3 := testCosigner(t, "w3", 3)
	pq, wpq := newLattice(t, "pq", 4)
	own, ownWitness := testCosigner(t, "self", 7) // the seed of the log's key
	alias, wAlias := testCosigner(t, "alias", 1)
	pqOne, wPQOne := newLattice(t, "w1", 9) // a second key of w1
	cp := testCheckpoint
	other := cp
	other.Root[0] ^= 1
	at := func(c *Cosigner, t0 uint64) []byte { return mustCosign(t, c, cp, t0) }
	for _, c := range []struct {
		name  string
		q     Quorum
		lines [][]byte
		have  string // names and times
		short map[string]Shortcoming
	}{
		{"two of three", Quorum{2, []*Witness{w1, w2, w3}}, [][]byte{at(c3, 105), at(c1, 110)}, "w1 110 w3 105", nil},
		{"at the bounds", Quorum{2, []*Witness{w1, w2}}, [][]byte{at(c1, 100), at(c2, 200)}, "w1 100 w2 200", nil},
		{"of both algorithms", Quorum{2, []*Witness{w1, wpq}}, [][]byte{at(c1, 110), pq.line(t, cp, 120)}, "w1 110 pq 120", nil},
		{"none needed", Quorum{}, [][]byte{at(c1, 110)}, "", nil},
		{"none needed, one there", Quorum{0, []*Witness{w1, w2}}, [][]byte{at(c1, 110)}, "w1 110", nil},
		{"missing", Quorum{2, []*Witness{w1, w2, w3}}, [][]byte{at(c1, 110)}, "w1 110", map[string]Shortcoming{"w2": Missing, "w3": Missing}},
		{"too old", Quorum{1, []*Witness{w1}}, [][]byte{at(c1, 99)}, "", map[string]Shortcoming{"w1": TooOld}},
		{"from the future", Quorum{1, []*Witness{w1}}, [][]byte{at(c1, 201)}, "", map[string]Shortcoming{"w1": InFuture}},
		{"over another text", Quorum{1, []*Witness{w1}}, [][]byte{mustCosign(t, c1, other, 110)}, "", map[string]Shortcoming{"w1": Invalid}},
		{"over another tree, post-quantum", Quorum{1, []*Witness{wpq}}, [][]byte{pq.line(t, other, 110)}, "", map[string]Shortcoming{"pq": Invalid}},
		{"by another witness", Quorum{1, []*Witness{w1}}, [][]byte{at(c2, 110)}, "", map[string]Shortcoming{"w1": Missing}},
		{"one key under two names", Quorum{2, []*Witness{w1, wAlias}}, [][]byte{at(c1, 110), at(alias, 110)}, "w1 110", map[string]Shortcoming{"alias": Counted}},
		{"its second name alone", Quorum{1, []*Witness{w1, wAlias}}, [][]byte{at(alias, 110)}, "alias 110", nil},
		{"two keys under one name", Quorum{2, []*Witness{w1, wPQOne}}, [][]byte{at(c1, 110), pqOne.line(t, cp, 110)}, "w1 110", map[string]Shortcoming{"w1": Counted}},
		{"either key of one name", Quorum{1, []*Witness{w1, wPQOne}}, [][]byte{pqOne.line(t, cp, 110)}, "w1 110", nil},
		{"the log itself", Quorum{1, []*Witness{ownWitness}}, [][]byte{at(own, 110)}, "", map[string]Shortcoming{"self": LogKey}},
		{"without a time", Quorum{1, []*Witness{wpq}}, [][]byte{pq.line(t, cp, 0)}, "", map[string]Shortcoming{"pq": TooOld}},
		{"one witness listed twice", Quorum{2, []*Witness{w1, w1}}, [][]byte{at(c1, 110)}, "w1 110", map[string]Shortcoming{"w1": Counted}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustOpen(t, verifier, cosigned(t, signer, cp.Size, cp.Root, c.lines...))
			have, err := c.q.Check(s, 100, 200)
			var got []string
			for _, h := range have {
				got = append(got, fmt.Sprint(h.Name, " ", h.Time))
			}
			if strings.Join(got, " ") != c.have {
				t.Errorf("%v count, want %s", got, c.have)
			}
			if c.short == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if short := shortcomings(t, err); fmt.Sprint(short) != fmt.Sprint(c.short) {
				t.Errorf("%v, want %v", short, c.short)
			}
		})
	}
	// A post-quantum cosignature without a time is no statement about when, even
	// where all times are allowed.
	s := mustOpen(t, verifier, cosigned(t, signer, cp.Size, cp.Root, pq.line(t, cp, 0)))
	q := Quorum{1, []*Witness{wpq}}
	if _, err := q.Check(s, 0, math.MaxInt64); shortcomings(t, err)["pq"] != TooOld {
		t.Error(err)
	}
}

// TestQuorumTakesTheNewest among lines of one witness, whatever their order.
func TestQuorumTakesTheNewest(t *testing.T) {
	signer, verifier := testKey(t, 7)
	c1, w1 := testCosigner(t, "w1", 1)
	msg, err := signer.Sign(testCheckpoint.Size, testCheckpoint.Root)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []uint64{50, 150, 170, 160, 250} { // by hand: AddCosignatures would keep one
		msg = append(msg, mustCosign(t, c1, testCheckpoint, at)...)
	}
	s := mustOpen(t, verifier, msg)
	q := Quorum{1, []*Witness{w1}}
	for _, c := range []struct{ from, to, want uint64 }{{100, 200, 170}, {0, 1000, 250}, {0, 60, 50}} {
		have, err := q.Check(s, c.from, c.to)
		if err != nil || len(have) != 1 || have[0].Time != c.want {
			t.Errorf("%+v: %v, %v", c, have, err)
		}
	}
	_, err = q.Check(s, 300, 400)
	if e, ok := errors.AsType[*QuorumError](err); !ok || e.Short[0].Why != TooOld || e.Short[0].Time != 250 {
		t.Errorf("%+v", err)
	}
}

// TestSignatureLinesAreBounded: more than MaxSignatures lines are refused before
// any is verified, in a checkpoint and in a witness's answer.
func TestSignatureLinesAreBounded(t *testing.T) {
	signer, verifier := testKey(t, 7)
	msg, err := signer.Sign(testCheckpoint.Size, testCheckpoint.Root)
	if err != nil {
		t.Fatal(err)
	}
	c1, w1 := testCosigner(t, "w1", 1)
	var lines [][]byte
	for i := range MaxSignatures - 1 {
		lines = append(lines, mustCosign(t, c1, testCheckpoint, uint64(i)))
	}
	full := append(bytes.Clone(msg), bytes.Join(lines, nil)...)
	s := mustOpen(t, verifier, full)
	q := Quorum{1, []*Witness{w1}}
	if _, err := q.Check(s, 1, 100); err != nil {
		t.Error(err)
	}
	one := mustCosign(t, c1, testCheckpoint, 99)
	if _, err := verifier.Open(append(bytes.Clone(full), one...)); !errors.Is(err, ErrMalformed) {
		t.Error("one line more:", err)
	}
	c2, _ := testCosigner(t, "w2", 2)
	if _, err := AddCosignatures(full, mustCosign(t, c2, testCheckpoint, 1)); !errors.Is(err, ErrMalformed) {
		t.Error("one line added:", err)
	}
	body := bytes.Join(append(lines, one), nil)
	if got, err := ParseLines(body); err != nil || len(got) != MaxSignatures {
		t.Error(len(got), err)
	}
	if _, err := ParseLines(append(body, one...)); !errors.Is(err, ErrMalformed) {
		t.Error("an answer of too many lines:", err)
	}
	for range 100 {
		s.Others = append(s.Others, s.Others[0]) // hand-made
	}
	s.Others[len(s.Others)-1] = mustOpen(t, verifier, append(bytes.Clone(msg), one...)).Others[0]
	if _, err := q.Check(s, 99, 99); !errors.Is(err, ErrQuorum) {
		t.Error("a line beyond the bound counted:", err)
	}
}

func TestNewQuorumRefuses(t *testing.T) {
	_, w1 := testCosigner(t, "w1", 1)
	_, w2 := testCosigner(t, "w2", 2)
	_, alias := testCosigner(t, "alias", 1)
	_, pq := newLattice(t, "w1", 9)
	for what, c := range map[string]struct {
		threshold int
		keys      []string
	}{
		"more than there are":      {3, []string{w1.Key(), w2.Key()}},
		"less than none":           {-1, []string{w1.Key()}},
		"one key twice":            {1, []string{w1.Key(), w1.Key()}},
		"one key under two names":  {1, []string{w1.Key(), alias.Key()}},
		"one name counted for two": {2, []string{w1.Key(), pq.Key()}},
		"no key":                   {0, []string{"w1"}},
	} {
		if q, err := NewQuorum(c.threshold, c.keys...); err == nil {
			t.Errorf("%s: %+v", what, q)
		}
	}
	q, err := NewQuorum(2, w1.Key(), pq.Key(), w2.Key())
	if err != nil || q.Threshold != 2 || len(q.Of) != 3 {
		t.Error(q, err)
	}
}

// TestQuorumAgainstReference: whichever witnesses cosign, at whichever times, those
// count whose time is within, and nobody else.
func TestQuorumAgainstReference(t *testing.T) {
	signer, verifier := testKey(t, 7)
	var cosigners []*Cosigner
	q := Quorum{}
	for i := range 5 {
		c, w := testCosigner(t, fmt.Sprintf("w%d", i), byte(i+20))
		cosigners, q.Of = append(cosigners, c), append(q.Of, w)
	}
	rapid.Check(t, func(rt *rapid.T) {
		from := rapid.Uint64Range(1, 50).Draw(rt, "from")
		to := rapid.Uint64Range(from, 100).Draw(rt, "to")
		q.Threshold = rapid.IntRange(0, 6).Draw(rt, "threshold")
		var lines [][]byte
		want := map[string]uint64{}
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, 4), 0, 8).Draw(rt, "who") {
			at := rapid.Uint64Range(1, 100).Draw(rt, "when")
			lines = append(lines, mustCosign(t, cosigners[i], testCheckpoint, at))
			name := cosigners[i].Name()
			delete(want, name) // AddCosignatures keeps the last
			if at >= from && at <= to {
				want[name] = at
			}
		}
		s := mustOpen(t, verifier, cosigned(t, signer, testCheckpoint.Size, testCheckpoint.Root, lines...))
		have, err := q.Check(s, from, to)
		if (err == nil) != (len(want) >= q.Threshold) || len(have) != len(want) {
			rt.Fatalf("%v, %v, want %v of %d", have, err, want, q.Threshold)
		}
		for _, h := range have {
			if want[h.Name] != h.Time {
				rt.Fatalf("%+v, want %v", h, want)
			}
		}
		if e, ok := errors.AsType[*QuorumError](err); ok && len(e.Have)+len(e.Short) != len(q.Of) {
			rt.Fatalf("%d witnesses are unaccounted for", len(q.Of)-len(e.Have)-len(e.Short))
		}
	})
}

// TestAddCosignatures: the log's signature stays, the newest line of a key stays,
// nothing else gets in.
func TestAddCosignatures(t *testing.T) {
	signer, verifier := testKey(t, 7)
	c1, _ := testCosigner(t, "w1", 1)
	c2, _ := testCosigner(t, "w2", 2)
	msg, err := signer.Sign(testCheckpoint.Size, testCheckpoint.Root)
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(msg)
	first, second, third := mustCosign(t, c1, testCheckpoint, 1), mustCosign(t, c2, testCheckpoint, 2), mustCosign(t, c1, testCheckpoint, 3)
	one, err := AddCosignatures(msg, first, second)
	if err != nil || !bytes.Equal(one, slices.Concat(msg, first, second)) || !bytes.Equal(msg, before) {
		t.Fatalf("%q, %v", one, err)
	}
	two, err := AddCosignatures(one, third)
	if err != nil || !bytes.Equal(two, slices.Concat(msg, third, second)) || !bytes.Equal(one, slices.Concat(msg, first, second)) {
		t.Fatalf("%q, %v", two, err)
	}
	if s := mustOpen(t, verifier, two); len(s.Others) != 2 {
		t.Errorf("%+v", s)
	}
	// A line under the log's own name and key ID does not take the place of its
	// signature.
	_, _, _, id, err := decodeKey(signer.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	forged := append(binary.BigEndian.AppendUint32(nil, id), make([]byte, ed25519Line-4)...)
	three, err := AddCosignatures(msg, []byte(linePrefix+testOrigin+" "+base64.StdEncoding.EncodeToString(forged)+"\n"))
	if err != nil || !bytes.HasPrefix(three, msg) {
		t.Fatalf("%q, %v", three, err)
	}
	mustOpen(t, verifier, three)
	logLine := msg[bytes.Index(msg, []byte("\n\n"))+2:]
	for what, line := range map[string][]byte{
		"the log's signature":  logLine,
		"without its newline":  bytes.TrimSuffix(first, []byte("\n")),
		"two lines":            slices.Concat(first, second),
		"a blank line":         []byte("\n"),
		"nothing":              nil,
		"a hyphen for a dash":  bytes.Replace(first, []byte("—"), []byte("-"), 1),
		"carriage return":      bytes.Replace(first, []byte("\n"), []byte("\r\n"), 1),
		"another length":       bytes.Replace(first, []byte("=\n"), []byte("AAAA=\n"), 1),
		"a line in the name":   bytes.Replace(first, []byte("w1"), []byte("w\u20281"), 1),
		"no name":              bytes.Replace(first, []byte("w1"), nil, 1),
		"as long as a note":    append(bytes.Repeat([]byte("A"), MaxNote), '\n'),
		"stray bits of base64": strayBits(first),
	} {
		if got, err := AddCosignatures(msg, line); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	for what, note := range map[string][]byte{
		"unsigned": []byte(testCheckpoint.Text() + "\n"), "no note": []byte("text"), "empty": nil,
		"cut": msg[:len(msg)-1],
	} {
		if got, err := AddCosignatures(note, first); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
}

// strayBits spells the same bytes of a line that ends in "=\n" otherwise.
func strayBits(line []byte) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	line = bytes.Clone(line)
	i := bytes.IndexByte(line, '=') - 1
	line[i] = alphabet[strings.IndexByte(alphabet, line[i])+1]
	return line
}

func FuzzParseLines(f *testing.F) {
	c, _ := testCosigner(f, "w1", 1)
	f.Add(mustCosign(f, c, testCheckpoint, 5))
	f.Add(slices.Concat(mustCosign(f, c, testCheckpoint, 5), mustCosign(f, c, testCheckpoint, 6)))
	signer, verifier := testKey(f, 7)
	msg, err := signer.Sign(testCheckpoint.Size, testCheckpoint.Root)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		lines, err := ParseLines(b)
		if err != nil {
			return
		}
		if !bytes.Equal(bytes.Join(lines, nil), b) {
			t.Fatalf("%q is split into %q", b, lines)
		}
		cosigned, err := AddCosignatures(msg, lines...)
		if err == nil && len(lines) < MaxSignatures {
			if _, err := verifier.Open(cosigned); err != nil {
				t.Fatalf("%q: %v", cosigned, err)
			}
		}
	})
}
