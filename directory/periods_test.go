package directory

import (
	"bytes"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

func periodsFor(t testing.TB, froms ...uint64) []Period {
	t.Helper()
	var all []Period
	for i, from := range froms {
		p, _, err := newPeriod(from, &wire.Configuration{
			CipherSuite: wire.KT_128_SHA256_Ed25519, Mode: wire.ThirdPartyAuditing,
			SignaturePublicKey: bytes.Repeat([]byte{1}, 32), VRFPublicKey: bytes.Repeat([]byte{2}, 32),
			AuditorPublicKey: bytes.Repeat([]byte{byte(i)}, 32), MaxAuditorLag: 1, MaxAhead: 1, MaxBehind: 1, ReasonableMonitoringWindow: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestPeriodsCode(t *testing.T) {
	all := periodsFor(t, 0, 3, 9)
	b, err := appendPeriods(nil, all)
	if err != nil {
		t.Fatal(err)
	}
	back, err := parsePeriods(b)
	if err != nil || len(back) != 3 || back[2].From != 9 || back[1].Digest != all[1].Digest {
		t.Fatalf("%+v, %v", back, err)
	}
	for pos, want := range map[uint64]int{0: 0, 2: 0, 3: 1, 8: 1, 9: 2, 1 << 60: 2} {
		if got := periodOf(back, pos); got.Digest != all[want].Digest {
			t.Errorf("entry %d is under another configuration", pos)
		}
	}
	many := make([]uint64, MaxPeriods+1)
	for i := range many {
		many[i] = uint64(i)
	}
	for name, bad := range map[string][]Period{
		"not from the start":  periodsFor(t, 1, 3),
		"not ascending":       periodsFor(t, 0, 3, 3),
		"backwards":           periodsFor(t, 0, 3, 2),
		"one that is no news": {all[0], {From: 4, Log: all[0].Log}},
		"too many":            periodsFor(t, many...),
		"none":                nil,
	} {
		b, err := appendPeriods(nil, bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parsePeriods(b); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for n := range b {
		if back, err := parsePeriods(b[:n]); err == nil && len(back) == 3 {
			t.Errorf("cut after %d bytes: taken", n)
		}
	}
}

func FuzzPeriods(f *testing.F) {
	b, err := appendPeriods(nil, periodsFor(f, 0, 3, 9))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parsePeriods(b)
		if err != nil {
			return
		}
		if again, err := appendPeriods(nil, all); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x is written as %x, %v", b, again, err)
		}
	})
}
