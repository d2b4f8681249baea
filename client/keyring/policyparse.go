package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// maxCosigners bounds the keys and addresses of a policy file.
const maxCosigners = 64

// ParsePolicy reads a policy file strictly: no unknown or repeated name, no null,
// nothing after it. Its errors are *PolicyError and say in which line.
func ParsePolicy(b []byte) (*Policy, error) {
	if len(b) > maxPolicy {
		return nil, &PolicyError{Line: 1, Err: fmt.Errorf("more than %d bytes", maxPolicy)}
	}
	if !utf8.Valid(b) {
		return nil, &PolicyError{Line: 1, Err: errors.New("not UTF-8")}
	}
	p := new(Policy)
	r := &policyReader{whole: b}
	err := r.object("", 0, b, map[string]field{
		"setting":             {func(m member) error { return r.setting(m, &p.Setting) }, `write "enforce", "warn" or "observe"`},
		"witnesses":           {func(m member) error { p.Witnesses = new(Quorum); return r.quorum(m, p.Witnesses) }, quorumHint},
		"auditors":            {func(m member) error { p.Auditors = new(Quorum); return r.quorum(m, p.Auditors) }, quorumHint},
		"max_cosignature_age": {duration(&p.MaxCosignatureAge, time.Second), durationHint},
		"max_witness_lag":     {duration(&p.MaxWitnessLag, time.Millisecond), durationHint},
		"minimum_age":         {duration(&p.MinimumAge, 0), durationHint},
		"require_auditor":     {func(m member) error { p.RequireAuditor = new(bool); return into(m, p.RequireAuditor) }, "write true or false"},
		"gossip":              {func(m member) error { p.Gossip = new(Gossip); return r.gossip(m, p.Gossip) }, `write {"off": true}, or {"addresses": ["https://auditor.example.net"]}`},
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

const (
	quorumHint   = `write {"threshold": 2, "keys": ["KEY", "KEY", "KEY"]}`
	durationHint = `write a time such as "30s", "10m" or "24h"`
)

// A policyReader knows where in the file it is.
type policyReader struct{ whole []byte }

// A member is one name and value of an object.
type member struct {
	path  string // "witnesses.threshold"
	at    int    // offset of the value in the file
	value json.RawMessage
}

// A field is how the value of a name is read, and what to write there.
type field struct {
	read func(member) error
	hint string
}

func (r *policyReader) fault(at int, name, hint string, err error) error {
	if e, ok := errors.AsType[*PolicyError](err); ok {
		return e // it was said closer to the fault
	}
	return &PolicyError{Line: 1 + bytes.Count(r.whole[:min(max(at, 0), len(r.whole))], []byte("\n")), Field: name, Hint: hint, Err: err}
}

// object reads the members of an object that begins at an offset of the file.
func (r *policyReader) object(path string, at int, b []byte, fields map[string]field) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		if err == nil {
			err = errors.New("not an object in braces")
		}
		return r.fault(at+int(dec.InputOffset()), path, `write {"name": value, …}`, syntax(err))
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return r.fault(at+int(dec.InputOffset()), path, "", syntax(err))
		}
		m := member{path: t.(string)} // the decoder has checked that it is one
		f, known := fields[m.path]
		name := m.path
		if path != "" {
			m.path = path + "." + m.path
		}
		here := at + int(dec.InputOffset())
		switch {
		case !known:
			return r.fault(here, m.path, "write one of "+strings.Join(sorted(fields), ", "), errors.New("there is no such name"))
		case seen[name]:
			return r.fault(here, m.path, "leave one of them out", errors.New("it is given twice"))
		}
		seen[name] = true
		if err := dec.Decode(&m.value); err != nil {
			return r.fault(at+int(dec.InputOffset()), m.path, f.hint, syntax(err))
		}
		m.at = at + int(dec.InputOffset()) - len(m.value)
		if string(m.value) == "null" {
			return r.fault(m.at, m.path, "leave the name out instead", errors.New("null says nothing"))
		}
		if err := f.read(m); err != nil {
			return r.fault(m.at, m.path, f.hint, err)
		}
	}
	if _, err := dec.Token(); err != nil {
		return r.fault(at+int(dec.InputOffset()), path, "", syntax(err))
	}
	if _, err := dec.Token(); err != io.EOF {
		return r.fault(at+int(dec.InputOffset()), path, "end the file after the closing brace", errors.New("something follows the end"))
	}
	return nil
}

func sorted(fields map[string]field) (names []string) {
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// syntax is a fault of JSON in fewer words.
func syntax(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("it ends too early")
	}
	return err
}

// into decodes a value of a simple type.
func into(m member, v any) error {
	if err := json.Unmarshal(m.value, v); err != nil {
		return fmt.Errorf("%.40s is not what belongs there", m.value)
	}
	return nil
}

func (r *policyReader) setting(m member, to *string) error {
	if err := into(m, to); err != nil {
		return err
	}
	if *to != SettingEnforce && *to != SettingWarn && *to != SettingObserve {
		return fmt.Errorf("there is no setting %.40q", *to)
	}
	return nil
}

// duration reads a duration of at least the least.
func duration(to **Duration, least time.Duration) func(member) error {
	return func(m member) error {
		var s string
		if err := into(m, &s); err != nil {
			return err
		}
		d, err := ParseDuration(s, least)
		if err != nil {
			return err
		}
		*to = &d
		return nil
	}
}

// ParseDuration reads a duration of a policy file, from least to ten years.
func ParseDuration(s string, least time.Duration) (Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%.40q is no time", s)
	case d < least || d > maxDuration:
		return 0, fmt.Errorf("%s is not from %s to %s", Duration(d), Duration(least), Duration(maxDuration))
	}
	return Duration(d), nil
}

func (r *policyReader) quorum(m member, q *Quorum) error {
	given := false
	err := r.object(m.path, m.at, m.value, map[string]field{
		"threshold": {func(m member) error { given = true; return into(m, &q.Threshold) }, "write a number, such as 2"},
		"keys":      {func(m member) error { return into(m, &q.Keys) }, `write ["KEY", "KEY"]`},
	})
	if err != nil {
		return err
	}
	if !given {
		return r.fault(m.at, m.path, quorumHint, errors.New("the threshold is missing"))
	}
	return q.check()
}

// check says what is wrong with a quorum.
func (q *Quorum) check() error {
	switch n := len(q.Keys); {
	case n > maxCosigners:
		return fmt.Errorf("more than %d keys", maxCosigners)
	case q.Threshold < 0 || q.Threshold > maxCosigners:
		return fmt.Errorf("a threshold of %d is not from 0 to %d", q.Threshold, maxCosigners)
	case n > 0 && q.Threshold > n:
		return fmt.Errorf("%d of %d cannot be met", q.Threshold, n)
	case n == 0:
		return nil
	}
	_, err := checkpoint.NewQuorum(q.Threshold, q.Keys...)
	return err
}

func (r *policyReader) gossip(m member, g *Gossip) error {
	return r.object(m.path, m.at, m.value, map[string]field{
		"off": {func(m member) error { return into(m, &g.Off) }, "write true or false"},
		"addresses": {func(m member) error {
			if err := into(m, &g.Addresses); err != nil {
				return err
			}
			if len(g.Addresses) > maxCosigners {
				return fmt.Errorf("more than %d addresses", maxCosigners)
			}
			for i, a := range g.Addresses {
				if err := checkAddress(a); err != nil {
					return err
				}
				if slices.Contains(g.Addresses[:i], a) {
					return fmt.Errorf("%s is listed twice", a)
				}
			}
			return nil
		}, `write ["https://auditor.example.net"]`},
	})
}

// checkAddress says why heads are not handed in at an address.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%.80q is no address", address)
	}
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%.80q is not https, and not on this machine", address)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
