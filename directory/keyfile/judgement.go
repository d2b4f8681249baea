package keyfile

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// A judgement says which parts of a certificate hold at a time (RFC 9580,
// "Signature Types", "Key Revocation"): of the primary key's own valid
// signatures over a thing, the newest counts.
type judgement struct {
	c       *certificate
	now     time.Time
	direct  []signature // valid direct-key signatures
	users   []user      // one for each of c.users
	subkeys []subkey
}

type user struct {
	*component
	cert    *signature // the newest valid self-signature
	refused Reason
	detail  string
}

type subkey struct {
	*component
	keep []signature // the newest valid binding, then revocations
}

// key judges the whole and reports why nothing of it can be published.
func (j *judgement) key() (Reason, string) {
	primary := j.c.primary.key
	if primary.CreationTime.After(j.now) {
		return NotYet, "it was created in the future"
	}
	var newest *packet.Signature // over the key itself
	for _, s := range j.c.primary.sigs {
		switch s.parsed.SigType {
		case packet.SigTypeKeyRevocation:
			if primary.VerifyRevocationSignature(s.parsed) == nil {
				return Revoked, s.parsed.RevocationReasonText
			}
		case packet.SigTypeDirectSignature:
			if s.parsed.SigExpired(j.now) || primary.VerifyDirectKeySignature(s.parsed) != nil {
				continue
			}
			if id, ok := j.designated(s); ok {
				return Revoked, fmt.Sprintf("by the key %016X, which it names as a revoker", id)
			}
			j.direct = append(j.direct, s)
			newest = newer(newest, s.parsed)
		}
	}
	verified := false
	var main *packet.Signature // the self-signature that speaks for the key
	for _, u := range j.c.users {
		judged := j.user(u)
		if judged.cert != nil {
			verified = true
			if judged.refused == "" {
				main = speaker(main, judged.cert.parsed)
			}
		}
		j.users = append(j.users, judged)
	}
	if len(j.c.users) > 0 && !verified {
		return Unverified, "none by an algorithm that is accepted (MD5 and RIPEMD-160 are not)"
	}
	// A direct-key signature speaks for the key before any user id does.
	for _, s := range []*packet.Signature{newest, main} {
		if s != nil && s.KeyLifetimeSecs != nil {
			if primary.KeyExpired(s, j.now) {
				return Expired, "on " + expiry(primary, s)
			}
			break
		}
	}
	for i := range j.users {
		if u := &j.users[i]; u.refused == "" && primary.KeyExpired(u.cert.parsed, j.now) {
			u.refused, u.detail = Expired, "for this user id the key expired on "+expiry(primary, u.cert.parsed)
		}
	}
	for _, s := range j.c.subkeys {
		j.subkey(s)
	}
	return "", ""
}

// designated reports whether a direct-key signature names as a revoker
// (RFC 9580, "Revocation Key") one of the keys that say they revoke this one.
// Their signatures are not checked, for the keys that made them are elsewhere:
// better a key too few than a revoked one.
func (j *judgement) designated(s signature) (keyID uint64, ok bool) {
	const revocationKey = 12
	suffix := s.parsed.HashSuffix // version, type, algorithms, length, hashed subpackets, …
	if len(j.c.revokers) == 0 || s.parsed.Version != 4 || len(suffix) < 6 {
		return 0, false
	}
	n := 6 + int(binary.BigEndian.Uint16(suffix[4:]))
	if n > len(suffix) {
		return 0, false
	}
	subpackets, err := packet.OpaqueSubpackets(suffix[6:n])
	if err != nil {
		return 0, false
	}
	for _, p := range subpackets {
		if p.SubType&0x7f == revocationKey && len(p.Contents) == 22 {
			if id := binary.BigEndian.Uint64(p.Contents[14:]); slices.Contains(j.c.revokers, id) {
				return id, true
			}
		}
	}
	return 0, false
}

// user judges one user id: the newest of its certifications and revocations
// counts. Signatures are tried from the newest on, so that few are verified.
func (j *judgement) user(u *component) user {
	primary := j.c.primary.key
	out := user{component: u}
	lapsed := false
	for _, s := range newestFirst(u.sigs) {
		revokes := s.parsed.SigType == packet.SigTypeCertificationRevocation
		switch s.parsed.SigType {
		case packet.SigTypeGenericCert, packet.SigTypePersonaCert, packet.SigTypeCasualCert, packet.SigTypePositiveCert:
		default:
			if !revokes {
				continue
			}
		}
		if s.parsed.SigExpired(j.now) {
			lapsed = true
			continue
		}
		if primary.VerifyUserIdSignature(u.id, primary, s.parsed) != nil {
			continue
		}
		if revokes {
			// Go on: an older certification still shows that the key is its holder's.
			out.refused, out.detail = Revoked, s.parsed.RevocationReasonText
			continue
		}
		out.cert = &s
		return out
	}
	switch {
	case out.refused != "":
	case lapsed:
		out.refused = Expired
	default:
		out.refused = Unverified
	}
	return out
}

// subkey keeps a subkey that the primary key binds, and its revocations. A
// signing subkey must have signed back, or it could be somebody else's.
func (j *judgement) subkey(c *component) {
	var binding, revocations []signature
	for _, s := range newestFirst(c.sigs) {
		switch s.parsed.SigType {
		case packet.SigTypeSubkeyBinding:
			if binding == nil && !s.parsed.SigExpired(j.now) && j.binds(c, s.parsed) {
				binding = []signature{s}
			}
		case packet.SigTypeSubkeyRevocation:
			if j.over(c, s.parsed) {
				revocations = append(revocations, s)
			}
		}
	}
	if binding != nil {
		j.subkeys = append(j.subkeys, subkey{c, append(binding, revocations...)})
	}
}

// binds reports whether a signature binds a subkey.
func (j *judgement) binds(c *component, sig *packet.Signature) bool {
	if c.key != nil {
		return j.c.primary.key.VerifyKeySignature(c.key, sig) == nil
	}
	// It cannot have signed back in a way we could check.
	return !sig.FlagSign && j.over(c, sig)
}

// over reports whether the primary key made a signature over itself and a
// subkey, which need not be readable for that (RFC 9580, "Computing Signatures").
func (j *judgement) over(c *component, sig *packet.Signature) bool {
	h, err := sig.PrepareVerify()
	if err != nil || j.c.primary.key.SerializeForHash(h) != nil {
		return false
	}
	switch {
	case c.key != nil:
		if c.key.SerializeForHash(h) != nil {
			return false
		}
	case len(c.body) > 0 && c.body[0] == 4 && len(c.body) <= 1<<16-1:
		h.Write([]byte{0x99, byte(len(c.body) >> 8), byte(len(c.body))})
		h.Write(c.body)
	default:
		return false
	}
	return j.c.primary.key.VerifySignature(h, sig) == nil
}

// newestFirst orders signatures by creation, of two of one second the
// revocation first, then the later in the file.
func newestFirst(sigs []signature) []signature {
	out := slices.Clone(sigs)
	slices.Reverse(out)
	revokes := func(s signature) int {
		if s.parsed.SigType == packet.SigTypeCertificationRevocation {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(out, func(a, b signature) int {
		if c := b.parsed.CreationTime.Compare(a.parsed.CreationTime); c != 0 {
			return c
		}
		return revokes(a) - revokes(b)
	})
	return out
}

// stripped returns the key with the user ids that match.
func (j *judgement) stripped(match func(id string) bool) []byte {
	var b []byte
	b = append(b, j.c.primary.raw...)
	for _, s := range j.direct {
		b = append(b, s.raw...)
	}
	for _, u := range j.users {
		if u.refused == "" && match(u.id) {
			b = append(b, u.raw...)
			b = append(b, u.cert.raw...)
		}
	}
	for _, s := range j.subkeys {
		b = append(b, s.raw...)
		for _, sig := range s.keep {
			b = append(b, sig.raw...)
		}
	}
	return b
}

func newer(a, b *packet.Signature) *packet.Signature {
	if a == nil || !b.CreationTime.Before(a.CreationTime) {
		return b
	}
	return a
}

// speaker prefers the self-signature of a primary user id, then the newer.
func speaker(a, b *packet.Signature) *packet.Signature {
	primary := func(s *packet.Signature) bool { return s.IsPrimaryId != nil && *s.IsPrimaryId }
	if a == nil || primary(b) && !primary(a) {
		return b
	}
	if primary(a) && !primary(b) {
		return a
	}
	return newer(a, b)
}

func expiry(key *packet.PublicKey, s *packet.Signature) string {
	return key.CreationTime.Add(time.Duration(*s.KeyLifetimeSecs) * time.Second).UTC().Format(time.DateOnly)
}
