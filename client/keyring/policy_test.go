package keyring_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

func cosigner(t testing.TB, name string) string {
	t.Helper()
	_, vkey, err := checkpoint.GenerateCosigner(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	return vkey
}

// document is a provider document with the given witnesses and auditors.
func document(t testing.TB, edit func(*provider.Document)) *provider.Document {
	t.Helper()
	l := testlog.New(wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
	encoded, err := l.Config.Append(nil, l.Config.Format())
	if err != nil {
		t.Fatal(err)
	}
	d := &provider.Document{Domain: domain, Configuration: encoded}
	edit(d)
	return d
}

// TestPolicyFaults: a bad policy file is refused, and the error says where and what
// to write.
func TestPolicyFaults(t *testing.T) {
	a, b := cosigner(t, "a.example"), cosigner(t, "b.example")
	for name, c := range map[string]struct {
		file        string
		line        int
		field, says string
	}{
		"nothing":             {``, 1, "", "ends too early"},
		"no object":           {`[]`, 1, "", "not an object"},
		"cut off":             {"{\n\"setting\": \"warn\"", 2, "", "ends too early"},
		"something after":     {"{}\n{}", 2, "", "something follows"},
		"unknown name":        {"{\n\n  \"witness\": 2\n}", 3, "witness", "no such name"},
		"another case":        {`{"Setting": "warn"}`, 1, "Setting", "no such name"},
		"twice":               {"{\"setting\": \"warn\",\n\"setting\": \"warn\"}", 2, "setting", "given twice"},
		"null":                {"{\"witnesses\":\n null}", 2, "witnesses", "null"},
		"setting":             {`{"setting": "off"}`, 1, "setting", "no setting"},
		"setting's type":      {`{"setting": 1}`, 1, "setting", "not what belongs there"},
		"threshold missing":   {"{\n\"witnesses\": {}}", 2, "witnesses", "threshold is missing"},
		"threshold's type":    {"{\n\"witnesses\": {\"threshold\":\n \"2\"}}", 3, "witnesses.threshold", "not what belongs there"},
		"threshold not whole": {`{"witnesses": {"threshold": 1.5}}`, 1, "witnesses.threshold", "not what belongs there"},
		"negative":            {`{"auditors": {"threshold": -1}}`, 1, "auditors", "not from 0 to 64"},
		"cannot be met":       {fmt.Sprintf(`{"witnesses": {"threshold": 2, "keys": [%q]}}`, a), 1, "witnesses", "2 of 1 cannot be met"},
		"one key twice":       {fmt.Sprintf(`{"witnesses": {"threshold": 1, "keys": [%q, %q]}}`, a, a), 1, "witnesses", "one key"},
		"no key":              {`{"witnesses": {"threshold": 1, "keys": ["a.example"]}}`, 1, "witnesses", "key"},
		"nested unknown":      {fmt.Sprintf("{\"witnesses\": {\"threshold\": 1,\n \"key\": [%q]}}", b), 2, "witnesses.key", "no such name"},
		"duration":            {`{"max_witness_lag": 30}`, 1, "max_witness_lag", "not what belongs there"},
		"duration's form":     {`{"max_witness_lag": "30"}`, 1, "max_witness_lag", "no time"},
		"duration too short":  {`{"max_cosignature_age": "1ms"}`, 1, "max_cosignature_age", "not from 1s"},
		"duration below 0":    {`{"minimum_age": "-1h"}`, 1, "minimum_age", "not from 0s"},
		"duration too long":   {`{"minimum_age": "200000h"}`, 1, "minimum_age", "not from 0s to"},
		"truth":               {`{"require_auditor": "yes"}`, 1, "require_auditor", "not what belongs there"},
		"gossip's address":    {"{\"gossip\": {\"addresses\":\n [\"http://auditor.example\"]}}", 2, "gossip.addresses", "not https"},
		"gossip's other host": {`{"gossip": {"addresses": ["https://u@auditor.example"]}}`, 1, "gossip.addresses", "no address"},
		"not UTF-8":           {"{\"setting\": \"\xff\"}", 1, "", "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keyring.ParsePolicy([]byte(c.file))
			e, ok := errors.AsType[*keyring.PolicyError](err)
			if !ok || !errors.Is(err, keyring.ErrPolicy) {
				t.Fatalf("error %v", err)
			}
			if e.Line != c.line || e.Field != c.field || !strings.Contains(e.Err.Error(), c.says) {
				t.Errorf("line %d, field %q, %v; want line %d, field %q, %q", e.Line, e.Field, e.Err, c.line, c.field, c.says)
			}
			if e.Field != "" && e.Hint == "" {
				t.Error("it does not say what to write")
			}
		})
	}
}

// TestPolicyKept writes a policy and reads it back, and is refused what cannot be read.
func TestPolicyKept(t *testing.T) {
	dir := newHome(t)
	ring := open(t, dir)
	if p, err := ring.Policy(); p != nil || err != nil {
		t.Fatalf("without a file: %v, %v", p, err)
	}
	age, yes := keyring.Duration(24*time.Hour), true
	p := &keyring.Policy{
		Setting: keyring.SettingWarn, Witnesses: &keyring.Quorum{Threshold: 1, Keys: []string{cosigner(t, "a.example")}},
		MinimumAge: &age, RequireAuditor: &yes, Gossip: &keyring.Gossip{Off: true, Addresses: []string{"http://127.0.0.1:1"}},
	}
	if err := ring.SetPolicy(p); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, domain, "policy.json")
	written, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(written, []byte(`"minimum_age": "24h"`)) {
		t.Fatalf("%s, %v", written, err)
	}
	again, err := ring.Policy()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := again.Encode(); err != nil || !bytes.Equal(b, written) {
		t.Errorf("it changed: %s, %v", b, err)
	}
	if err := ring.SetPolicy(&keyring.Policy{Setting: "off"}); !errors.Is(err, keyring.ErrPolicy) {
		t.Errorf("a policy that cannot be read: %v", err)
	}
	if b, _ := os.ReadFile(path); !bytes.Equal(b, written) {
		t.Error("the file was replaced by one that cannot be read")
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Policy(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a damaged file: %v", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Policy(); !errors.Is(err, keyring.ErrExposed) {
		t.Errorf("a file that others write: %v", err)
	}
	if err := ring.SetPolicy(new(keyring.Policy)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("an empty policy: %v", err)
	}
}

// TestCombine: the file of the provider goes before the one for all, and both
// before the document, part by part.
func TestCombine(t *testing.T) {
	a, b, c := cosigner(t, "a.example"), cosigner(t, "b.example"), cosigner(t, "c.example")
	d := document(t, func(d *provider.Document) {
		d.Witnesses = []provider.Witness{{Key: a}, {Key: b}}
		d.WitnessThreshold, d.MaxWitnessLagMS = 1, 5000
		d.Auditors = []provider.Auditor{{Name: "x", Cosigner: c}, {Name: "y", PublicKey: []byte{1}}}
		d.AuditorThreshold = 1
	})
	combine := func(own, home string) *keyring.InForce {
		t.Helper()
		var files [2]*keyring.Policy
		for i, text := range []string{own, home} {
			if text == "" {
				continue
			}
			var err error
			if files[i], err = keyring.ParsePolicy([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		f, err := keyring.Combine(d, files[0], files[1])
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	bare := combine("", "")
	if bare.Witnesses.Threshold != 1 || len(bare.Witnesses.Of) != 2 || bare.Auditors.Threshold != 1 || len(bare.Auditors.Of) != 1 ||
		bare.MaxWitnessLag != 5*time.Second || bare.MaxCosignatureAge != 5*time.Second ||
		bare.Setting != client.Enforce || bare.GossipOff || bare.From["witnesses"] != keyring.FromDocument {
		t.Errorf("without files: %+v", bare)
	}
	home := fmt.Sprintf(`{"witnesses": {"threshold": 2, "keys": [%q, %q]}, "setting": "warn", "gossip": {"off": true}}`, a, c)
	f := combine(`{"setting": "enforce", "max_witness_lag": "1s"}`, home)
	if f.Setting != client.Enforce || f.Witnesses.Threshold != 2 || f.Witnesses.Of[1].Key() != c || f.MaxWitnessLag != time.Second || !f.GossipOff ||
		f.From["witnesses"] != keyring.FromHomeFile || f.From["setting"] != keyring.FromProviderFile || f.From["auditors"] != keyring.FromDocument {
		t.Errorf("with both files: %+v", f)
	}
	// The provider's document is not what a file is held down to.
	if f := combine(`{"witnesses": {"threshold": 0}, "auditors": {"threshold": 3}}`, home); f.Witnesses.Threshold != 0 || f.Auditors.Threshold != 3 || len(f.Auditors.Of) != 1 {
		t.Errorf("loosened by hand, and more than there are: %+v", f)
	}
}

// TestBelieves: a provider cannot make its user believe an auditor, or witness, by
// naming it.
func TestBelieves(t *testing.T) {
	c := cosigner(t, "c.example")
	d := document(t, func(d *provider.Document) {
		d.Auditors, d.AuditorThreshold = []provider.Auditor{{Name: "c", Cosigner: c}}, 1
		d.Witnesses = []provider.Witness{{Key: c}}
	})
	for file, want := range map[string]bool{
		`{}`:                              false,
		`{"witnesses": {"threshold": 1}}`: false,
		`{"auditors": {"threshold": 1}}`:  true,
		fmt.Sprintf(`{"auditors": {"threshold": 0, "keys": [%q]}}`, c):                        true,
		fmt.Sprintf(`{"auditors": {"threshold": 1, "keys": [%q]}}`, cosigner(t, "c.example")): false,
	} {
		p, err := keyring.ParsePolicy([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		f, err := keyring.Combine(d, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Believes(anonymous(c)); got != want {
			t.Errorf("%s: %v", file, got)
		}
	}
}

// TestLoosens names what asks for less.
func TestLoosens(t *testing.T) {
	a, b := cosigner(t, "a.example"), cosigner(t, "b.example")
	d := document(t, func(d *provider.Document) {})
	combine := func(text string) *keyring.InForce {
		t.Helper()
		p, err := keyring.ParsePolicy([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		f, err := keyring.Combine(d, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	before := fmt.Sprintf(`{"witnesses": {"threshold": 1, "keys": [%q]}, "minimum_age": "1h", "max_witness_lag": "30s", "max_cosignature_age": "10m", "require_auditor": true}`, a)
	for edit, want := range map[[2]string]string{
		{"", ""}:                             "",
		{`"threshold": 1`, `"threshold": 0`}: "witnesses",
		{`"keys": [`, fmt.Sprintf(`"keys": [%q,`, b)}:  "witnesses",
		{`"minimum_age": "1h"`, `"minimum_age": "1m"`}: "minimum_age",
		{`"minimum_age": "1h"`, `"minimum_age": "2h"`}: "",
		{`"30s"`, `"31s"`}:                          "max_witness_lag",
		{`"10m"`, `"11m"`}:                          "max_cosignature_age",
		{`true}`, `false}`}:                         "require_auditor",
		{`true}`, `true, "setting": "warn"}`}:       "setting",
		{`true}`, `true, "gossip": {"off": true}}`}: "gossip",
	} {
		after := strings.Replace(before, edit[0], edit[1], 1)
		if got := combine(after).Loosens(combine(before)); strings.Join(got, " ") != want {
			t.Errorf("%v: %v", edit, got)
		}
	}
}

// FuzzPolicy: what is read can be written, and is then read as the same.
func FuzzPolicy(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"setting": "warn", "minimum_age": "1h30m", "require_auditor": false, "gossip": {"addresses": ["https://a.example"]}}`))
	f.Add([]byte(fmt.Sprintf(`{"witnesses": {"keys": [%q], "threshold": 1}, "auditors": {"threshold": 2}, "max_witness_lag": "1ms"}`, cosigner(f, "a"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := keyring.ParsePolicy(b)
		if err != nil {
			if !errors.Is(err, keyring.ErrPolicy) {
				t.Fatalf("error %v", err)
			}
			return
		}
		first, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := keyring.ParsePolicy(first)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := again.Encode(); err != nil || !slices.Equal(first, second) {
			t.Fatalf("%s and %s, %v", first, second, err)
		}
	})
}

// anonymous is a verifier key under another name.
func anonymous(vkey string) string {
	parts := strings.SplitN(vkey, "+", 3)
	return "+00000000+" + parts[2]
}
