package label

import (
	"strings"
	"unicode"
)

// invisible reports whether a character shows nothing or changes how its
// neighbours show: formats (zero-width and direction marks), fillers,
// variation selectors, tags, private use, and noncharacters.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.Variation_Selector,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point)
}

// together lists the scripts that may share a name (UTS #39, "Restriction-Level Detection").
var together = [][]string{
	{"Latin", "Han", "Hiragana", "Katakana"},
	{"Latin", "Han", "Bopomofo"},
	{"Latin", "Han", "Hangul"},
}

// oneScript refuses a name that mixes scripts which do not belong together.
func oneScript(s string) error {
	found := scripts(s)
	if len(found) <= 1 {
		return nil
	}
	for _, set := range together {
		if subset(found, set) {
			return nil
		}
	}
	return invalid("%q mixes %s letters, which can imitate another name; use one script", s, strings.Join(found, " and "))
}

// scripts lists the scripts of a name in the order they appear, without those
// that belong to all.
func scripts(s string) []string {
	var found []string
	for _, r := range s {
		name := scriptOf(r)
		if name == "Common" || name == "Inherited" || contains(found, name) {
			continue
		}
		found = append(found, name)
	}
	return found
}

func scriptOf(r rune) string {
	if r < 0x80 {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return "Latin"
		}
		return "Common"
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return "Unknown"
}

// alike holds, for each script with whole words of them, the letters that show as a
// Latin letter or digit in common fonts.
var alike = []struct{ script, letters string }{
	{"Cyrillic", "асԁеһіјӏорԗԛѕԝхуъьҽпгѵѡ"},
	{"Greek", "αικνρυωηοτ"},
	{"Armenian", "ագզէլհյոսւօ"},
}

// lookAlike returns the script of a name whose every letter imitates a Latin
// one, or "".
func lookAlike(s string) string {
	for _, a := range alike {
		letters := 0
		for _, r := range s {
			if scriptOf(r) == "Common" {
				continue
			}
			if !strings.ContainsRune(a.letters, r) {
				letters = 0
				break
			}
			letters++
		}
		if letters > 0 {
			return a.script
		}
	}
	return ""
}

func hasScript(s, script string) bool { return contains(scripts(s), script) }

func subset(some, all []string) bool {
	for _, s := range some {
		if !contains(all, s) {
			return false
		}
	}
	return true
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
