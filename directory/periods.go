package directory

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/wire"
)

// ErrConfiguration is a Configuration that is not the one in force in a store.
var ErrConfiguration = errors.New("another configuration is in force in this log")

// metaPeriods is the meta key of the Configurations of a log. It is missing as
// long as there was only one.
const metaPeriods = "configurations"

// MaxPeriods is how many Configurations a log may have, one after another: a
// provider document names all of them.
const MaxPeriods = 64

// A Period is the log entries under one Configuration: those at position From and
// above, up to the next Period. Heads of sizes above From are signed under it, by
// the log and by its auditor.
type Period struct {
	From   uint64
	Log    *wire.Configuration
	Digest checkpoint.Digest // of the encoded Configuration, as audit leaves have it
}

func newPeriod(from uint64, log *wire.Configuration) (Period, []byte, error) {
	encoded, err := log.Append(nil, log.Format())
	if err != nil {
		return Period{}, nil, err
	}
	return Period{from, log, sha256.Sum256(encoded)}, encoded, nil
}

// Periods returns the Configurations of a log, oldest first. The newest one must be
// log, or the error is ErrConfiguration.
func Periods(snap Snapshot, log *wire.Configuration) ([]Period, error) {
	only, encoded, err := newPeriod(0, log)
	if err != nil {
		return nil, err
	}
	stored, err := snap.Meta(metaPeriods)
	if err != nil {
		return nil, err
	}
	if stored == nil {
		return []Period{only}, nil
	}
	all, err := parsePeriods(stored)
	if err != nil {
		return nil, fmt.Errorf("%w: meta: %s: %w", ErrCorrupt, metaPeriods, err)
	}
	if last := all[len(all)-1]; last.Digest != sha256.Sum256(encoded) {
		return nil, fmt.Errorf("%w: since log entry %d", ErrConfiguration, last.From)
	}
	return all, nil
}

// periodOf returns the Period of a position.
func periodOf(all []Period, pos uint64) *Period {
	for i := len(all) - 1; i > 0; i-- {
		if all[i].From <= pos {
			return &all[i]
		}
	}
	return &all[0]
}

// appendPeriods and parsePeriods code the value at metaPeriods: of each Period,
// its first position, the length of its Configuration in two bytes, and that.
func appendPeriods(b []byte, all []Period) ([]byte, error) {
	for _, p := range all {
		encoded, err := p.Log.Append(nil, p.Log.Format())
		if err != nil {
			return nil, err
		}
		b = binary.BigEndian.AppendUint64(b, p.From)
		b = binary.BigEndian.AppendUint16(b, uint16(len(encoded)))
		b = append(b, encoded...)
	}
	return b, nil
}

func parsePeriods(b []byte) (all []Period, err error) {
	for len(b) > 0 {
		if len(b) < 10 || len(b) < 10+int(binary.BigEndian.Uint16(b[8:])) {
			return nil, errors.New("cut off")
		}
		from, n := binary.BigEndian.Uint64(b), 10+int(binary.BigEndian.Uint16(b[8:]))
		log, err := wire.ParseConfiguration(bytes.Clone(b[10:n]), wire.Format{})
		if err != nil {
			return nil, err
		}
		p, _, err := newPeriod(from, log)
		if err != nil {
			return nil, err
		}
		if k := len(all); k == 0 && from != 0 || k > 0 && (from <= all[k-1].From || checkSuccessor(all[k-1].Log, log) != nil) || k == MaxPeriods {
			return nil, errors.New("it does not follow the one before")
		}
		all, b = append(all, p), b[n:]
	}
	if len(all) == 0 {
		return nil, errors.New("empty")
	}
	return all, nil
}

// checkSuccessor reports why one Configuration cannot follow another in one log:
// nothing but the auditor changes.
func checkSuccessor(before, after *wire.Configuration) error {
	if before.Mode != wire.ThirdPartyAuditing {
		return errors.New("only the auditor of a log in mode third-party-auditing can be changed")
	}
	same := *after
	same.AuditorPublicKey, same.AuditorStartPos, same.MaxAuditorLag = before.AuditorPublicKey, before.AuditorStartPos, before.MaxAuditorLag
	_, a, err := newPeriod(0, before)
	if err != nil {
		return err
	}
	_, b, err := newPeriod(0, &same)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return errors.New("nothing of a configuration but the auditor can be changed")
	}
	if _, c, err := newPeriod(0, after); err != nil || bytes.Equal(a, c) {
		return errors.Join(errors.New("nothing would change"), err)
	}
	return nil
}

// A force is what a Snapshot says of Configurations.
type force struct {
	stored  []byte // the value at metaPeriods
	periods []Period
}

// now returns the Period of the newest head.
func (f *force) now() *Period { return &f.periods[len(f.periods)-1] }

// forceOf reads the Configurations of a snapshot. They change seldom: what was
// read before is used again. The caller holds s.mu.
func (s *Sequencer) forceOf(snap Snapshot) (*force, error) {
	stored, err := snap.Meta(metaPeriods)
	if err != nil {
		return nil, err
	}
	if f := s.force; f != nil && bytes.Equal(f.stored, stored) {
		return f, nil
	}
	f := &force{stored: slices.Clone(stored)}
	if stored == nil {
		only, _, err := newPeriod(0, &s.config.Log)
		if err != nil {
			return nil, err
		}
		f.periods = []Period{only}
	} else if f.periods, err = parsePeriods(stored); err != nil {
		return nil, fmt.Errorf("%w: meta: %s: %w", ErrCorrupt, metaPeriods, err)
	}
	s.force = f
	return f, nil
}

// inForce returns what a snapshot that Sequencer.Snapshot returned says of
// Configurations.
func inForce(snap Snapshot) *force { return snap.(*lease).of.force }
