package wire_test

import (
	"fmt"
	"reflect"
	"strings"
)

// A refEncoder writes values in the presentation language, and remembers what stands where.
type refEncoder struct {
	b     []byte
	path  []string
	marks []mark
}

// A mark is a place in an encoding where only some octets are allowed.
type mark struct {
	kind       markKind
	path       string
	off, width int
	n          uint64 // the value there
	e          enum
}

type markKind int

const (
	markEnum markKind = iota
	markCount
	markPresence
)

func (r *refEncoder) mark(k markKind, width int, n uint64, e enum) {
	path := strings.Trim(strings.Join(r.path, "."), ".")
	r.marks = append(r.marks, mark{k, path, len(r.b), width, n, e})
}

func (r *refEncoder) put(width int, n uint64) {
	for i := width - 1; i >= 0; i-- {
		r.b = append(r.b, byte(n>>(8*i)))
	}
}

func (r *refEncoder) field(name string) { r.path[len(r.path)-1] = name }
func (r *refEncoder) beginStruct()      { r.path = append(r.path, "") }
func (r *refEncoder) endStruct()        { r.path = r.path[:len(r.path)-1] }

func (r *refEncoder) uint(width int, v reflect.Value) { r.put(width, v.Uint()) }

func (r *refEncoder) enum(e enum, v reflect.Value) {
	if e.names[v.Uint()] == "" {
		refFail("no such enum value: %d", v.Uint())
	}
	r.mark(markEnum, e.width, v.Uint(), e)
	r.put(e.width, v.Uint())
}

func (r *refEncoder) opaque(n int, v reflect.Value) {
	if v.Len() != n {
		refFail("%d bytes, not %d", v.Len(), n)
	}
	for i := range n {
		r.b = append(r.b, byte(v.Index(i).Uint()))
	}
}

func (r *refEncoder) count(width, n int) {
	if uint64(n) >= 1<<(8*width) {
		refFail("%d elements", n)
	}
	r.mark(markCount, width, uint64(n), enum{})
	r.put(width, uint64(n))
}

func (r *refEncoder) bytes(width int, v reflect.Value) {
	r.count(width, v.Len())
	r.b = append(r.b, v.Bytes()...)
}

func (r *refEncoder) vector(width int, v reflect.Value, each func(reflect.Value)) {
	r.count(width, v.Len())
	name := r.path[len(r.path)-1]
	for i := range v.Len() {
		r.path[len(r.path)-1] = fmt.Sprintf("%s[%d]", name, i)
		each(v.Index(i))
	}
}

func (r *refEncoder) optional(v reflect.Value, each func(reflect.Value)) {
	if v.IsNil() {
		r.mark(markPresence, 1, 0, enum{})
		r.put(1, 0)
		return
	}
	r.mark(markPresence, 1, 1, enum{})
	r.put(1, 1)
	each(v.Elem())
}

func (r *refEncoder) required(v reflect.Value) {
	if v.IsNil() {
		refFail("absent")
	}
}

// refEncode encodes *x by the schema.
func refEncode(x any, c refContext) (*refEncoder, error) {
	r := &refEncoder{}
	err := catch(func() { draft().visit(x, c, r) })
	return r, err
}

// A refDecoder reads values in the presentation language.
type refDecoder struct{ b []byte }

func (r *refDecoder) take(n int) []byte {
	if n > len(r.b) {
		refFail("%d bytes needed, %d remain", n, len(r.b))
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *refDecoder) get(width int) (n uint64) {
	for _, b := range r.take(width) {
		n = n<<8 | uint64(b)
	}
	return n
}

func (r *refDecoder) field(string) {}
func (r *refDecoder) beginStruct() {}
func (r *refDecoder) endStruct()   {}

func (r *refDecoder) uint(width int, v reflect.Value) { v.SetUint(r.get(width)) }

func (r *refDecoder) enum(e enum, v reflect.Value) {
	v.SetUint(r.get(e.width))
	if e.names[v.Uint()] == "" {
		refFail("no such enum value: %d", v.Uint())
	}
}

func (r *refDecoder) opaque(n int, v reflect.Value) {
	b := r.take(n)
	if v.Kind() == reflect.Slice {
		v.SetBytes(b)
		return
	}
	reflect.Copy(v, reflect.ValueOf(b))
}

func (r *refDecoder) bytes(width int, v reflect.Value) {
	if n := r.get(width); n > uint64(len(r.b)) {
		refFail("%d bytes", n)
	} else if n > 0 {
		v.SetBytes(r.take(int(n)))
	}
}

func (r *refDecoder) vector(width int, v reflect.Value, each func(reflect.Value)) {
	for n := r.get(width); n > 0; n-- {
		e := reflect.New(v.Type().Elem()).Elem()
		each(e)
		v.Set(reflect.Append(v, e))
	}
}

func (r *refDecoder) optional(v reflect.Value, each func(reflect.Value)) {
	switch r.get(1) {
	case 0:
	case 1:
		r.required(v)
		each(v.Elem())
	default:
		refFail("presence octet")
	}
}

func (r *refDecoder) required(v reflect.Value) { v.Set(reflect.New(v.Type().Elem())) }

// refDecode decodes b exactly into *x by the schema.
func refDecode(x any, b []byte, c refContext) error {
	return catch(func() {
		r := &refDecoder{b}
		draft().visit(x, c, r)
		if len(r.b) > 0 {
			refFail("%d bytes after the end", len(r.b))
		}
	})
}
