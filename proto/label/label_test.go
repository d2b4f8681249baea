package label

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		// e-mail addresses
		"Ann@Example.ORG":              "ann@example.org",
		"ann@example.org":              "ann@example.org",
		"ann+News@example.org":         "ann+news@example.org", // a label of its own
		"a.n.n@example.org":            "a.n.n@example.org",    // so is this
		"o'neil@example.org":           "o'neil@example.org",
		"ann@localhost":                "ann@localhost",
		"ann@BÜCHER.example":           "ann@xn--bcher-kva.example",
		"ann@XN--BCHER-KVA.example":    "ann@xn--bcher-kva.example",
		"ann@bu\u0308cher.example":     "ann@xn--bcher-kva.example", // NFD
		"ann@ｅｘａｍｐｌｅ.org":              "ann@example.org",           // full width
		"ann@straße.example":           "ann@xn--strae-oqa.example", // non-transitional: not strasse
		"ann@例え.jp":                    "ann@xn--r8jz45g.jp",        // Han with Hiragana
		"ann@президент.рф":             "ann@xn--d1abbgf6aiiy.xn--p1ai",
		"ann@сор.рф":                   "ann@xn--n1aeb.xn--p1ai", // look-alike, at home
		"ann@3com.example":             "ann@3com.example",
		strings.Repeat("a", 64) + "@b": strings.Repeat("a", 64) + "@b",
		// user names
		"Ann":                    "ann",
		"ann-1_x":                "ann-1_x",
		"+49123456":              "+49123456",
		"ＡＮＮ":                    "ann",
		"Ä":                      "ä",
		"A\u0308":                "ä",
		"ΣΊΣΥΦΟΣ":                "σίσυφοσ",
		"Ирина":                  "ирина",
		"渡辺じゅん":                  "渡辺じゅん",
		"jun渡辺":                  "jun渡辺",
		strings.Repeat("x", 255): strings.Repeat("x", 255),
	} {
		got, err := Canonical(in)
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestCanonicalRefuses(t *testing.T) {
	for in, hint := range map[string]string{
		"":                               "empty",
		strings.Repeat("x", 256):         "shorter",
		strings.Repeat("x", 1<<20):       "shorter",
		"ann\xff":                        "UTF-8",
		"ann@exam\xc0ple.org":            "UTF-8",
		" ann":                           "space",
		"ann@example.org\n":              "space",
		"ann\u00a0b@example.org":         "space",
		"an\u200bn@example.org":          "invisible character U+200B",
		"ann@exam\u200bple.org":          "invisible character U+200B",
		"ann@exam\u00adple.org":          "invisible character U+00AD",
		"ann\ufe0f":                      "invisible",
		"ann\u2060":                      "invisible",
		"\u202eann":                      "invisible",
		"ann\x00":                        "invisible",
		"ann\U000e0061":                  "invisible",
		"\u3164":                         "invisible",
		"@example.org":                   "before the @",
		"ann@":                           "no domain after the @",
		"a@b@c":                          "more than one @",
		"ann＠example.org":                "ordinary @",
		".ann@example.org":               "dot",
		"ann.@example.org":               "dot",
		"a..n@example.org":               "dot",
		`"ann"@example.org`:              "quoted",
		"änn@example.org":                "ASCII",
		"аnn@example.org":                "ASCII", // Cyrillic а
		"ann(x)@example.org":             "bare address",
		"Ann<ann@example.org>":           "bare address",
		strings.Repeat("a", 65) + "@b":   "64",
		"ann@example.org.":               "dot",
		"ann@example.org。":               "domain", // ideographic full stop is a trailing dot too
		"ann@.example.org":               "domain",
		"ann@example..org":               "domain",
		"ann@[192.0.2.1]":                "domain name",
		"ann@192.0.2.1":                  "domain name",
		"ann@exa_mple.org":               "spelling",
		"ann@-example.org":               "spelling",
		"ann@xn--a.org":                  "spelling", // no such punycode
		"ann@" + strings.Repeat("a", 64): "spelling",
		"ann@раypal.com":                 "mixes Cyrillic and Latin",
		"ann@xn--ypal-43d9g.com":         "mixes Cyrillic and Latin", // the same, as punycode
		"ann@" + "аррӏе.com":             "looks like Latin",
		"ann@xn--80ak6aa92e.com":         "looks like Latin",
		"ann@google.соm":                 "mixes",
		"раypal":                         "mixes",
		"αnn":                            "mixes",
		"сара":                           "looks like Latin",
		"ann smith":                      "space",
		"ann☃":                           "user name",
		"\u05d0a":                        "user name", // breaks the bidi rule
		strings.Repeat("a", 60) + "@" + strings.Repeat(strings.Repeat("b", 60)+".", 4) + "org": "shorter",
	} {
		got, err := Canonical(in)
		if !errors.Is(err, ErrInvalid) || got != "" {
			t.Errorf("%q: %q, %v", in, got, err)
			continue
		}
		if !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: the error does not speak of %q: %v", in, hint, err)
		}
	}
}

func TestDisplay(t *testing.T) {
	for in, want := range map[string]string{
		"ann@xn--bcher-kva.example": "ann@bücher.example",
		"ann@example.org":           "ann@example.org",
		"ann@xn--80ak6aa92e.com":    "ann@xn--80ak6aa92e.com", // imitates apple.com: shown as it is
		"ann@xn--a.org":             "ann@xn--a.org",
		"xn--bcher-kva":             "xn--bcher-kva",
		"":                          "",
	} {
		if got := Display(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// stable is the promise of Canonical.
func stable(t interface{ Fatalf(string, ...any) }, in string) {
	c, err := Canonical(in)
	if err != nil {
		if !errors.Is(err, ErrInvalid) {
			t.Fatalf("%q: %v", in, err)
		}
		return
	}
	if len(c) == 0 || len(c) > MaxSize || !utf8.ValidString(c) {
		t.Fatalf("%q: canonical form %q", in, c)
	}
	if again, err := Canonical(c); err != nil || again != c {
		t.Fatalf("%q: %q, then %q, %v", in, c, again, err)
	}
	if shown := Display(c); strings.Contains(c, "@") {
		if back, err := Canonical(shown); err != nil || back != c {
			t.Fatalf("%q is shown as %q, which is %q, %v", c, shown, back, err)
		}
	}
}

func TestCanonicalIsStable(t *testing.T) {
	part := rapid.StringOfN(rapid.SampledFrom([]rune("aAbzZ09.-_+éÉßſKİıΣςаАיبヴ﷐ﬀ０ａ．。゙è\u0308\u0301ǅ여ㅎ")), 1, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		s := part.Draw(t, "name")
		if rapid.Bool().Draw(t, "address") {
			s += "@" + part.Draw(t, "domain")
		}
		stable(t, s)
	})
	rapid.Check(t, func(t *rapid.T) { stable(t, rapid.String().Draw(t, "any")) })
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"Ann@Example.org", "ann@bücher.example", "ＡＮＮ", "ΣΊΣΥΦΟΣ", "ann@xn--bcher-kva.example", "渡辺じゅん", "a@b@c", "İ", "ﷺ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { stable(t, s) })
}
