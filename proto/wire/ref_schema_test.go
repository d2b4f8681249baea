package wire_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The slow reference of this package reads the presentation language itself,
// from testdata/wire/structures.tls, and walks Go values by it with reflection.
// It shares nothing with the codec but the Go types.

// A schema is the declarations of a presentation-language file.
type schema struct {
	structs map[string][]field
	enums   map[string]enum
	opaques map[string]string // typedefs of opaque[size]
}

// A field of a structure, or a selection between fields.
type field struct {
	name, typ string
	optional  bool
	size      string // opaque name[size]
	vector    bool
	ceiling   uint64 // of a vector, in elements
	on        string // select (on), or ""
	branches  map[string][]field
}

type enum struct {
	width int // bytes
	names map[uint64]string
}

// sizes of the draft's symbols; VRF.Np depends on the suite.
var symbols = map[string]int{"Hash.Nh": 32, "VRF.Nh": 32, "Nc": 16}

// widthOf returns the bytes required to hold ceiling.
func widthOf(ceiling uint64) int {
	n := 1
	for ceiling > 255 {
		ceiling >>= 8
		n++
	}
	return n
}

var (
	tokenRE   = regexp.MustCompile(`[A-Za-z_]\w*(?:\.\w+)*|\d+(?:\^\d+(?:-\d+)?)?|\.\.|[{}<>\[\]();:,]`)
	commentRE = regexp.MustCompile(`//[^\n]*`)
)

type schemaParser struct {
	toks []string
	s    *schema
}

func (p *schemaParser) next() string {
	if len(p.toks) == 0 {
		panic("schema: unexpected end")
	}
	t := p.toks[0]
	p.toks = p.toks[1:]
	return t
}

func (p *schemaParser) peek() string { return p.toks[0] }

func (p *schemaParser) want(toks ...string) {
	for _, w := range toks {
		if t := p.next(); t != w {
			panic(fmt.Sprintf("schema: %q where %q should stand, before %q", t, w, p.toks[:min(len(p.toks), 6)]))
		}
	}
}

func number(s string) uint64 {
	var base, exp, minus uint64
	if i := strings.IndexByte(s, '^'); i < 0 {
		base, _ = strconv.ParseUint(s, 10, 64)
		return base
	}
	fmt.Sscanf(s, "%d^%d-%d", &base, &exp, &minus)
	v := uint64(1)
	for range exp {
		v *= base
	}
	return v - minus
}

func parseSchema(text string) *schema {
	p := &schemaParser{
		toks: tokenRE.FindAllString(commentRE.ReplaceAllString(text, ""), -1),
		s:    &schema{map[string][]field{}, map[string]enum{}, map[string]string{}},
	}
	for len(p.toks) > 0 {
		switch t := p.next(); t {
		case "struct":
			p.want("{")
			fs := p.fields()
			p.want("}")
			p.s.structs[p.next()] = fs
			p.want(";")
		case "enum":
			p.enum()
		case "opaque":
			name := p.next()
			p.want("[")
			p.s.opaques[name] = p.next()
			p.want("]", ";")
		default:
			panic("schema: unexpected " + t)
		}
	}
	return p.s
}

func (p *schemaParser) enum() {
	e := enum{names: map[uint64]string{}}
	for t := p.next(); t != "}"; t = p.next() { // t is "{" or ","
		if p.peek() == "(" {
			p.want("(")
			e.width = widthOf(number(p.next()))
			p.want(")")
			continue
		}
		name := p.next()
		p.want("(")
		if v := number(p.next()); name != "reserved" {
			e.names[v] = name
		}
		p.want(")")
	}
	p.s.enums[p.next()] = e
	p.want(";")
}

func (p *schemaParser) fields() (fs []field) {
	for p.peek() != "}" && p.peek() != "case" {
		f := field{typ: p.next()}
		switch f.typ {
		case "select":
			p.want("(")
			f.on, f.branches = p.next(), map[string][]field{}
			p.want(")", "{")
			for p.peek() == "case" {
				p.want("case")
				value := p.next()
				p.want(":")
				f.branches[value] = p.fields()
			}
			p.want("}", ";")
			fs = append(fs, f)
			continue
		case "optional":
			p.want("<")
			f.typ, f.optional = p.next(), true
			p.want(">")
		}
		f.name = p.next()
		switch p.peek() {
		case "[":
			p.want("[")
			f.size = p.next()
			p.want("]")
		case "<":
			p.want("<", "0", "..")
			f.vector, f.ceiling = true, number(p.next())
			p.want(">")
		}
		p.want(";")
		fs = append(fs, f)
	}
	return fs
}

const schemaFile = "../testdata/wire/structures.tls"

// draft returns the draft's structures.
var draft = sync.OnceValue(func() *schema {
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		panic(err)
	}
	return parseSchema(string(text))
})

func TestSchemaReader(t *testing.T) {
	s := parseSchema(`// comment
		enum { reserved(0), one(1), (255) } E;
		opaque H[Hash.Nh];
		struct { E e; select (S.e) { case one: uint8 x; }; optional<uint32> y; H z<0..2^16-1>; } S;`)
	fs := s.structs["S"]
	if len(fs) != 4 || fs[1].branches["one"][0].name != "x" || !fs[2].optional || fs[3].ceiling != 65535 || widthOf(fs[3].ceiling) != 2 {
		t.Errorf("fields %+v", fs)
	}
	if e := s.enums["E"]; e.width != 1 || len(e.names) != 1 || e.names[1] != "one" {
		t.Errorf("enum %+v", e)
	}
	if widthOf(number("2^8-1")) != 1 || widthOf(number("2^32-1")) != 4 {
		t.Error("widths")
	}
	if got := len(draft().structs); got != len(structNames()) {
		t.Errorf("%d structures in %s, %d in the codec", got, schemaFile, len(structNames()))
	}
}
