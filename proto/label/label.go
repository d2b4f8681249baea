// Package label brings labels to the one form in which they are published,
// looked up and signed.
//
// A label with an "@" is an e-mail address:
//
//   - The local part is ASCII, made of the characters a dot-atom allows
//     (RFC 5322, "Atom"), 1 to 64 bytes, and becomes lower case. Quoted local
//     parts are refused, and so are those outside ASCII (RFC 6531): mail
//     systems do not agree on their case folding and normalization, so that
//     two people could hold what one system takes for a single address.
//   - Sub-addresses ("ann+news@…") and dots are kept: whether they reach the
//     same mailbox is the provider's knowledge, not ours. Each is a label of its own.
//   - The domain is mapped and checked by UTS #46 (non-transitional, STD3, bidi
//     and joiner rules) and becomes lower-case punycode. A trailing dot, an
//     address literal and a numeric top-level domain are refused.
//
// Any other label is a user name: PRECIS UsernameCaseMapped (RFC 8265), which
// folds width and case and normalizes to NFC.
//
// In both, invisible characters are refused before any mapping could drop
// them; a name may not mix scripts (UTS #39, "Highly Restrictive": one script,
// or Latin with Japanese, Korean or Chinese ones); and a name wholly of
// Cyrillic, Greek or Armenian letters that each look like a Latin one is refused, in
// domains unless the top-level domain is of that script.
//
// The result has 1 to 255 bytes, and Canonical leaves it as it is.
package label

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// MaxSize is the most bytes a canonical label has.
const MaxSize = 255

// maxInput bounds what is looked at: no mapping shrinks a valid label by more.
const maxInput = 4 * MaxSize

// ErrInvalid is a label that has no canonical form. The text around it says
// what to change.
var ErrInvalid = errors.New("invalid label")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// Canonical returns the one form of a label.
func Canonical(s string) (string, error) {
	if err := plain(s); err != nil {
		return "", err
	}
	var c string
	var err error
	if strings.Contains(s, "@") {
		c, err = email(s)
	} else {
		c, err = username(s)
	}
	if err != nil {
		return "", err
	}
	if len(c) > MaxSize {
		return "", invalid("it has %d bytes, the most is %d; choose a shorter one", len(c), MaxSize)
	}
	return c, nil
}

// IsCanonical reports whether a label is already in its one form.
func IsCanonical(s string) bool {
	c, err := Canonical(s)
	return err == nil && c == s
}

// plain refuses what no label may hold, before anything is mapped.
func plain(s string) error {
	switch {
	case s == "":
		return invalid("it is empty")
	case len(s) > maxInput:
		return invalid("it has %d bytes, the most is %d; choose a shorter one", len(s), MaxSize)
	case !utf8.ValidString(s):
		return invalid("it is not UTF-8; convert it")
	}
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			return invalid("it holds a space (%U); remove it", r)
		case unicode.IsControl(r) || invisible(r):
			return invalid("it holds the invisible character %U; remove it", r)
		}
	}
	return nil
}

func username(s string) (string, error) {
	// A few code points need a second pass to come to rest (RFC 8265, "Preparation").
	c := s
	for range 4 {
		next, err := precis.UsernameCaseMapped.String(c)
		if err != nil {
			return "", invalid("%q is no user name: %v; use letters and digits of one script", s, err)
		}
		if next == c {
			break
		}
		c = next
	}
	if again, err := precis.UsernameCaseMapped.String(c); err != nil || again != c {
		return "", invalid("%q has no stable form; use plain letters and digits", s)
	}
	if strings.Contains(c, "@") {
		return "", invalid("%q holds a look-alike of @; type an ordinary @", s)
	}
	if err := plain(c); err != nil {
		return "", err
	}
	if err := oneScript(c); err != nil {
		return "", err
	}
	if script := lookAlike(c); script != "" {
		return "", invalid("%q is %s that looks like Latin; write it in Latin letters", s, script)
	}
	return c, nil
}
