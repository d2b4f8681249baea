package wire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
)

// A jsonWriter writes a value as the vectors do; see testdata/README.md.
type jsonWriter struct{ b bytes.Buffer }

func (j *jsonWriter) sep() {
	if b := j.b.Bytes(); len(b) > 0 && b[len(b)-1] != '{' && b[len(b)-1] != '[' && b[len(b)-1] != ':' {
		j.b.WriteByte(',')
	}
}

func (j *jsonWriter) field(name string) { j.sep(); fmt.Fprintf(&j.b, "%q:", name) }
func (j *jsonWriter) beginStruct()      { j.sep(); j.b.WriteByte('{') }
func (j *jsonWriter) endStruct()        { j.b.WriteByte('}') }

func (j *jsonWriter) uint(width int, v reflect.Value) {
	j.sep()
	if width == 8 {
		fmt.Fprintf(&j.b, "%q", strconv.FormatUint(v.Uint(), 10))
		return
	}
	fmt.Fprintf(&j.b, "%d", v.Uint())
}

func (j *jsonWriter) enum(e enum, v reflect.Value) {
	j.sep()
	fmt.Fprintf(&j.b, "%q", e.names[v.Uint()])
}

func (j *jsonWriter) opaque(n int, v reflect.Value) {
	b := make([]byte, n)
	reflect.Copy(reflect.ValueOf(b), v)
	j.sep()
	fmt.Fprintf(&j.b, "\"%x\"", b)
}

func (j *jsonWriter) bytes(_ int, v reflect.Value) { j.sep(); fmt.Fprintf(&j.b, "\"%x\"", v.Bytes()) }

func (j *jsonWriter) vector(_ int, v reflect.Value, each func(reflect.Value)) {
	j.sep()
	j.b.WriteByte('[')
	for i := range v.Len() {
		each(v.Index(i))
	}
	j.b.WriteByte(']')
}

func (j *jsonWriter) optional(v reflect.Value, each func(reflect.Value)) {
	if v.IsNil() {
		j.sep()
		j.b.WriteString("null")
		return
	}
	each(v.Elem())
}

func (j *jsonWriter) required(reflect.Value) {}

// toJSON writes *x by the schema.
func toJSON(x any, c refContext) []byte {
	j := &jsonWriter{}
	draft().visit(x, c, j)
	return j.b.Bytes()
}

// A jsonReader fills a value from what a jsonWriter wrote.
type jsonReader struct {
	at    any            // what the next part is read from
	stack map[string]any // the structure around it
	outer []map[string]any
}

func (j *jsonReader) field(name string) {
	at, ok := j.stack[name]
	if !ok {
		refFail("no field %q", name)
	}
	delete(j.stack, name)
	j.at = at
}

func (j *jsonReader) beginStruct() {
	j.outer = append(j.outer, j.stack)
	j.stack = read[map[string]any](j.at)
}

func (j *jsonReader) endStruct() {
	for name := range j.stack {
		refFail("unknown field %q", name)
	}
	j.stack = j.outer[len(j.outer)-1]
	j.outer = j.outer[:len(j.outer)-1]
}

func read[T any](at any) T {
	v, ok := at.(T)
	if !ok {
		refFail("%v is no %T", at, v)
	}
	return v
}

func (j *jsonReader) uint(width int, v reflect.Value) {
	s := ""
	if width == 8 {
		s = read[string](j.at)
	} else {
		s = read[json.Number](j.at).String()
	}
	n, err := strconv.ParseUint(s, 10, 8*width)
	if err != nil {
		refFail("%v", err)
	}
	v.SetUint(n)
}

func (j *jsonReader) enum(e enum, v reflect.Value) {
	for n, name := range e.names {
		if name == read[string](j.at) {
			v.SetUint(n)
			return
		}
	}
	refFail("no enum value %v", j.at)
}

func (j *jsonReader) hex() []byte {
	b, err := hex.DecodeString(read[string](j.at))
	if err != nil {
		refFail("%v", err)
	}
	return b
}

func (j *jsonReader) opaque(n int, v reflect.Value) {
	b := j.hex()
	if len(b) != n {
		refFail("%d bytes, not %d", len(b), n)
	}
	if v.Kind() == reflect.Slice {
		v.SetBytes(b)
		return
	}
	reflect.Copy(v, reflect.ValueOf(b))
}

func (j *jsonReader) bytes(_ int, v reflect.Value) {
	if b := j.hex(); len(b) > 0 {
		v.SetBytes(b)
	}
}

func (j *jsonReader) vector(_ int, v reflect.Value, each func(reflect.Value)) {
	for _, j.at = range read[[]any](j.at) {
		e := reflect.New(v.Type().Elem()).Elem()
		each(e)
		v.Set(reflect.Append(v, e))
	}
}

func (j *jsonReader) optional(v reflect.Value, each func(reflect.Value)) {
	if j.at != nil {
		j.required(v)
		each(v.Elem())
	}
}

func (j *jsonReader) required(v reflect.Value) { v.Set(reflect.New(v.Type().Elem())) }

// fromJSON fills *x in by the schema.
func fromJSON(x any, text []byte, c refContext) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return err
	}
	return catch(func() { draft().visit(x, c, &jsonReader{at: tree}) })
}
