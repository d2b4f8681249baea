package message

import (
	"fmt"
	"math"

	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// GroupSecrets is what a new member enters an epoch with: "Joining via Welcome
// Message" (12.4.3.1).
type GroupSecrets struct {
	suite.Redacted
	JoinerSecret []byte
	PathSecret   []byte // nil: none, since the Commit has no path
	PSKs         []schedule.PreSharedKeyID
}

// Marshal writes the secrets.
func (g *GroupSecrets) Marshal(w *syntax.Writer) {
	w.Vector(g.JoinerSecret)
	w.Optional(g.PathSecret != nil)
	if g.PathSecret != nil {
		w.Vector(g.PathSecret)
	}
	syntax.WriteList(w, g.PSKs, func(w *syntax.Writer, id schedule.PreSharedKeyID) { id.Marshal(w) })
}

// Unmarshal reads secrets. syntax.ErrTooLong: there are more PSKs than PSKLabel can
// count ("Pre-Shared Keys" (8.4)).
func (g *GroupSecrets) Unmarshal(r *syntax.Reader) {
	*g = GroupSecrets{JoinerSecret: r.Vector()}
	if r.Optional() {
		g.PathSecret = r.Vector()
	}
	g.PSKs = syntax.ReadListOf(r, math.MaxUint16, func(r *syntax.Reader) (id schedule.PreSharedKeyID) {
		id.Unmarshal(r)
		return id
	})
}

// Check returns ErrMalformed if a secret does not have KDF.Nh bytes, or if more
// than one pre-shared key is for a re-initialization or a branch: a group has one
// origin at most.
func (g *GroupSecrets) Check(s *suite.Suite) error {
	if len(g.JoinerSecret) != s.HashSize() {
		return fmt.Errorf("%w: joiner_secret of %d bytes", ErrMalformed, len(g.JoinerSecret))
	}
	if g.PathSecret != nil && len(g.PathSecret) != s.HashSize() {
		return fmt.Errorf("%w: path_secret of %d bytes", ErrMalformed, len(g.PathSecret))
	}
	origins := 0
	for i := range g.PSKs {
		id := &g.PSKs[i]
		if id.Type == schedule.ResumptionPSK && id.Usage != schedule.UsageApplication {
			origins++
		}
	}
	if origins > 1 {
		return fmt.Errorf("%w: %d pre-shared keys of reinit or branch", ErrMalformed, origins)
	}
	return nil
}

// Erase overwrites the secrets.
func (g *GroupSecrets) Erase() {
	clear(g.JoinerSecret)
	clear(g.PathSecret)
	*g = GroupSecrets{}
}
