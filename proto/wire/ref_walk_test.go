package wire_test

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/kith-kt/kith/proto/wire"
)

// A refContext is what a message's form depends on from outside the message.
type refContext struct {
	wire.Format
	fixed bool // the SearchRequest named a version
}

// A visitor does one thing with every part of a value, in the order of the
// presentation language. Values are settable. Visitors panic with a refError.
type visitor interface {
	field(name string)                // the next part is this field
	beginStruct()                     //
	endStruct()                       //
	uint(width int, v reflect.Value)  // width in bytes
	enum(e enum, v reflect.Value)     //
	opaque(n int, v reflect.Value)    // exactly n bytes, in an array or a slice
	bytes(width int, v reflect.Value) // opaque vector
	vector(width int, v reflect.Value, each func(reflect.Value))
	optional(v reflect.Value, each func(reflect.Value)) // v is a pointer
	required(v reflect.Value)                           // v is a pointer that may not be nil
}

type refError struct{ error }

func refFail(format string, args ...any) { panic(refError{fmt.Errorf(format, args...)}) }

// catch runs fn and returns the refError it panicked with.
func catch(fn func()) (err error) {
	defer func() {
		if e, ok := recover().(refError); ok {
			err = e.error
		} else if r := recover(); r != nil {
			panic(r)
		}
	}()
	fn()
	return nil
}

// visit walks *x, whose type is named as in the draft, but for the case of letters.
func (s *schema) visit(x any, c refContext, vis visitor) {
	v := reflect.ValueOf(x).Elem()
	s.walkType(s.nameOf(v.Type()), v, c, vis)
}

func (s *schema) nameOf(t reflect.Type) string {
	for name := range s.structs {
		if strings.EqualFold(name, t.Name()) {
			return name
		}
	}
	panic("schema: no struct " + t.Name())
}

func (s *schema) walkType(typ string, v reflect.Value, c refContext, vis visitor) {
	if size, ok := s.opaques[typ]; ok {
		vis.opaque(symbols[size], v)
		return
	}
	if e, ok := s.enums[typ]; ok {
		vis.enum(e, v)
		return
	}
	switch typ {
	case "uint8":
		vis.uint(1, v)
	case "uint16":
		vis.uint(2, v)
	case "uint32":
		vis.uint(4, v)
	case "uint64":
		vis.uint(8, v)
	default:
		fs, ok := s.structs[typ]
		if !ok {
			panic("schema: no type " + typ)
		}
		vis.beginStruct()
		s.walkFields(fs, typ, v, c, vis)
		vis.endStruct()
	}
}

func (s *schema) walkFields(fs []field, self string, v reflect.Value, c refContext, vis visitor) {
	for _, f := range fs {
		if f.on != "" {
			s.walkFields(f.branches[s.selected(f.on, self, v, c)], self, v, c, vis)
			continue
		}
		vis.field(f.name)
		s.walkField(f, goField(v, f.name), c, vis)
	}
}

func (s *schema) walkField(f field, v reflect.Value, c refContext, vis visitor) {
	each := func(e reflect.Value) { s.walkType(f.typ, e, c, vis) }
	switch {
	case f.optional:
		vis.optional(v, each)
	case f.vector && f.typ == "opaque":
		vis.bytes(widthOf(f.ceiling), v)
	case f.vector:
		vis.vector(widthOf(f.ceiling), v, each)
	case f.size == "VRF.Np":
		vis.opaque(map[wire.CipherSuite]int{wire.KT_128_SHA256_P256: 81, wire.KT_128_SHA256_Ed25519: 80}[c.Suite], v)
	case f.size != "":
		vis.opaque(symbols[f.size], v)
	case v.Kind() == reflect.Pointer:
		vis.required(v)
		each(v.Elem())
	default:
		each(v)
	}
}

// selected returns the name of the case that a selection takes.
func (s *schema) selected(on, self string, v reflect.Value, c refContext) string {
	owner, name, _ := strings.Cut(on, ".")
	switch {
	case owner == self:
		for _, f := range s.structs[self] {
			if f.name == name {
				return s.enums[f.typ].names[goField(v, name).Uint()]
			}
		}
	case on == "Configuration.mode":
		return s.enums["DeploymentMode"].names[uint64(c.Mode)]
	case on == "SearchRequest.version":
		if c.fixed {
			return "present"
		}
		return "absent"
	}
	panic("schema: cannot select on " + on)
}

// goField finds the field of a Go struct that the draft calls name.
func goField(v reflect.Value, name string) reflect.Value {
	name = strings.ReplaceAll(name, "_", "")
	f := v.FieldByNameFunc(func(s string) bool { return strings.EqualFold(s, name) })
	if !f.IsValid() {
		panic("no field " + name + " in " + v.Type().Name())
	}
	return f
}
