package keyfile

import (
	"bytes"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/record"
)

// A certificate is one OpenPGP key while it is read: its packets, without the
// signatures that others made.
type certificate struct {
	where   string
	primary component
	users   []*component
	subkeys []*component
	current *component // whose signatures come now; nil: they are dropped

	revokers      []uint64 // key ids of others that say they revoke the key
	size, packets int
	refused       Reason // the whole key is
	detail        string
	ignored       bool // its refusal has been reported
}

// A component is a key or user id and the signatures over it that claim to be
// of the primary key.
type component struct {
	raw  []byte
	body []byte            // the end of raw
	key  *packet.PublicKey // primary and subkeys; nil for a subkey that cannot be read
	id   string            // user ids
	sigs []signature
}

type signature struct {
	raw    []byte
	parsed *packet.Signature
}

func newCertificate(p rawPacket, n int) *certificate {
	c := &certificate{where: fmt.Sprintf("packet %d", n)}
	if p.tag == tagSecretKey {
		c.refuse(Secret, "it must not be published")
		return c
	}
	if p.raw == nil {
		c.refuse(TooLarge, "its primary key has more than %d bytes", MaxPacket)
		return c
	}
	key, err := parseKey(p)
	if err != nil {
		c.refuse(Unsupported, "%v", err)
		return c
	}
	c.where = fmt.Sprintf("key %X", key.Fingerprint)
	c.primary = component{raw: p.raw, body: p.body, key: key}
	c.current = &c.primary
	c.size = len(p.raw)
	return c
}

func (c *certificate) refuse(why Reason, format string, args ...any) {
	if c.refused == "" {
		c.refused, c.detail = why, fmt.Sprintf(format, args...)
	}
	c.current = nil
}

// add takes the next packet of the key.
func (c *certificate) add(p rawPacket) {
	if c.refused != "" || c.ignored {
		return
	}
	switch p.tag {
	case tagSignature:
		if c.current == nil {
			return
		}
		sig, ok := c.own(p)
		if !ok {
			return
		}
		c.current.sigs = append(c.current.sigs, signature{p.raw, sig})
	case tagUserID:
		c.current = nil
		if p.raw == nil {
			return
		}
		c.current = &component{raw: p.raw, id: string(p.body)}
		c.users = append(c.users, c.current)
	case tagPublicSubkey:
		c.current = nil
		if p.raw == nil {
			return
		}
		key, err := parseKey(p)
		if err != nil {
			key = nil // of an algorithm that others may know; see judgement.binds
		}
		c.current = &component{raw: p.raw, body: p.body, key: key}
		c.subkeys = append(c.subkeys, c.current)
	case tagSecretSubkey:
		c.refuse(Secret, "it must not be published")
	default: // user attributes, padding, packets of the future: nothing of theirs is kept
		c.current = nil
		return
	}
	c.size += len(p.raw)
	c.packets++
	if c.size > MaxCertificate || c.packets > MaxPackets {
		c.refuse(TooLarge, "its own packets exceed %d bytes or %d packets", MaxCertificate, MaxPackets)
	}
}

// own returns a signature that names the primary key as its maker, or nobody.
// Others are dropped, after a look at whether they could be revocations.
func (c *certificate) own(p rawPacket) (*packet.Signature, bool) {
	if p.raw == nil {
		return nil, false // no self-signature is that large
	}
	revokes := c.current == &c.primary && sigType(p.body) == packet.SigTypeKeyRevocation
	parsed, err := packet.Read(bytes.NewReader(p.raw))
	sig, ok := parsed.(*packet.Signature)
	if err != nil || !ok {
		if revokes {
			c.refuse(Unsupported, "it carries a revocation that cannot be read: %v", err)
		}
		return nil, false
	}
	if sig.IssuerKeyId != nil && *sig.IssuerKeyId != c.primary.key.KeyId {
		if revokes && len(c.revokers) < 64 {
			c.revokers = append(c.revokers, *sig.IssuerKeyId)
		}
		return nil, false
	}
	return sig, true
}

// sigType returns the type of a signature packet that may be unreadable otherwise.
func sigType(body []byte) packet.SignatureType {
	switch {
	case len(body) > 1 && body[0] >= 4:
		return packet.SignatureType(body[1])
	case len(body) > 2:
		return packet.SignatureType(body[2])
	}
	return 0
}

func parseKey(p rawPacket) (*packet.PublicKey, error) {
	parsed, err := packet.Read(bytes.NewReader(p.raw))
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*packet.PublicKey)
	if !ok {
		return nil, fmt.Errorf("a packet of type %d is no public key", p.tag)
	}
	// What cannot be written back as it was would be signed over other bytes.
	var again bytes.Buffer
	if err := key.Serialize(&again); err != nil || !bytes.HasSuffix(again.Bytes(), p.body) {
		return nil, fmt.Errorf("a public key in an unusual encoding")
	}
	return key, nil
}

// entries judges the complete key. A panic of a library on one key costs that
// key alone.
func (c *certificate) entries(now time.Time) (out []Entry) {
	defer func() {
		if r := recover(); r != nil {
			out = []Entry{skip(c.where, Fault, "%v", r)}
		}
	}()
	if c.ignored {
		return nil
	}
	j := &judgement{c: c, now: now}
	if c.refused == "" {
		c.refused, c.detail = j.key()
	}
	if c.refused != "" {
		return []Entry{skip(c.where, c.refused, "%s", c.detail)}
	}
	// One entry an address, in the order of the user ids.
	at := map[string]int{}
	for i, u := range j.users {
		where := fmt.Sprintf("%s, user id %d", c.where, i+1)
		if u.refused != "" {
			out = append(out, skip(where, u.refused, "%s", u.detail))
			continue
		}
		raw, ok := address(u.id)
		if !ok {
			out = append(out, skip(where, NoAddress, ""))
			continue
		}
		l, err := label.Canonical(raw)
		if err != nil {
			out = append(out, skip(where, BadLabel, "%v", err))
			continue
		}
		if _, again := at[l]; again {
			continue // that entry takes all user ids with the address
		}
		at[l] = len(out)
		data := j.stripped(func(id string) bool {
			raw, ok := address(id)
			other, err := label.Canonical(raw)
			return ok && err == nil && other == l
		})
		e := Entry{Where: where, Label: l}
		if len(data) > MaxKey {
			e.Skipped, e.Detail = TooLarge, fmt.Sprintf("%d bytes, the most is %d", len(data), MaxKey)
		} else {
			e.Keys = []record.PublishedKey{{Type: record.OpenPGP, Data: data}}
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		out = append(out, skip(c.where, NoAddress, "it has no user id"))
	}
	return out
}
