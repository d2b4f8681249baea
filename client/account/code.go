package account

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A Code is a recovery code: 128 random bits, to be written down. It is shown as
// 26 letters and digits and one that checks them, in groups:
//
//	9T3K-0M7Q-XWZ5-H2B8-CDVR-4N6P-J0C
//
// The alphabet has no I, L, O and U; what looks like 1 or 0 is read as that. The
// check is a sum over GF(32) with another factor for each place: one wrong
// character, or two that changed places, never pass.
type Code [codeSize]byte

const (
	codeSize     = 16
	codeLetters  = 26
	codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// ErrCode is a text that is no recovery code: something was misread.
var ErrCode = errors.New("not a recovery code")

var codeEncoding = base32.NewEncoding(codeAlphabet).WithPadding(base32.NoPadding)

// NewCode makes a recovery code of 16 octets of rand.
func NewCode(rand io.Reader) (*Code, error) {
	c := new(Code)
	if _, err := io.ReadFull(rand, c[:]); err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	return c, nil
}

// Format keeps a code out of whatever is printed; see Text.
func (*Code) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(recovery code)") }

// Text returns the code as it is written down.
func (c *Code) Text() string {
	letters := codeEncoding.EncodeToString(c[:])
	letters += string(codeAlphabet[check(letters)])
	var b strings.Builder
	for i, r := range letters {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// password is what the code is stretched as: its letters, without the check.
func (c *Code) password() Password {
	b := make([]byte, codeLetters)
	codeEncoding.Encode(b, c[:])
	return b
}

// ParseCode reads a code as people type it: in any case, with or without hyphens
// and spaces. Errors do not show it.
func ParseCode(text string) (*Code, error) {
	if len(text) > 256 {
		return nil, fmt.Errorf("%w: too long", ErrCode)
	}
	letters := strings.NewReplacer("-", "", " ", "", "\t", "", "\r", "", "\n", "", "I", "1", "L", "1", "O", "0").Replace(strings.ToUpper(text))
	if len(letters) != codeLetters+1 || strings.Trim(letters, codeAlphabet) != "" {
		return nil, fmt.Errorf("%w: it has %d letters and digits, in groups of four", ErrCode, codeLetters+1)
	}
	if codeAlphabet[check(letters[:codeLetters])] != letters[codeLetters] {
		return nil, fmt.Errorf("%w: a character is wrong", ErrCode)
	}
	c := new(Code)
	b, err := codeEncoding.DecodeString(letters[:codeLetters])
	if err != nil || codeEncoding.EncodeToString(b) != letters[:codeLetters] {
		return nil, fmt.Errorf("%w: a character is wrong", ErrCode)
	}
	copy(c[:], b)
	clear(b)
	return c, nil
}

// check returns the sum of the letters' values, each times another power of x in
// GF(32) = GF(2)[x]/(x^5 + x^2 + 1), by Horner's rule.
func check(letters string) (sum byte) {
	for i := range len(letters) {
		sum ^= byte(strings.IndexByte(codeAlphabet, letters[i]))
		if sum <<= 1; sum&32 != 0 {
			sum ^= 0b100101
		}
	}
	return sum
}
