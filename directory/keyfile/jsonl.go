package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"golang.org/x/crypto/ssh"

	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/proto/strictjson"
)

// A jsonLine is one line of a JSONL file: keys, or an opaque value.
type jsonLine struct {
	Label string            `json:"label"`
	Keys  []jsonKey         `json:"keys"`
	Value *strictjson.Bytes `json:"value"`
}

type jsonKey struct {
	Type string `json:"type"`
	Data string `json:"data"`
}

// JSONL reads one JSON object a line:
//
//	{"label": "ann@example.org", "keys": [{"type": "age", "data": "age1…"}]}
//	{"label": "ann@example.org", "value": "base64 of an opaque value"}
//
// The data of a key is the text its users paste (an armored OpenPGP key, an
// authorized_keys line, an age recipient), or base64 of its binary form. OpenPGP
// keys of an e-mail label are stripped as OpenPGP does, and must be of that
// address. Names are strict, and a line with one bad key is skipped as a whole.
func JSONL(r io.Reader, now time.Time) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		eachLine(r, yield, func(where string, line []byte) []Entry {
			if len(bytes.TrimSpace(line)) == 0 {
				return nil
			}
			return []Entry{jsonEntry(where, line, now)}
		})
	}
}

func jsonEntry(where string, line []byte, now time.Time) Entry {
	var in jsonLine
	if err := strictjson.Decode(line, &in); err != nil {
		return skip(where, Malformed, "%v", err)
	}
	l, err := label.Canonical(in.Label)
	if err != nil {
		return skip(where, BadLabel, "%v", err)
	}
	e := Entry{Where: where, Label: l}
	switch {
	case (in.Keys == nil) == (in.Value == nil):
		return skip(where, Malformed, "it must have either keys or a value")
	case in.Value != nil && len(*in.Value) == 0, in.Keys != nil && len(in.Keys) == 0:
		return skip(where, Malformed, "it is empty")
	case in.Value != nil && len(*in.Value) > MaxValue:
		return skip(where, TooLarge, "the value has %d bytes, the most is %d", len(*in.Value), MaxValue)
	case in.Value != nil:
		e.Value = *in.Value
		return e
	}
	for i, k := range in.Keys {
		key, why, err := jsonPublished(l, k, now)
		if why != "" {
			return skip(where, why, "key %d: %v", i+1, err)
		}
		e.Keys = append(e.Keys, key)
	}
	return e
}

func jsonPublished(l string, k jsonKey, now time.Time) (record.PublishedKey, Reason, error) {
	none := record.PublishedKey{}
	t, err := record.ParseKeyType(k.Type)
	if err != nil {
		return none, Unsupported, err
	}
	data, err := keyData(t, k.Data)
	if err != nil {
		return none, Malformed, err
	}
	if len(data) > MaxKey {
		return none, TooLarge, fmt.Errorf("%d bytes, the most is %d", len(data), MaxKey)
	}
	key := record.PublishedKey{Type: t, Data: data}
	if err := key.Check(); err != nil {
		return none, Malformed, err
	}
	if t != record.OpenPGP {
		return key, "", nil
	}
	return matching(l, key, now)
}

// keyData reads the text of a key, or base64 of its binary form.
func keyData(t record.KeyType, s string) ([]byte, error) {
	switch t {
	case record.Age:
		return []byte(s), nil
	case record.OpenPGP:
		if strings.HasPrefix(s, "-----BEGIN") {
			block, err := armor.Decode(strings.NewReader(s))
			if err != nil {
				return nil, err
			}
			return io.ReadAll(block.Body)
		}
	case record.SSH:
		if strings.ContainsAny(s, " \t") {
			key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(s))
			if err != nil {
				return nil, err
			}
			if len(options) > 0 || len(rest) > 0 {
				return nil, errors.New("more than a key")
			}
			return key.Marshal(), nil
		}
	}
	var b strictjson.Bytes
	if err := b.UnmarshalText([]byte(s)); err != nil {
		return nil, err
	}
	if t == record.SSH {
		if _, err := ssh.ParsePublicKey(b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// matching reads one OpenPGP key and returns what of it belongs to the label.
func matching(l string, key record.PublishedKey, now time.Time) (record.PublishedKey, Reason, error) {
	why, detail := Mismatch, "no valid user id has this address"
	found := record.PublishedKey{}
	keys := map[string]bool{}
	for e, err := range OpenPGP(bytes.NewReader(key.Data), now) {
		if err != nil {
			return found, Malformed, err
		}
		primary, _, _ := strings.Cut(e.Where, ",")
		keys[primary] = true
		switch {
		case e.Skipped == "" && e.Label == l:
			found = e.Keys[0]
		case e.Skipped != "" && !strings.Contains(e.Where, ","): // the whole key
			why, detail = e.Skipped, e.Detail
		}
	}
	switch {
	case len(keys) != 1:
		return found, Malformed, errors.New("it is not one single key")
	case found.Data != nil:
		return found, "", nil
	case !strings.Contains(l, "@") && why == Mismatch:
		return key, "", nil // a label that is no address: nothing to strip by
	}
	return found, why, errors.New(detail)
}
