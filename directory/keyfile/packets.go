package keyfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The packet tags of a transferable public key (RFC 9580, "Packet Tags").
const (
	tagSignature     = 2
	tagSecretKey     = 5
	tagPublicKey     = 6
	tagSecretSubkey  = 7
	tagMarker        = 10
	tagTrust         = 12
	tagUserID        = 13
	tagPublicSubkey  = 14
	tagUserAttribute = 17
)

// A rawPacket is a packet as it stands in the file.
type rawPacket struct {
	tag  byte
	raw  []byte // header and body; nil when the packet is above MaxPacket
	body []byte // the end of raw
}

// A framer cuts a stream into packets (RFC 9580, "Packet Headers"). It keeps
// the original bytes, so that a signature over them, and another reader, find
// what was there.
type framer struct {
	r   *bufio.Reader
	pos int64
}

// next returns io.EOF at a clean end.
func (f *framer) next() (rawPacket, error) {
	start := f.pos
	fail := func(err error) (rawPacket, error) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return rawPacket{}, fmt.Errorf("%w: packet at byte %d: %w", ErrUnreadable, start, err)
	}
	first, err := f.r.ReadByte()
	if err == io.EOF {
		return rawPacket{}, io.EOF
	}
	if err != nil {
		return fail(err)
	}
	f.pos++
	if first&0x80 == 0 {
		return fail(errors.New("not an OpenPGP packet"))
	}
	head := []byte{first}
	more := func(n int) ([]byte, error) {
		at := len(head)
		head = append(head, make([]byte, n)...)
		_, err := io.ReadFull(f.r, head[at:])
		f.pos += int64(n)
		return head[at:], err
	}
	p := rawPacket{}
	var size uint32
	if first&0x40 == 0 {
		p.tag = first >> 2 & 0xf
		if first&3 == 3 {
			return fail(errors.New("a packet of indeterminate length"))
		}
		b, err := more(1 << (first & 3))
		if err != nil {
			return fail(err)
		}
		for _, x := range b {
			size = size<<8 | uint32(x)
		}
	} else {
		p.tag = first & 0x3f
		b, err := more(1)
		if err != nil {
			return fail(err)
		}
		switch l := b[0]; {
		case l < 192:
			size = uint32(l)
		case l < 224:
			b, err := more(1)
			if err != nil {
				return fail(err)
			}
			size = uint32(l-192)<<8 + uint32(b[0]) + 192
		case l < 255:
			return fail(errors.New("a packet in parts, which keys never are"))
		default:
			b, err := more(4)
			if err != nil {
				return fail(err)
			}
			size = binary.BigEndian.Uint32(b)
		}
	}
	f.pos += int64(size)
	if size > MaxPacket {
		if _, err := io.CopyN(io.Discard, f.r, int64(size)); err != nil {
			return fail(err)
		}
		return p, nil
	}
	p.raw = make([]byte, len(head)+int(size))
	n := copy(p.raw, head)
	p.body = p.raw[n:]
	if _, err := io.ReadFull(f.r, p.body); err != nil {
		return fail(err)
	}
	return p, nil
}
