package wire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

const goldenFolder = "../testdata/wire"

// A goldenFile holds the vectors of one structure; see testdata/README.md.
type goldenFile struct {
	Structure string          `json:"structure"`
	Draft     string          `json:"draft"`
	Valid     []goldenValid   `json:"valid"`
	Invalid   []goldenInvalid `json:"invalid"`
}

// A goldenFormat is what the encoding depends on from outside the structure.
type goldenFormat struct {
	CipherSuite string `json:"ciphersuite"`
	Mode        string `json:"mode"`
	// Request says, for a SearchResponse, whether SearchRequest.version was "present" or "absent".
	Request string `json:"search_request_version,omitempty"`
}

type goldenValid struct {
	Comment string `json:"comment"`
	goldenFormat
	Value json.RawMessage `json:"value"`
	Hex   string          `json:"hex"`
}

type goldenInvalid struct {
	Reason string `json:"reason"`
	goldenFormat
	Hex string `json:"hex"`
}

func enumValue(enumName, name string) uint64 {
	for v, n := range draft().enums[enumName].names {
		if n == name {
			return v
		}
	}
	panic("no " + enumName + " " + name)
}

func (g goldenFormat) context() refContext {
	return refContext{
		Format: wire.Format{
			Suite: wire.CipherSuite(enumValue("CipherSuite", g.CipherSuite)),
			Mode:  wire.DeploymentMode(enumValue("DeploymentMode", g.Mode)),
		},
		fixed: g.Request == "present",
	}
}

func formatOf(c codec, ctx refContext) goldenFormat {
	g := goldenFormat{
		CipherSuite: draft().enums["CipherSuite"].names[uint64(ctx.Suite)],
		Mode:        draft().enums["DeploymentMode"].names[uint64(ctx.Mode)],
	}
	if c.name == "SearchResponse" {
		g.Request = map[bool]string{true: "present", false: "absent"}[ctx.fixed]
	}
	return g
}

func goldenPath(name string) string { return filepath.Join(goldenFolder, name+".json") }

// TestGoldenVectors reads proto/testdata/wire; with -update it writes it first.
func TestGoldenVectors(t *testing.T) {
	if *update {
		writeGolden(t)
	}
	for name := range structNames() {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(goldenPath(name))
			if err != nil {
				t.Fatal(err)
			}
			var g goldenFile
			d := json.NewDecoder(bytes.NewReader(text))
			d.DisallowUnknownFields()
			if err := d.Decode(&g); err != nil || g.Structure != name || len(g.Valid) == 0 || len(g.Invalid) == 0 {
				t.Fatalf("%v, or nothing in it", err)
			}
			for _, v := range g.Valid {
				checkValid(t, find(name, v.context().fixed), v)
			}
			for _, v := range g.Invalid {
				ctx, c := v.context(), find(name, v.context().fixed)
				b, err := hex.DecodeString(v.Hex)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.parse(b, ctx.Format); !errors.Is(err, wire.ErrMalformed) {
					t.Errorf("%s: %v", v.Reason, err)
				}
				if err := refDecode(c.fresh(), b, ctx); err == nil {
					t.Errorf("%s: the reference accepts it", v.Reason)
				}
			}
		})
	}
}

func find(name string, fixed bool) codec {
	for _, c := range codecs {
		if c.name == name && c.fixed == fixed {
			return c
		}
	}
	panic("no codec " + name)
}

func checkValid(t *testing.T, c codec, v goldenValid) {
	ctx := v.context()
	want, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	x := c.fresh()
	if err := fromJSON(x, v.Value, ctx); err != nil {
		t.Fatalf("%s: %v", v.Comment, err)
	}
	if b, err := c.append(x, nil, ctx.Format); err != nil || !bytes.Equal(b, want) {
		t.Errorf("%s: Append: %v\n got %x\nwant %x", v.Comment, err, b, want)
	}
	back, err := c.parse(want, ctx.Format)
	if err != nil || !reflect.DeepEqual(back, x) {
		t.Errorf("%s: Parse: %v\n got %+v\nwant %+v", v.Comment, err, back, x)
	}
	if enc, err := refEncode(x, ctx); err != nil || !bytes.Equal(enc.b, want) {
		t.Errorf("%s: reference: %v", v.Comment, err)
	}
}
