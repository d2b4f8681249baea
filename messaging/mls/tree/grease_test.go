package tree

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// The values of GREASE (13.5), and no others.
func TestGREASE(t *testing.T) {
	const values = "0A0A 1A1A 2A2A 3A3A 4A4A 5A5A 6A6A 7A7A 8A8A 9A9A AAAA BABA CACA DADA EAEA"
	n := 0
	for v := range 1 << 16 {
		if IsGREASE(uint16(v)) {
			n++
			if !strings.Contains(values, fmt.Sprintf("%04X", v)) {
				t.Errorf("%04X", v)
			}
		}
	}
	if n != 15 {
		t.Errorf("%d values", n)
	}
}

func TestAddGREASE(t *testing.T) {
	c := Capabilities{[]ProtocolVersion{MLS10}, []suite.ID{x25519}, nil, []ProposalType{ProposalSelfRemove}, []CredentialType{CredentialBasic}}
	greased, at, rand := map[uint16]bool{}, map[int]bool{}, mlstest.Rand(1)
	for range 400 {
		g, err := c.AddGREASE(rand)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(g.Versions, c.Versions) {
			t.Fatalf("versions %d", g.Versions)
		}
		if len(g.CipherSuites) != 2 || len(g.Extensions) != 1 || len(g.Proposals) != 2 || len(g.Credentials) != 2 {
			t.Fatalf("%v", g)
		}
		i := slices.IndexFunc(g.Credentials, func(v CredentialType) bool { return IsGREASE(uint16(v)) })
		greased[uint16(g.Credentials[i])], at[i] = true, true
		if w := g.WithoutGREASE(); !reflect.DeepEqual(w, Capabilities{c.Versions, c.CipherSuites, []ExtensionType{}, c.Proposals, c.Credentials}) {
			t.Fatalf("%v without GREASE is %v", g, w)
		}
	}
	if len(greased) != 15 || len(at) != 2 {
		t.Errorf("%d values in %d places", len(greased), len(at))
	}
	if _, err := c.AddGREASE(strings.NewReader("abc")); err != io.ErrUnexpectedEOF {
		t.Errorf("randomness that ends: %v", err)
	}
}
