package keyfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// OpenPGP reads a keyring: transferable public keys one after the other, in
// binary, or in any number of armored blocks.
//
// For each address of a key there is one entry: the key stripped to its
// primary key and direct-key signatures, the user ids with that address, each
// with its newest valid self-signature, and the subkeys with their newest valid
// binding signature and revocations. Everything else is left out: other user
// ids, so that one address does not reveal another, user attributes, and
// signatures by others. The packets kept are the file's, byte for byte.
//
// A key that is revoked or expired, of version 3, of an unknown algorithm or
// without a valid self-signature is skipped as a whole; so is a user id that
// is revoked, expired, unsigned, or without an address that can be a label.
// SHA-1 is accepted in self-signatures of version 4, as gpg does; MD5 is not.
func OpenPGP(r io.Reader, now time.Time) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		in := bufio.NewReader(r)
		armored, err := skipToStart(in)
		if err == io.EOF {
			yield(Entry{}, fmt.Errorf("%w: it is empty", ErrUnreadable))
			return
		}
		if err != nil {
			yield(Entry{}, fmt.Errorf("%w: %w", ErrUnreadable, err))
			return
		}
		if !armored {
			if err := certificates(&framer{r: in}, now, yield); err != nil && err != errStopped {
				yield(Entry{}, err)
			}
			return
		}
		for n := 1; ; n++ {
			// Decode goes on reading from in, for it has a buffer of its own.
			block, err := armor.Decode(in)
			if err == io.EOF {
				if n == 1 {
					yield(Entry{}, fmt.Errorf("%w: no complete armored block", ErrUnreadable))
				}
				return
			}
			if err != nil {
				yield(Entry{}, fmt.Errorf("%w: armored block %d: %w", ErrUnreadable, n, err))
				return
			}
			where := fmt.Sprintf("armored block %d", n)
			if block.Type == "PGP PRIVATE KEY BLOCK" {
				if !yield(skip(where, Secret, "it must not be published"), nil) {
					return
				}
				continue
			}
			// A broken block ends at its own end: the next one begins afresh.
			err = certificates(&framer{r: bufio.NewReader(block.Body)}, now, yield)
			if err == errStopped {
				return
			}
			if err != nil && !yield(skip(where, Malformed, "%v", err), nil) {
				return
			}
		}
	}
}

// errStopped: the consumer has had enough.
var errStopped = errors.New("stopped")

// skipToStart passes over white space and reports whether what follows is
// armor. A binary file begins with a byte above 0x7f.
func skipToStart(in *bufio.Reader) (armored bool, err error) {
	for {
		b, err := in.Peek(1)
		if err != nil {
			return false, err
		}
		if !bytes.ContainsAny(b, " \t\r\n") {
			return b[0] < 0x80, nil
		}
		if _, err := in.ReadByte(); err != nil {
			return false, err
		}
	}
}

// certificates yields the entries of all keys of one stream of packets.
func certificates(f *framer, now time.Time, yield func(Entry, error) bool) error {
	var c *certificate
	finish := func() error {
		if c == nil {
			return nil
		}
		for _, e := range c.entries(now) {
			if !yield(e, nil) {
				return errStopped
			}
		}
		return nil
	}
	for n := 1; ; n++ {
		p, err := f.next()
		if err != nil {
			// What was cut off is not judged: a revocation could be missing.
			if err == io.EOF {
				return finish()
			}
			return err
		}
		switch p.tag {
		case tagPublicKey, tagSecretKey:
			if err := finish(); err != nil {
				return err
			}
			c = newCertificate(p, n)
		case tagMarker, tagTrust:
		default:
			if c == nil {
				e := skip(fmt.Sprintf("packet %d", n), Malformed, "a packet of type %d before the first key", p.tag)
				if !yield(e, nil) {
					return errStopped
				}
				c = &certificate{where: e.Where, ignored: true}
				continue
			}
			c.add(p)
		}
	}
}

// address returns the e-mail address of a user id: what stands in angle
// brackets at its end, or the whole of one that is a bare address.
func address(id string) (string, bool) {
	id = strings.TrimSpace(id)
	if strings.HasSuffix(id, ">") {
		if i := strings.LastIndexByte(id, '<'); i >= 0 {
			return id[i+1 : len(id)-1], strings.Contains(id[i:], "@")
		}
		return "", false
	}
	if strings.Count(id, "@") == 1 && !strings.ContainsAny(id, " <>()\",;:") {
		return id, true
	}
	return "", false
}
