package evidence

import (
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/record"
)

// errTrusted is what trustSaved returns.
var errTrusted = errors.New("not verified")

// showSaved verifies a saved proof under each Configuration of the log.
func (c *court) showSaved(s *shown, proof []byte) error {
	if c.saved == nil {
		return missing("a verifier of clients' saved proofs")
	}
	var err error
	for i := len(c.configs) - 1; i >= 0; i-- {
		var values []SavedValue
		if values, err = c.saved(proof, c.configs[i].encoded); err == nil {
			s.saved = append(s.saved, values)
			if !slices.ContainsFunc(values, func(v SavedValue) bool { return !v.FirstSeen }) {
				c.verdict.Keys |= SignatureKey
			}
			return nil
		}
		if errors.Is(err, errTrusted) {
			s.trusted = true
			return nil
		}
	}
	return invalid("saved proof: %w", err)
}

// claim judges whether what is shown supports the claim.
func (c *court) claim(s *Statement, x *shown) error {
	unsupported := func(what string) error { return nothing("a claim of %s takes %s", s.About, what) }
	switch s.About {
	case Rollback:
		if cs := x.checkpoints; len(cs) >= 2 && cs[0].Size > cs[1].Size {
			return c.found(s.Entry, "is said to have served a checkpoint of %d entries after one of %d", cs[1].Size, cs[0].Size)
		}
		if hs := x.heads; len(hs) >= 2 && hs[0].Size > hs[1].Size {
			return c.found(s.Entry, "is said to have served a tree head of size %d after one of %d", hs[1].Size, hs[0].Size)
		}
		return unsupported("two checkpoints or heads, the first greater than the second")
	case StaleHead, FutureTimestamp:
		return c.clock(s, x)
	case FeedStalled, FeedDropped:
		if len(x.checkpoints) == 0 || x.checkpoints[0].Size <= s.Entry || len(x.absent) == 0 || x.absent[0].Since > s.Time {
			return unsupported("a checkpoint with the entry, and what of it is not served")
		}
		if s.About == FeedDropped {
			return c.found(s.Entry, "is said to have refused %s for entry %d, from %s to %s",
				x.absent[0].Path, s.Entry, Time(x.absent[0].Since), Time(s.Time))
		}
		return c.found(s.Entry, "is said not to have served %s for entry %d, nor for any after it, from %s to %s",
			x.absent[0].Path, s.Entry, Time(x.absent[0].Since), Time(s.Time))
	case BadAnswer:
		if len(x.served) == 0 {
			return unsupported("the answer")
		}
		return c.found(s.Entry, "is said to have served, at %s, what an honest provider does not serve%s", x.served[0].Path, because(x))
	case Withheld:
		if len(x.saved) > 0 && len(x.saved[0]) > 0 {
			v := x.saved[0][len(x.saved[0])-1]
			return c.found(s.Entry, "is said to withhold %q, of which it had proved version %d%s%s", v.Label, v.Version, resting(x.saved[0]), because(x))
		}
		if x.trusted {
			return c.found(s.Entry, "is said to withhold what it had proved")
		}
		if len(x.checkpoints) > 0 && x.checkpoints[0].Size > s.Entry && len(x.absent) > 0 && x.absent[0].Since <= s.Time {
			return c.found(s.Entry, "is said not to have served %s, from %s to %s", x.absent[0].Path, Time(x.absent[0].Since), Time(s.Time))
		}
		return unsupported("a saved proof, or a checkpoint and what is not served")
	case UnexpectedVersion:
		return c.disowned(s, x)
	case OtherKeys:
		return c.otherKeys(s, x)
	case OtherConfiguration:
		for _, l := range x.leaves {
			if _, known := c.config(l.leaf.Configuration); !known && l.leaf.Position == s.Entry {
				return c.found(s.Entry, "has, for entry %d, a leaf in its audit log of a Configuration that its document does not know", s.Entry)
			}
		}
		return unsupported("a checkpoint, and the entry's leaf of an unknown Configuration")
	case Unjoined:
		if cs := x.checkpoints; len(cs) >= 2 && cs[0].Size != cs[1].Size {
			return c.found(s.Entry, "is said to have served checkpoints of %d and %d entries, and nothing that shows that one continues the other%s", cs[0].Size, cs[1].Size, because(x))
		}
		return unsupported("two checkpoints of different sizes")
	}
	return invalid("unknown claim %d", s.About)
}

// resting says so where values rest on more than signatures.
func resting(values []SavedValue) string {
	if slices.ContainsFunc(values, func(v SavedValue) bool { return !v.FirstSeen }) {
		return " to an observer who had verified the log before"
	}
	return ""
}

// because returns the observer's sentence, if there is one.
func because(x *shown) string {
	if len(x.texts) == 0 {
		return ""
	}
	return ": " + x.texts[0]
}

// clock judges a timestamp by the observer's clock.
func (c *court) clock(s *Statement, x *shown) error {
	for _, l := range x.leaves {
		config, ok := c.config(l.leaf.Configuration)
		if !ok || l.leaf.Position != s.Entry {
			continue
		}
		ms, last := l.leaf.Timestamp, l.leaf.Position == l.under.Size-1
		switch {
		case s.About == StaleHead && last && s.Time > ms && s.Time-ms > config.MaxBehind:
			return c.found(s.Entry, "is said to have served a log as its newest, on %s, whose last entry is of %s", Time(s.Time), Time(ms))
		case s.About == FutureTimestamp && ms > s.Time && ms-s.Time > config.MaxAhead:
			return c.found(s.Entry, "dated entry %d %s, which was in the future by its observer's clock, %s", s.Entry, Time(ms), Time(s.Time))
		}
	}
	return nothing("no leaf of entry %d is as far from the observer's clock as that", s.Entry)
}

// disowned judges an owner's word that a version is not its own: the observer's key
// must be the account key of an earlier record of the same label, and not have
// signed the last one.
func (c *court) disowned(s *Statement, x *shown) error {
	if x.trusted {
		return c.found(s.Entry, "is said to have published a version that its owner did not make")
	}
	var all []SavedValue
	for _, values := range x.saved {
		all = append(all, values...)
	}
	if len(all) < 2 {
		return nothing("it takes a saved proof of a version that is the owner's, and of one that is not")
	}
	last := all[len(all)-1]
	owned := false
	for _, v := range all[:len(all)-1] {
		r, err := record.Parse(v.Value)
		owned = owned || err == nil && v.Label == last.Label && v.Version < last.Version && c.places(r, v) &&
			r.Account != nil && string(r.Account[:]) == string(s.Observer) && r.VerifyAccount()
	}
	if !owned {
		return nothing("the observer's key is not the account key of an earlier version of %q", last.Label)
	}
	if r, err := record.Parse(last.Value); err == nil && c.places(r, last) && r.Account != nil {
		key := record.Key(s.Observer)
		if *r.Account == key && r.VerifyAccount() || r.VerifyPrevious(key) {
			return nothing("version %d of %q is signed with the key that disowns it", last.Version, last.Label)
		}
	}
	return c.found(last.Entry, "published version %d of %q, and the holder of the account key of an earlier version, as shown%s, says that it did not make it", last.Version, last.Label, resting(all))
}

// places reports whether a record is of the place where it was found.
func (c *court) places(r *record.Record, v SavedValue) bool {
	return r.Domain == c.document.Domain && r.Label == v.Label && r.Version == v.Version
}

// otherKeys judges a provider document of another log.
func (c *court) otherKeys(s *Statement, x *shown) error {
	for _, served := range x.served {
		if served.Path != provider.Path || uint64(len(served.Data)) != served.Size {
			continue
		}
		other, err := provider.Reopen(served.Data)
		if err != nil || other.Document.Domain != c.document.Domain {
			continue
		}
		f, err := other.Document.Fingerprint()
		if err != nil {
			continue
		}
		if f != c.verdict.Fingerprint {
			return c.found(s.Entry, "is said to have served a document of another log, with fingerprint %s", f)
		}
		if other.Document.AuditLog != c.document.AuditLog {
			return c.found(s.Entry, "is said to have served a document with another audit log key, %s", other.Document.AuditLog.Key)
		}
		if !sameRoots(other.Document, c.document) && sha256.Sum256(c.payload) != other.Digest {
			return c.found(s.Entry, "is said to have served a document with other root keys")
		}
	}
	return nothing("no whole provider document of %s with other keys is attached", c.document.Domain)
}

// sameRoots reports whether two documents share a root key.
func sameRoots(a, b *provider.Document) bool {
	for _, x := range a.Roots().Keys {
		for _, y := range b.Roots().Keys {
			if x.Equal(y) {
				return true
			}
		}
	}
	return false
}
