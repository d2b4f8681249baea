package label

import (
	"strings"

	"golang.org/x/net/idna"
)

// profile is UTS #46 processing as browsers look names up, with every check on.
var profile = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.CheckHyphens(true),
	idna.CheckJoiners(true),
	idna.StrictDomainName(true),
	idna.ValidateLabels(true),
	idna.VerifyDNSLength(true),
)

const maxLocal = 64 // bytes (RFC 5321, "Local-part")

func email(s string) (string, error) {
	if strings.Count(s, "@") != 1 {
		return "", invalid("%q holds more than one @; write name@domain", s)
	}
	local, domain, _ := strings.Cut(s, "@")
	if err := dotAtom(s, local); err != nil {
		return "", err
	}
	if domain == "" {
		return "", invalid("%q has no domain after the @; write name@domain", s)
	}
	d, err := Domain(domain)
	if err != nil {
		return "", err
	}
	return strings.ToLower(local) + "@" + d, nil
}

func dotAtom(s, local string) error {
	switch {
	case local == "":
		return invalid("%q has nothing before the @; write name@domain", s)
	case len(local) > maxLocal:
		return invalid("%q has %d bytes before the @, the most is %d", s, len(local), maxLocal)
	case strings.HasPrefix(local, `"`):
		return invalid("%q has a quoted name; only plain names can be published", s)
	case local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, ".."):
		return invalid("%q has a dot out of place before the @", s)
	}
	for i := 0; i < len(local); i++ {
		c := local[i]
		switch {
		case c >= 0x80:
			return invalid("%q has letters outside ASCII before the @; use the mailbox's ASCII address", s)
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", c) >= 0:
		default:
			return invalid("%q holds %q before the @; write the bare address name@domain", s, c)
		}
	}
	return nil
}

// Domain returns the one form of a domain name: lower-case ASCII, punycode
// where needed, without a trailing dot.
func Domain(s string) (string, error) {
	if err := plain(s); err != nil {
		return "", err
	}
	if strings.HasSuffix(s, ".") {
		return "", invalid("the domain %q ends with a dot; leave it out", s)
	}
	if strings.HasPrefix(s, "[") {
		return "", invalid("%q is an address, not a domain; use a domain name", s)
	}
	ascii, err := profile.ToASCII(s)
	if err != nil {
		return "", invalid("%q is no domain: %v; check its spelling", s, err)
	}
	// What was typed as punycode is judged by what it shows.
	shown, err := profile.ToUnicode(ascii)
	if err != nil {
		return "", invalid("%q is no domain: %v; check its spelling", s, err)
	}
	if back, err := profile.ToASCII(shown); err != nil || back != ascii {
		return "", invalid("the domain %q has more than one spelling; use its registered form", s)
	}
	parts := strings.Split(shown, ".")
	top := parts[len(parts)-1]
	if strings.Trim(top, "0123456789") == "" {
		return "", invalid("%q is an address, not a domain; use a domain name", s)
	}
	for _, p := range parts {
		if err := plain(p); err != nil {
			return "", err
		}
		if err := oneScript(p); err != nil {
			return "", err
		}
		if script := lookAlike(p); script != "" && !hasScript(top, script) {
			return "", invalid("the domain %q is %s that looks like Latin (%s); if it is meant, it cannot be published", s, script, ascii)
		}
	}
	return ascii, nil
}

// Display returns a canonical label as a person reads it: the domain of an
// address in its own script. Anything that is not canonical comes back as it
// is, so that a display never says more than was checked.
func Display(s string) string {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || !strings.Contains(domain, "xn--") || !IsCanonical(s) {
		return s
	}
	shown, err := profile.ToUnicode(domain)
	if err != nil {
		return s
	}
	return local + "@" + shown
}
