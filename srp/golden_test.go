package srp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/profiles.json anew")

// A golden login is one with fixed a, b and s, for who writes another client.
type golden struct {
	Profile string `json:"profile"`
	I       string `json:"I"`
	P       string `json:"P"` // octets; all else hexadecimal
	S       string `json:"s"`
	LittleA string `json:"a"`
	LittleB string `json:"b"`
	K       string `json:"k"`
	X       string `json:"x"`
	V       string `json:"v"`
	A       string `json:"A"`
	B       string `json:"B"`
	U       string `json:"u"`
	Key     string `json:"K"`
	M1      string `json:"M1"`
	M2      string `json:"M2"`
}

// TestProfileVectors holds the profiles against testdata/profiles.json, which other
// implementations may use: numbers stand padded there, whatever the profile does.
func TestProfileVectors(t *testing.T) {
	var all []golden
	for _, p := range []*Profile{Kith3072(), LEAP1024()} {
		a, b, salt := bytes.Repeat([]byte{0xa1, 0x02}, 16), bytes.Repeat([]byte{0xb1, 0x03}, 16), []byte("0123456789abcdef")
		g := golden{Profile: p.Name, I: "alice", P: "password123", S: hex.EncodeToString(salt), LittleA: hex.EncodeToString(a), LittleB: hex.EncodeToString(b)}
		name, password := []byte(g.I), []byte(g.P)
		client, err := p.NewClient(name, bytes.NewReader(a))
		must(t, err)
		e, err := p.NewEphemeral(bytes.NewReader(b))
		must(t, err)
		v := p.Verifier(name, salt, password)
		server, err := e.NewServer(name, salt, v)
		must(t, err)
		m1, err := client.Answer(salt, server.B(), password)
		must(t, err)
		m2, key, err := server.Verify(client.A(), m1)
		must(t, err)
		_, err = client.Confirm(m2)
		must(t, err)
		u, err := p.u(client.A(), server.B())
		must(t, err)
		for to, octets := range map[*string][]byte{&g.K: p.k(), &g.X: p.x(name, salt, password), &g.V: v, &g.A: client.A(), &g.B: server.B(), &g.U: u, &g.Key: key, &g.M1: m1, &g.M2: m2} {
			*to = hex.EncodeToString(octets)
		}
		all = append(all, g)
	}
	got, err := json.MarshalIndent(all, "", "\t")
	must(t, err)
	got = append(got, '\n')
	const file = "testdata/profiles.json"
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("a profile has changed: %s", got)
	}
}
