package keyfile

import (
	"io"
	"iter"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/record"
)

// SSH reads lines in the manner of an allowed_signers file (ssh-keygen(1)):
//
//	label[,label] [options] key-type base64 [comment]
//
// Empty lines and those that begin with # are passed over. The options
// valid-after and valid-before are heeded; a key with any other option, a
// certificate and a label with wildcards are skipped, for a record could not
// say what they mean. An authorized_keys line lacks the label: put it in front.
func SSH(r io.Reader, now time.Time) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		eachLine(r, yield, func(where string, line []byte) []Entry { return sshLine(where, line, now) })
	}
}

func sshLine(where string, line []byte, now time.Time) []Entry {
	s := strings.TrimSpace(string(line))
	if s == "" || s[0] == '#' {
		return nil
	}
	one := func(e Entry) []Entry { return []Entry{e} }
	end := strings.IndexAny(s, " \t")
	if end < 0 {
		return one(skip(where, Malformed, "it lacks a key; write: label key-type base64"))
	}
	principals, rest := s[:end], strings.TrimSpace(s[end:])
	if sshType(principals) {
		return one(skip(where, NoAddress, "it lacks a label; write: label key-type base64"))
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return one(skip(where, Malformed, "%v; write: label key-type base64", err))
	}
	if !strings.Contains(" "+strings.ReplaceAll(rest, "\t", " "), " "+key.Type()+" ") {
		return one(skip(where, Malformed, "the key is of type %s, and the line says otherwise", key.Type()))
	}
	switch t := key.Type(); t {
	case ssh.KeyAlgoRSA, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoED25519,
		ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoSKED25519:
	default:
		return one(skip(where, Unsupported, "keys of type %s are not published", t))
	}
	if why, detail := sshOptions(options, now); why != "" {
		return one(skip(where, why, "%s", detail))
	}
	var out []Entry
	for _, p := range strings.Split(principals, ",") {
		if strings.ContainsAny(p, `*?!"`) {
			out = append(out, skip(where, BadLabel, "%q is a pattern; name each label", p))
			continue
		}
		l, err := label.Canonical(p)
		if err != nil {
			out = append(out, skip(where, BadLabel, "%v", err))
			continue
		}
		out = append(out, Entry{Where: where, Label: l, Keys: []record.PublishedKey{{Type: record.SSH, Data: key.Marshal()}}})
	}
	return out
}

func sshType(s string) bool {
	for _, p := range []string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"} {
		if strings.HasPrefix(s, p) && !strings.Contains(strings.TrimSuffix(s, "@openssh.com"), "@") {
			return true
		}
	}
	return false
}

func sshOptions(options []string, now time.Time) (Reason, string) {
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		name = strings.ToLower(name)
		if name != "valid-after" && name != "valid-before" {
			return Unsupported, "the option " + name + " cannot be kept in a record"
		}
		t, ok := sshTime(strings.Trim(value, `"`))
		switch {
		case !ok:
			return Malformed, "the time of " + name + " is not of the form YYYYMMDD[HHMM[SS]][Z]"
		case name == "valid-after" && now.Before(t):
			return NotYet, "valid after " + t.Format(time.DateOnly)
		case name == "valid-before" && !now.Before(t):
			return Expired, "valid before " + t.Format(time.DateOnly)
		}
	}
	return "", ""
}

// sshTime reads a time as UTC; local time, which a missing Z means to
// ssh-keygen, would depend on the machine.
func sshTime(s string) (time.Time, bool) {
	s = strings.TrimSuffix(s, "Z")
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(s) == len(layout) {
			t, err := time.Parse(layout, s)
			return t, err == nil
		}
	}
	return time.Time{}, false
}
