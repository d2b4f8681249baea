package provider

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/proto/strictjson"
	"github.com/kith-kt/kith/proto/wire"
)

var issued = time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)

const skew = 5 * time.Minute

func root(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func roots(names ...string) (keys []strictjson.Bytes) {
	for _, n := range names {
		keys = append(keys, strictjson.Bytes(root(n).Public().(ed25519.PublicKey)))
	}
	return keys
}

func signers(names ...string) (keys []ed25519.PrivateKey) {
	for _, n := range names {
		keys = append(keys, root(n))
	}
	return keys
}

func config(change func(*wire.Configuration)) strictjson.Bytes {
	c := &wire.Configuration{
		CipherSuite: wire.KT_128_SHA256_Ed25519, Mode: wire.ThirdPartyAuditing,
		SignaturePublicKey: bytes.Repeat([]byte{1}, 32), VRFPublicKey: bytes.Repeat([]byte{2}, 32),
		MaxAuditorLag: 60000, AuditorStartPos: 10, AuditorPublicKey: bytes.Repeat([]byte{3}, 32),
		MaxAhead: 1000, MaxBehind: 2000, ReasonableMonitoringWindow: 86400000,
	}
	if change != nil {
		change(c)
	}
	b, err := c.Append(nil, wire.Format{})
	if err != nil {
		panic(err)
	}
	return b
}

// lag is a configuration of the same log.
func lag(n uint64) strictjson.Bytes {
	return config(func(c *wire.Configuration) { c.MaxAuditorLag = n })
}

func document(changes ...func(*Document)) *Document {
	d := &Document{
		Domain: "example.org", DraftRevision: "526cc8a", Version: 1, Issued: issued, Expires: issued.AddDate(1, 0, 0),
		Configuration: config(nil), AuditLog: AuditLog{"example.org/kith", "example.org/kith+00000001+AAAA"},
		Addresses: []string{"https://kt.example.org"},
		Auditors:  []Auditor{{Name: "watch", PublicKey: []byte{1}}},
		Witnesses: []Witness{{Key: "w1+1+A"}, {Key: "w2+2+B"}}, WitnessThreshold: 1, MaxWitnessLagMS: 60000,
		Limits:   Limits{MaxValueBytes: 1 << 20, RequestsPerMinute: 60},
		RootKeys: roots("a", "b", "c"), RootThreshold: 2,
	}
	for _, c := range changes {
		c(d)
	}
	return d
}

func seal(t testing.TB, d *Document, names ...string) []byte {
	t.Helper()
	payload, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Sign(payload, signers(names...)...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func version(v uint64) func(*Document) { return func(d *Document) { d.Version = v } }

func pin(t testing.TB) *Pinned {
	t.Helper()
	p, err := Open(seal(t, document(), "a", "b"), "example.org", issued, skew)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOpen(t *testing.T) {
	p := pin(t)
	if p.Document.Version != 1 || len(p.Document.Witnesses) != 2 || !p.Document.Issued.Equal(issued) {
		t.Fatalf("%+v", p.Document)
	}
	if _, err := Reopen(seal(t, document(), "a", "b")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		envelope []byte
		domain   string
		now      time.Time
		want     error
	}{
		"one signature":        {seal(t, document(), "a"), "", issued, ErrSignature},
		"one, and a stranger":  {seal(t, document(), "a", "mallory"), "", issued, ErrSignature},
		"none":                 {seal(t, document()), "", issued, ErrSignature},
		"another domain":       {seal(t, document(), "a", "b"), "example.com", issued, ErrDomain},
		"expired":              {seal(t, document(), "a", "b"), "", issued.AddDate(1, 0, 0), ErrExpired},
		"issued in the future": {seal(t, document(), "a", "b"), "", issued.Add(-skew - 1), ErrNotYet},
		"slow clock":           {seal(t, document(), "a", "b"), "", issued.Add(-skew), nil},
		"any two of three":     {seal(t, document(), "c", "b"), "", issued, nil},
		"all and a stranger":   {seal(t, document(), "a", "mallory", "b", "c"), "", issued, nil},
	} {
		if _, err := Open(c.envelope, c.domain, c.now, skew); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// resign changes the inside of an envelope.
func tamper(t *testing.T, b []byte, change func(*envelope)) []byte {
	t.Helper()
	e, err := parseEnvelope(b)
	if err != nil {
		t.Fatal(err)
	}
	change(e)
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTamperedEnvelope(t *testing.T) {
	good := seal(t, document(), "a", "b")
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"payload": {tamper(t, good, func(e *envelope) {
			e.Payload = bytes.Replace(e.Payload, []byte("kt.example.org"), []byte("kt.example.com"), 1)
		}), ErrSignature},
		"white space in the payload":    {tamper(t, good, func(e *envelope) { e.Payload = append(e.Payload, ' ') }), ErrSignature},
		"signature":                     {tamper(t, good, func(e *envelope) { e.Signatures[1].Sig[5] ^= 1 }), ErrSignature},
		"short signature":               {tamper(t, good, func(e *envelope) { e.Signatures[1].Sig = e.Signatures[1].Sig[:63] }), ErrSignature},
		"key id":                        {tamper(t, good, func(e *envelope) { e.Signatures[1].KeyID = KeyID(root("c").Public().(ed25519.PublicKey)) }), ErrSignature},
		"one signature twice":           {tamper(t, good, func(e *envelope) { e.Signatures[1] = e.Signatures[0] }), ErrMalformed},
		"one signature under two names": {tamper(t, good, func(e *envelope) { e.Signatures[1].Sig = e.Signatures[0].Sig }), ErrSignature},
		"type":                          {tamper(t, good, func(e *envelope) { e.PayloadType = "application/json" }), ErrMalformed},
		"too many signatures": {tamper(t, good, func(e *envelope) {
			for i := range MaxSignatures {
				e.Signatures = append(e.Signatures, signature{KeyID: fmt.Sprint(i)})
			}
		}), ErrMalformed},
		"something follows": {append(bytes.Clone(good), "{}"...), ErrMalformed},
		"unknown name":      {bytes.Replace(good, []byte(`"payloadType"`), []byte(`"x":1,"payloadType"`), 1), ErrMalformed},
		"name twice":        {bytes.Replace(good, []byte(`"payloadType"`), []byte(`"payload":"","payloadType"`), 1), ErrMalformed},
		"too long":          {append(bytes.Clone(good), make([]byte, MaxSize)...), ErrMalformed},
		"empty":             {nil, ErrMalformed},
	} {
		if _, err := Open(c.b, "", issued, skew); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// A signature over the payload alone, or under another type, does not count.
func TestSignatureCoversType(t *testing.T) {
	payload, _ := document().Encode()
	if want := fmt.Sprintf("DSSEv1 %d %s %d %s", len(PayloadType), PayloadType, len(payload), payload); string(PAE(PayloadType, payload)) != want {
		t.Fatal("not DSSE's pre-authentication encoding")
	}
	e := envelope{PayloadType: PayloadType, Payload: payload}
	for _, k := range signers("a", "b") {
		e.Signatures = append(e.Signatures, signature{KeyID(k.Public().(ed25519.PublicKey)), ed25519.Sign(k, payload)})
	}
	b, _ := json.Marshal(e)
	if _, err := Open(b, "", issued, skew); !errors.Is(err, ErrSignature) {
		t.Fatal(err)
	}
}

func TestStrictDocument(t *testing.T) {
	payload, _ := document().Encode()
	for name, p := range map[string]string{
		"unknown name": strings.Replace(string(payload), `"version"`, `"x": 1, "version"`, 1),
		"name twice":   strings.Replace(string(payload), `"version"`, `"version": 9, "version"`, 1),
		"case":         strings.Replace(string(payload), `"version"`, `"Version"`, 1),
		"null":         strings.Replace(string(payload), `"version": 1`, `"version": null`, 1),
		"trailing":     string(payload) + "1",
		"empty":        "",
	} {
		b, err := Sign([]byte(p), signers("a", "b")...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(b, "", issued, skew); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*Document){
		"domain in capitals":   func(d *Document) { d.Domain = "Example.org" },
		"no revision":          func(d *Document) { d.DraftRevision = "" },
		"version 0":            func(d *Document) { d.Version = 0 },
		"expires at once":      func(d *Document) { d.Expires = d.Issued },
		"broken configuration": func(d *Document) { d.Configuration = d.Configuration[1:] },
		"long configuration":   func(d *Document) { d.Configuration = append(d.Configuration, 0) },
		"no audit log":         func(d *Document) { d.AuditLog = AuditLog{} },
		"no address":           func(d *Document) { d.Addresses = nil },
		"address with a slash": func(d *Document) { d.Addresses = []string{"https://example.org/"} },
		"address with a user":  func(d *Document) { d.Addresses = []string{"https://u@example.org"} },
		"address with a query": func(d *Document) { d.Addresses = []string{"https://example.org?"} },
		"file address":         func(d *Document) { d.Addresses = []string{"file:///etc"} },
		"witness twice":        func(d *Document) { d.Witnesses[1] = d.Witnesses[0] },
		"too few witnesses":    func(d *Document) { d.WitnessThreshold = 3 },
		"no witness lag":       func(d *Document) { d.MaxWitnessLagMS = 0 },
		"witness without key":  func(d *Document) { d.Witnesses[0].Key = "" },
		"auditor without key":  func(d *Document) { d.Auditors[0].PublicKey = nil },
		"auditor twice":        func(d *Document) { d.Auditors = append(d.Auditors, d.Auditors[0]) },
		"auditor's address":    func(d *Document) { d.Auditors[0].Address = "https://u@example.org" },
		"witness's address":    func(d *Document) { d.Witnesses[0].Address = "file:///etc" },
		"cosigner's form":      func(d *Document) { d.Auditors[0].Cosigner = "a1+A" },
		"witness's form":       func(d *Document) { d.Witnesses[0].Key = "w 1+1+A" },
		"cosigner twice": func(d *Document) {
			d.Auditors = append(d.Auditors, Auditor{Name: "x", Cosigner: "a+1+A"}, Auditor{Name: "y", Cosigner: "a+1+A"})
		},
		"auditors that do not cosign": func(d *Document) { d.AuditorThreshold = 1 },
		"negative auditors":           func(d *Document) { d.AuditorThreshold = -1 },
		"no lag for auditors": func(d *Document) {
			d.Auditors[0].Cosigner, d.AuditorThreshold = "a+1+A", 1
			d.WitnessThreshold, d.MaxWitnessLagMS = 0, 0
		},
		"no limit":             func(d *Document) { d.Limits.MaxValueBytes = 0 },
		"no root keys":         func(d *Document) { d.RootKeys = nil },
		"short root key":       func(d *Document) { d.RootKeys[0] = d.RootKeys[0][:31] },
		"root key twice":       func(d *Document) { d.RootKeys[1] = d.RootKeys[0] },
		"threshold 0":          func(d *Document) { d.RootThreshold = 0 },
		"threshold above keys": func(d *Document) { d.RootThreshold = 4 },
		"broken former":        func(d *Document) { d.Former = []strictjson.Bytes{{1}} },
		"former of another log": func(d *Document) {
			d.Former = []strictjson.Bytes{config(func(c *wire.Configuration) { c.VRFPublicKey = []byte{9} })}
		},
		"former is the present": func(d *Document) { d.Former = []strictjson.Bytes{config(nil)} },
		"former twice in a row": func(d *Document) { d.Former = []strictjson.Bytes{lag(1), lag(1)} },
		"too much of a past": func(d *Document) {
			for i := range MaxEntries + 1 {
				d.Former = append(d.Former, lag(uint64(i)))
			}
		},
		"its own successor":   func(d *Document) { f, _ := d.Fingerprint(); d.Successor = &Successor{f, "https://new.example.org"} },
		"successor elsewhere": func(d *Document) { d.Successor = &Successor{Fingerprint{1}, "new.example.org"} },
	} {
		d := document(change)
		if _, err := d.Encode(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: Encode: %v", name, err)
		}
		p, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Sign(p, signers("a", "b")...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(b, "", issued, skew); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: Open: %v", name, err)
		}
	}
}

func TestFollow(t *testing.T) {
	p := pin(t)
	next, changes, err := p.Follow(seal(t, document(), "b", "c"), issued, skew)
	if err != nil || len(changes) != 0 || next.Digest != p.Digest {
		t.Fatalf("the same document: %v %v", changes, err)
	}
	rotate := func(d *Document) { d.RootKeys, d.RootThreshold = roots("d", "e"), 2 }
	for name, c := range map[string]struct {
		envelope []byte
		want     error
	}{
		"higher version":                   {seal(t, document(version(7)), "a", "b"), nil},
		"another of the same version":      {seal(t, document(func(d *Document) { d.DraftRevision = "x" }), "a", "b"), ErrRollback},
		"another domain":                   {seal(t, document(version(2), func(d *Document) { d.Domain = "example.com" }), "a", "b"), ErrDomain},
		"one old key":                      {seal(t, document(version(2)), "a"), ErrSignature},
		"rotation by both":                 {seal(t, document(version(2), rotate), "a", "b", "d", "e"), nil},
		"rotation by the new alone":        {seal(t, document(version(2), rotate), "d", "e"), ErrSignature},
		"rotation by the old alone":        {seal(t, document(version(2), rotate), "a", "b"), ErrSignature},
		"rotation by one old and the new":  {seal(t, document(version(2), rotate), "a", "d", "e"), ErrSignature},
		"lower threshold, signed by it":    {seal(t, document(version(2), func(d *Document) { d.RootThreshold = 1 }), "a"), ErrSignature},
		"higher threshold, signed by less": {seal(t, document(version(2), func(d *Document) { d.RootThreshold = 3 }), "a", "b"), ErrSignature},
		"expired":                          {seal(t, document(version(2), func(d *Document) { d.Issued, d.Expires = issued.Add(-2), issued.Add(-1) }), "a", "b"), ErrExpired},
	} {
		if _, _, err := p.Follow(c.envelope, issued, skew); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	seven, _, err := p.Follow(seal(t, document(version(7)), "a", "b"), issued, skew)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := seven.Follow(seal(t, document(version(6)), "a", "b"), issued, skew); !errors.Is(err, ErrRollback) {
		t.Errorf("version 6 after 7: %v", err)
	}
}

func TestCompare(t *testing.T) {
	day := uint64(86400000)
	conf := func(change func(*wire.Configuration)) func(*Document) {
		return func(d *Document) { d.Configuration = config(change) }
	}
	contact := conf(func(c *wire.Configuration) {
		c.Mode, c.MaxAuditorLag, c.AuditorStartPos, c.AuditorPublicKey = wire.ContactMonitoring, 0, 0, nil
	})
	for _, c := range []struct {
		field          string
		forth          func(*Document)
		loosens, again bool // and back
	}{
		{FieldLog, conf(func(c *wire.Configuration) { c.SignaturePublicKey = []byte{9} }), true, true},
		{FieldLog, conf(func(c *wire.Configuration) { c.VRFPublicKey = []byte{9} }), true, true},
		{FieldLog, conf(func(c *wire.Configuration) { c.CipherSuite = wire.KT_128_SHA256_P256 }), true, true},
		{"mode", contact, true, true},
		{"mode", conf(func(c *wire.Configuration) { c.Mode = wire.ThirdPartyManagement }), true, true},
		{"auditor_public_key", conf(func(c *wire.Configuration) { c.AuditorPublicKey = []byte{9} }), true, true},
		{"auditor_start_pos", conf(func(c *wire.Configuration) { c.AuditorStartPos++ }), true, false},
		{"max_auditor_lag", conf(func(c *wire.Configuration) { c.MaxAuditorLag++ }), true, false},
		{"max_ahead", conf(func(c *wire.Configuration) { c.MaxAhead++ }), true, false},
		{"max_behind", conf(func(c *wire.Configuration) { c.MaxBehind = 1<<64 - 1 }), true, false},
		{"reasonable_monitoring_window", conf(func(c *wire.Configuration) { c.ReasonableMonitoringWindow++ }), true, true},
		{"maximum_lifetime", conf(func(c *wire.Configuration) { c.MaximumLifetime = &day }), true, true},
		{"auditors", func(d *Document) { d.Auditors = nil }, true, false},
		{"auditors", func(d *Document) { d.Auditors[0].PublicKey = []byte{9} }, true, true},
		{"auditors", func(d *Document) { d.Auditors[0].Cosigner = "a1+1+A" }, false, true},
		{"auditors", func(d *Document) { d.Auditors[0].PublicKey, d.Auditors[0].Cosigner = nil, "a1+1+A" }, true, true},
		{"witnesses", func(d *Document) { d.Witnesses = d.Witnesses[:1] }, true, true},
		{"witness_threshold", func(d *Document) { d.WitnessThreshold = 2 }, false, true},
		{"max_witness_lag_ms", func(d *Document) { d.MaxWitnessLagMS++ }, true, false},
		{"audit_log", func(d *Document) { d.AuditLog.Origin = "x" }, true, true},
		{"audit_log", func(d *Document) { d.AuditLog.Key = "x" }, true, true},
		{"limits", func(d *Document) { d.Limits.MaxValueBytes++ }, true, false},
		{"limits", func(d *Document) { d.Limits.RequestsPerMinute = 0 }, true, false},
		{"root_threshold", func(d *Document) { d.RootThreshold = 1 }, true, false},
		{"root_keys", func(d *Document) { d.RootKeys = roots("a", "b", "d") }, false, false},
		{"draft_revision", func(d *Document) { d.DraftRevision = "x" }, false, false},
		{"addresses", func(d *Document) { d.Addresses = []string{"https://x.example"} }, false, false},
		{"successor", func(d *Document) { d.Successor = &Successor{Fingerprint{1}, "https://x.example"} }, false, false},
		{"retirement", func(d *Document) { d.Retirement = &Retirement{At: issued} }, false, false},
	} {
		a, b := document(), document(c.forth)
		for _, way := range []struct {
			from, to *Document
			want     bool
		}{{a, b, c.loosens}, {b, a, c.again}} {
			got, err := Compare(way.from, way.to)
			if err != nil {
				t.Errorf("%s: %v", c.field, err)
				continue
			}
			found := false
			for _, g := range got {
				found = found || g.Field == c.field
				if g.Text == "" {
					t.Errorf("%s: no words", g.Field)
				}
			}
			if !found || Loosens(got) != way.want {
				t.Errorf("%s: %+v, loosens %v, want %v", c.field, got, Loosens(got), way.want)
			}
		}
	}
	if got, err := Compare(document(), document(version(3))); err != nil || len(got) != 0 {
		t.Errorf("nothing but the version: %v %v", got, err)
	}
}

// Who cosigns: whoever joins may not stand in for somebody the user relies on.
func TestCompareCosigners(t *testing.T) {
	of := func(threshold int, names ...string) func(*Document) {
		return func(d *Document) {
			d.AuditorThreshold = threshold
			for _, n := range names {
				d.Auditors = append(d.Auditors, Auditor{Name: n, Cosigner: n + "+1+A"})
			}
		}
	}
	witnesses := func(threshold int, names ...string) func(*Document) {
		return func(d *Document) {
			d.Witnesses, d.WitnessThreshold = nil, threshold
			for _, n := range names {
				d.Witnesses = append(d.Witnesses, Witness{Key: n + "+1+A"})
			}
		}
	}
	for name, c := range map[string]struct {
		before, after func(*Document)
		want          bool
	}{
		"the first cosigners":               {of(0), of(2, "a", "b", "c"), false},
		"one more, and one more is needed":  {of(2, "a", "b"), of(3, "a", "b", "c"), false},
		"one more, and as many are enough":  {of(2, "a", "b"), of(2, "a", "b", "c"), true},
		"two more, and one more is needed":  {of(2, "a", "b"), of(3, "a", "b", "c", "d"), true},
		"fewer are enough":                  {of(2, "a", "b"), of(1, "a", "b"), true},
		"one is removed":                    {of(1, "a", "b"), of(1, "a"), true},
		"one is replaced":                   {of(2, "a", "b"), of(2, "a", "c"), true},
		"all are needed":                    {of(1, "a", "b"), of(2, "a", "b"), false},
		"two more witnesses, one is needed": {witnesses(1, "a"), witnesses(2, "a", "b", "c"), true},
		"one more witness, which is needed": {witnesses(1, "a"), witnesses(2, "a", "b"), false},
		"witnesses nobody had to ask":       {witnesses(0, "a"), witnesses(1, "a", "b"), false},
		"auditors instead of the witnesses": {witnesses(1, "a"), func(d *Document) { witnesses(0, "a")(d); of(1, "x")(d) }, true},
		"auditors in addition to witnesses": {witnesses(1, "a"), func(d *Document) { witnesses(1, "a")(d); of(1, "x")(d) }, false},
		"a longer lag, of auditors this time": {
			func(d *Document) { witnesses(0, "a")(d); of(1, "x")(d) },
			func(d *Document) { witnesses(0, "a")(d); of(1, "x")(d); d.MaxWitnessLagMS++ }, true,
		},
	} {
		got, err := Compare(document(c.before), document(c.after))
		if err != nil || Loosens(got) != c.want {
			t.Errorf("%s: %+v, %v; loosens should be %v", name, got, err, c.want)
		}
	}
}

// The past of a log grows, and stays.
func TestFormerConfigurations(t *testing.T) {
	of := func(all ...strictjson.Bytes) *Document {
		return document(func(d *Document) { d.Former = all })
	}
	for name, c := range map[string]struct {
		before, after *Document
		want          bool
	}{
		"it grows":       {of(lag(1)), of(lag(1), lag(2)), false},
		"it is the same": {of(lag(1)), of(lag(1)), false},
		"it is shorter":  {of(lag(1), lag(2)), of(lag(1)), true},
		"it is another":  {of(lag(1)), of(lag(2), lag(1)), true},
	} {
		got, err := Compare(c.before, c.after)
		if err != nil || Loosens(got) != c.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	d := of(lag(1), lag(2))
	if all := d.Configurations(); len(all) != 3 || all[0] != sha256.Sum256(lag(1)) || all[2] != sha256.Sum256(d.Configuration) {
		t.Errorf("%x", all)
	}
}

func TestAddSignatures(t *testing.T) {
	b := seal(t, document(), "a")
	b, err := AddSignatures(b, signers("a", "c")...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(b, "", issued, skew); err != nil {
		t.Fatal(err)
	}
	if !SameDocument(b, seal(t, document(), "b")) || SameDocument(b, seal(t, document(version(2)), "a")) || SameDocument(b, nil) {
		t.Error("SameDocument is wrong")
	}
}

func TestFingerprint(t *testing.T) {
	f, err := document().Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	// Pinned: people have compared fingerprints with older versions.
	slow := "kith log fingerprint 1\x00" + "\x00\x02" + "\x00\x20" + strings.Repeat("\x01", 32) + "\x00\x20" + strings.Repeat("\x02", 32)
	if want := Fingerprint(sha256.Sum256([]byte(slow))); f != want {
		t.Error("not as its comment says")
	}
	s := f.String()
	if groups := strings.Split(s, "-"); len(groups) != 13 || len(s) != 64 {
		t.Errorf("printed as %q", s)
	}
	for _, in := range []string{s, strings.ToUpper(s), strings.ReplaceAll(s, "-", ""), strings.ReplaceAll(s, "-", " "), " " + s + "\n"} {
		if back, err := ParseFingerprint(in); err != nil || back != f {
			t.Errorf("%q: %v", in, err)
		}
	}
	last := s[len(s)-1]
	for _, in := range []string{"", s[:63], s + "a", "1" + s[1:], s[:63] + string(rune(last+1)), base64.StdEncoding.EncodeToString(f[:])} {
		if _, err := ParseFingerprint(in); !errors.Is(err, ErrFingerprint) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestFingerprintRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Fingerprint(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "f"))
		if back, err := ParseFingerprint(f.String()); err != nil || back != f {
			t.Fatal(err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	f.Add(seal(f, document(), "a", "b"))
	f.Add(seal(f, document(func(d *Document) { d.Retirement = &Retirement{At: issued}; d.Witnesses = nil; d.WitnessThreshold = 0 })))
	p := pin(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, err := range []error{
			func() error { _, err := Open(b, "", issued, skew); return err }(),
			func() error { _, _, err := p.Follow(b, issued, skew); return err }(),
		} {
			known := err == nil
			for _, e := range []error{ErrMalformed, ErrSignature, ErrExpired, ErrNotYet, ErrRollback, ErrDomain} {
				known = known || errors.Is(err, e)
			}
			if !known {
				t.Fatal(err)
			}
		}
	})
}

// FuzzDocument reads documents whose signatures hold.
func FuzzDocument(f *testing.F) {
	payload, _ := document().Encode()
	f.Add([]byte(payload))
	f.Fuzz(func(t *testing.T, payload []byte) {
		d, err := (&envelope{Payload: payload}).document()
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		again, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := (&envelope{Payload: again}).document(); err != nil {
			t.Fatal(err)
		} else if c, err := Compare(d, back); err != nil || len(c) != 0 {
			t.Fatalf("%v %v", c, err)
		}
	})
}
