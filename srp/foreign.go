package srp

import (
	"crypto"
	"strconv"
)

// HAP is RFC5054 with one difference: in M1, H(g) is over the one octet of g. It is
// what HomeKit's Accessory Protocol speaks (with Group3072 and SHA-512), and what the
// npm package fast-srp-hap does with each of its parameters that uses SHA-2. Its
// name is "hap-3072-sha512", or what group and hash make of it.
func HAP(g *Group, h crypto.Hash) *Profile {
	p := RFC5054(g, h)
	p.Name, p.ProofG = variant("hap", p), Minimal
	return p
}

// Short is RFC5054 with M1 = H(A | B | K), as the npm package jsrp and others that
// descend from the same source have it. Its name is "short-4096-sha256", or what
// group and hash make of it.
func Short(g *Group, h crypto.Hash) *Profile {
	p := RFC5054(g, h)
	p.Name, p.Proof = variant("short", p), ProofShort
	return p
}

// variant names a profile whose group and hash can be chosen.
func variant(what string, p *Profile) string {
	hash := map[crypto.Hash]string{crypto.SHA1: "sha1", crypto.SHA256: "sha256", crypto.SHA384: "sha384", crypto.SHA512: "sha512"}[p.Hash]
	return what + "-" + strconv.Itoa(p.Group.Bits) + "-" + hash
}
