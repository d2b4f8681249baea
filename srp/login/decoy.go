package login

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/legacy"
)

// decoysKey is where samples of imported derivations stand in Meta, a line each.
var decoysKey = []byte("decoys")

// maxDecoys bounds the samples.
const maxDecoys = 64

// DefaultKDF is the derivation that a service suggests, without a salt.
var DefaultKDF = srp.Argon2id{Memory: 64 << 10, Time: 3, Threads: 4}

// decoyKDF returns a derivation for a name that has no account, always the same
// one. While accounts of an older provider are moving over, it may have the shape
// of one of theirs.
func (s *Service) decoyKDF(p *srp.Profile, name string) string {
	if p.Name != DefaultProfile { // the others know one way only
		return ""
	}
	k := s.config.Key
	salt := func(n int) []byte { return k.decoy("kdf salt", name, n) }
	if samples := *s.decoys.Load(); len(samples) > 0 {
		n := binary.BigEndian.Uint32(k.decoy("kdf shape", name, 4)) % uint32(len(samples)+1)
		if n > 0 {
			return samples[n-1].WithSalt(salt).String()
		}
	}
	standard := DefaultKDF
	standard.Salt = salt(16)
	return standard.String()
}

// parseDecoys reads the samples.
func parseDecoys(b []byte) (samples []*legacy.Recipe, err error) {
	for line := range strings.Lines(string(b)) {
		r, err := legacy.Parse(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		samples = append(samples, r)
	}
	return samples, nil
}

// withDecoy adds a sample of a shape that is not there yet, and reports whether it
// did. Salts are replaced: a sample is of nobody.
func (s *Service) withDecoy(samples []*legacy.Recipe, r *legacy.Recipe) ([]*legacy.Recipe, bool) {
	zero := func(n int) []byte { return make([]byte, n) }
	r = r.WithSalt(zero)
	if len(samples) >= maxDecoys || slices.ContainsFunc(samples, func(o *legacy.Recipe) bool { return o.String() == r.String() }) {
		return samples, false
	}
	return append(slices.Clone(samples), r), true
}

func encodeDecoys(samples []*legacy.Recipe) []byte {
	var b []byte
	for _, r := range samples {
		b = append(append(b, r.String()...), '\n')
	}
	return b
}
