package login

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/legacy"
)

// A shape is what can be told of an SRP credential without knowing the password:
// all but the octets of its salts. Decoys have the shapes of real ones, in about
// the same numbers, as far as strangers have not chosen them; while accounts move over from an older provider, decoys seem
// to, as well.
type shape struct {
	profile  string
	recovery bool
	salt     int    // octets of SRP's salt
	recipe   string // the derivation, with a salt of zeros
}

// String is a shape as it is stored.
func (h shape) String() string {
	purpose := "password"
	if h.recovery {
		purpose = "recovery"
	}
	return fmt.Sprintf("%s %s %d %s", h.profile, purpose, h.salt, h.recipe)
}

func parseShape(s string) (h shape, err error) {
	fields := strings.SplitN(s, " ", 4)
	if len(fields) != 4 {
		return h, errShape
	}
	if _, err := fmt.Sscanf(fields[2], "%d", &h.salt); err != nil || h.salt < 0 || h.salt > maxSalt {
		return h, errShape
	}
	h.profile, h.recovery, h.recipe = fields[0], fields[1] == "recovery", fields[3]
	if h.String() != s {
		return h, errShape
	}
	_, err = h.kdf(zeros)
	return h, err
}

var errShape = errors.New("login: stored shape of credentials cannot be read")

func zeros(n int) []byte { return make([]byte, n) }

// shapeOf returns the shape of a credential.
func shapeOf(c *credential, purpose For) (shape, error) {
	h := shape{c.Profile, purpose.Recovery, len(c.Salt), c.KDF}
	recipe, err := h.kdf(zeros)
	h.recipe = recipe
	return h, err
}

// kdf returns the derivation with a salt that draw gives.
func (h shape) kdf(draw func(n int) []byte) (string, error) {
	if h.recipe == "" {
		return "", nil
	}
	if k, err := srp.ParseArgon2id(h.recipe); err == nil {
		k.Salt = draw(len(k.Salt))
		return k.String(), nil
	}
	r, err := legacy.Parse(h.recipe)
	if err != nil {
		return "", errShape
	}
	return r.WithSalt(draw).String(), nil
}

// suggested is the shape of what our own clients make.
func suggested(profile string, purpose For) shape {
	h := shape{profile: profile, recovery: purpose.Recovery, salt: 16}
	if profile == DefaultProfile {
		k := DefaultKDF
		k.Salt = make([]byte, 16)
		h.recipe = k.String()
	}
	return h
}

// strangers reports whether a stranger has chosen the shape of a credential. Those are
// not counted: whoever makes accounts of a rare shape would see decoys take it, and
// real credentials not. Of the weak profiles there is no other.
func strangers(c *credential, h shape) bool {
	return c.Profile == DefaultProfile && !c.Legacy && h != suggested(c.Profile, For{Recovery: h.recovery})
}

// maxShapes bounds the shapes that are counted.
const maxShapes = 64

// shapes say how many credentials there are of each shape.
type shapes struct {
	Version uint64         `json:"version"` // rises
	Count   map[string]int `json:"count"`
	parsed  map[string]shape
}

var shapesKey = []byte("shapes")

func getShapes(r Reader) (*shapes, error) {
	all := &shapes{Count: map[string]int{}, parsed: map[string]shape{}}
	b, err := r.Get(Meta, shapesKey)
	if errors.Is(err, ErrNotFound) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, all); err != nil {
		return nil, errShape
	}
	for s := range all.Count {
		if all.parsed[s], err = parseShape(s); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// draw chooses a shape for a name. Each shape draws a number for the name, and the
// best, weighed by how many credentials have the shape, wins: so when one shape
// becomes rarer, no name goes over but from it to others.
func (all *shapes) draw(profile string, purpose For, number func(shape string) []byte) shape {
	best := suggested(profile, purpose)
	most := -1.0
	for s, h := range all.parsed {
		if h.profile != profile || h.recovery != purpose.Recovery {
			continue
		}
		u := (float64(binary.BigEndian.Uint64(number(s))>>11) + 0.5) / (1 << 53)
		if score := -float64(all.Count[s]) / math.Log(u); score > most {
			most, best = score, h
		}
	}
	return best
}

// recount keeps the shapes right when credentials come and go: before and after
// are accounts as they were and will be.
func (s *Service) recount(w Writer, before, after []*account) error {
	all, err := getShapes(w)
	if err != nil {
		return err
	}
	changed := false
	for i, list := range [][]*account{before, after} {
		for _, a := range list {
			for _, purpose := range []For{{}, {Recovery: true}} {
				c := a.credential(stepSRP, purpose)
				if c == nil {
					continue
				}
				h, err := shapeOf(c, purpose)
				if err != nil {
					return err
				}
				if strangers(c, h) {
					continue
				}
				all.add(h, 2*i-1)
				changed = true
			}
		}
	}
	if !changed {
		return nil
	}
	all.Version++
	return put(w, Meta, shapesKey, all)
}

func (all *shapes) add(h shape, n int) {
	key := h.String()
	if _, ok := all.Count[key]; !ok {
		if n < 0 {
			return
		}
		if len(all.Count) >= maxShapes {
			delete(all.Count, all.rarest())
		}
	}
	if all.Count[key] += n; all.Count[key] <= 0 {
		delete(all.Count, key)
	}
}

// rarest is the shape of fewest credentials.
func (all *shapes) rarest() string {
	names := make([]string, 0, len(all.Count))
	for s := range all.Count {
		names = append(names, s)
	}
	return slices.MinFunc(names, func(a, b string) int {
		if d := all.Count[a] - all.Count[b]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
}

// reshape takes the stored shapes over, after they changed.
func (s *Service) reshape(ctx context.Context) error {
	var all *shapes
	if err := s.config.Store.View(ctx, func(r Reader) (err error) {
		all, err = getShapes(r)
		return err
	}); err != nil {
		return err
	}
	for {
		old := s.shapes.Load()
		if old != nil && old.Version >= all.Version || s.shapes.CompareAndSwap(old, all) {
			return nil
		}
	}
}
