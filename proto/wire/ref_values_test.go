package wire_test

import (
	"reflect"

	"pgregory.net/rapid"
)

// A chooser decides what a generated value is.
type chooser interface {
	uint(bits int) uint64
	pick(n int) int // [0, n)
	present() bool  // of an optional value
	bytes(n int) []byte
	length(width int, bytes bool) int // elements of a vector
}

// A generator is a visitor that fills a value in.
type generator struct{ c chooser }

func (g generator) field(string) {}
func (g generator) beginStruct() {}
func (g generator) endStruct()   {}

func (g generator) uint(width int, v reflect.Value) { v.SetUint(g.c.uint(8 * width)) }

func (g generator) enum(e enum, v reflect.Value) {
	n := g.c.pick(len(e.names)) + 1 // every enum of the draft counts from 1
	v.SetUint(uint64(n))
}

func (g generator) opaque(n int, v reflect.Value) {
	b := g.c.bytes(n)
	if v.Kind() == reflect.Slice {
		v.SetBytes(b)
		return
	}
	reflect.Copy(v, reflect.ValueOf(b))
}

func (g generator) bytes(width int, v reflect.Value) {
	if n := g.c.length(width, true); n > 0 {
		v.SetBytes(g.c.bytes(n))
	}
}

func (g generator) vector(width int, v reflect.Value, each func(reflect.Value)) {
	for range g.c.length(width, false) {
		e := reflect.New(v.Type().Elem()).Elem()
		each(e)
		v.Set(reflect.Append(v, e))
	}
}

func (g generator) optional(v reflect.Value, each func(reflect.Value)) {
	if g.c.present() {
		g.required(v)
		each(v.Elem())
	}
}

func (g generator) required(v reflect.Value) { v.Set(reflect.New(v.Type().Elem())) }

// generate fills *x in.
func generate(x any, c refContext, ch chooser) {
	draft().visit(x, c, generator{c: ch})
}

// A rapidChooser draws. Long vectors are rare, for they are slow.
type rapidChooser struct{ t *rapid.T }

func (r rapidChooser) uint(bits int) uint64 {
	return rapid.Uint64Range(0, 1<<bits-1).Draw(r.t, "uint")
}

func (r rapidChooser) pick(n int) int { return rapid.IntRange(0, n-1).Draw(r.t, "pick") }

func (r rapidChooser) present() bool { return rapid.Bool().Draw(r.t, "present") }

// bytes draws eight bytes and spins them out: what they are never matters to a codec.
func (r rapidChooser) bytes(n int) []byte {
	return spin(rapid.Uint64().Draw(r.t, "bytes"), n)
}

func (r rapidChooser) length(width int, bytes bool) int {
	top := 3
	switch {
	case rapid.IntRange(0, 30).Draw(r.t, "long") != 30:
	case bytes && width == 1:
		top = 255
	case bytes:
		top = 70_000
		if width == 2 {
			top = 65_535
		}
	default:
		top = 40
	}
	return rapid.IntRange(0, top).Draw(r.t, "length")
}

// spin returns n bytes that follow from seed.
func spin(seed uint64, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		seed = seed*6364136223846793005 + 1442695040888963407
		b[i] = byte(seed >> 56)
	}
	return b
}
