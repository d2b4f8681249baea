package gossip

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/proto/evidence"
)

// Believe verifies evidence that somebody else sent, and convicts if it holds, is
// proved, and is against the keys of this log. Its errors wrap ErrEvidence.
func (d *Desk) Believe(file []byte) error {
	l, err := d.logOf()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hand(l, file)
}

// Convicted reports whether the provider is convicted: there is evidence that proves it.
func (d *Desk) Convicted() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.evidence(true) != nil
}

// convict hands evidence that holds to the court.
func (d *Desk) convict(l *log, e *evidence.Evidence) bool {
	file, err := e.Append(nil)
	if err != nil {
		d.suspect("Evidence could not be written: " + err.Error() + ".")
		return false
	}
	return d.hand(l, file) == nil
}

// hand verifies an evidence file, whoever it is from, and gives it to the court.
// Nobody's word is taken: it must be proved, and be against the keys of the log.
func (d *Desk) hand(l *log, file []byte) error {
	e, err := evidence.Parse(file)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	verdict, err := e.Verify()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if !verdict.Proved {
		return fmt.Errorf("%w: it is somebody's word", ErrEvidence)
	}
	if err := verdict.Concerns(l.pinned.Document); err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if d.evidence(true) != nil {
		return nil // one is enough, and more of it would fill the disk
	}
	finding, err := d.court.Convict(file)
	if err != nil || finding.File == "" { // a disk that is full, say: others can still be told
		d.convicted = file
		d.o.Logger.Error("evidence could not be kept", "error", err)
	}
	d.o.Logger.Error("the provider is caught", "kind", verdict.Kind.String(), "verdict", verdict.Text, "file", finding.File)
	return nil
}

// evidence returns what the provider was caught at, nil if it was not: what is proved,
// or else, unless proved is asked for, what this auditor attests.
func (d *Desk) evidence(proved bool) []byte {
	findings := d.court.Findings()
	for _, f := range findings {
		if f.Final && f.Proved {
			if file, err := d.court.Evidence(f.ID); err == nil && file != nil {
				return file
			}
		}
	}
	if d.convicted != nil || proved {
		return d.convicted
	}
	for _, f := range findings {
		if f.Final {
			if file, err := d.court.Evidence(f.ID); err == nil && file != nil {
				return file
			}
		}
	}
	return nil
}

func (d *Desk) suspect(text string) {
	if slices.Contains(d.suspicion, text) {
		return
	}
	d.o.Logger.Warn("suspicion", "text", text)
	if d.suspicion = append(d.suspicion, text); len(d.suspicion) > maxSuspicions {
		d.suspicion = slices.Delete(d.suspicion, 0, 1)
	}
}
