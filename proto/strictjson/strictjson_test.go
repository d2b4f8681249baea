package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

type thing struct {
	Name  string  `json:"name"`
	Inner []inner `json:"inner,omitempty"`
	Data  Bytes   `json:"data,omitempty"`
	More  *inner  `json:"more,omitempty"`
}

type inner struct {
	Count uint64 `json:"count"`
}

func TestDecode(t *testing.T) {
	var v thing
	if err := Decode([]byte(` {"name":"a","inner":[{"count":1},{"count":2}],"data":"AAE=","more":{"count":3}} `), &v); err != nil {
		t.Fatal(err)
	}
	if v.Name != "a" || len(v.Inner) != 2 || v.Inner[1].Count != 2 || string(v.Data) != "\x00\x01" || v.More.Count != 3 {
		t.Fatalf("%+v", v)
	}
	for name, in := range map[string]string{
		"empty":                  ``,
		"truncated":              `{"name":"a"`,
		"unknown name":           `{"name":"a","x":1}`,
		"unknown name inside":    `{"inner":[{"count":1,"x":2}]}`,
		"known name elsewhere":   `{"inner":[{"name":"a"}]}`,
		"another case":           `{"Name":"a"}`,
		"twice":                  `{"name":"a","name":"b"}`,
		"twice inside":           `{"inner":[{"count":1,"count":1}]}`,
		"twice, escaped":         `{"name":"a","n\u0061me":"b"}`,
		"null":                   `{"name":null}`,
		"null alone":             `null`,
		"something follows":      `{"name":"a"} {}`,
		"a comma follows":        `{"name":"a"},`,
		"not UTF-8":              "{\"name\":\"\xff\"}",
		"wrong type":             `{"name":1}`,
		"fraction":               `{"more":{"count":1.5}}`,
		"negative":               `{"more":{"count":-1}}`,
		"too deep":               strings.Repeat(`[`, 100000),
		"base64 with line break": `{"data":"AA\nE="}`,
		"base64 without padding": `{"data":"AAE"}`,
		"base64 with spare bits": `{"data":"AAF="}`,
		"base64url":              `{"data":"-_8="}`,
	} {
		if err := Decode([]byte(in), new(thing)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name":"a","inner":[{"count":1}],"data":"AAE=","more":{"count":3}}`))
	f.Add([]byte(`[[]]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v, w thing
		if err := Decode(b, &v); err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode(again, &w); err != nil {
			t.Fatalf("%s, written as %s: %v", b, again, err)
		}
	})
}
