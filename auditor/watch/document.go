package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

// skew is how far this computer's clock may be behind.
const skew = 5 * time.Minute

// ErrMoved is a provider document of another log than the one pinned.
var ErrMoved = errors.New("the provider document is of another log than the one pinned")

// contact reads what a provider says about itself, on first contact.
func contact(ctx context.Context, source Source, expect *provider.Fingerprint, now time.Time) (*provider.Pinned, []byte, error) {
	envelope, err := source.Document(ctx)
	if err != nil {
		return nil, nil, err
	}
	pinned, err := provider.Open(envelope, "", now, skew)
	if err != nil {
		return nil, nil, err
	}
	found, err := pinned.Document.Fingerprint()
	if err != nil {
		return nil, nil, err
	}
	if expect != nil && *expect != found {
		return nil, nil, &FingerprintError{Found: found}
	}
	if expect == nil && !belongs(source.Address(), pinned.Document.Domain) {
		return nil, nil, &DomainError{Address: source.Address(), Domain: pinned.Document.Domain}
	}
	return pinned, envelope, nil
}

// A FingerprintError is a log that is not the expected one.
type FingerprintError struct{ Found provider.Fingerprint }

func (e *FingerprintError) Error() string {
	return fmt.Sprintf("the log's fingerprint is %s, and not the one you gave", e.Found)
}

// A DomainError is an address that does not show that it speaks for a domain.
type DomainError struct{ Address, Domain string }

func (e *DomainError) Error() string {
	return fmt.Sprintf("%s says it speaks for %s, which its address does not show", e.Address, e.Domain)
}

// belongs reports whether an address shows that it speaks for a domain: by a
// certificate for a host of the domain, or because it is on this machine.
func belongs(address, domain string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := u.Hostname()
	return u.Scheme == "http" || host == domain || strings.HasSuffix(host, "."+domain)
}

// follow takes a newer provider document, as long as it is of the same log: only
// its auditor may have changed.
func follow(pinned *provider.Pinned, envelope []byte, now time.Time) (*provider.Pinned, error) {
	next, _, err := pinned.Follow(envelope, now, skew)
	if err != nil {
		return nil, err
	}
	a, b := pinned.Document, next.Document
	if a.AuditLog != b.AuditLog {
		return nil, ErrMoved
	}
	if bytes.Equal(a.Configuration, b.Configuration) {
		return next, nil
	}
	if same, err := sameButAuditor(a, b); err != nil || !same {
		return nil, errors.Join(ErrMoved, err)
	}
	all, before := b.Configurations(), a.Configurations()
	if len(all) <= len(before) {
		return nil, fmt.Errorf("%w: it leaves out a configuration that was there before", ErrMoved)
	}
	for i := range before {
		if all[i] != before[i] {
			return nil, fmt.Errorf("%w: it tells another past of the log than before", ErrMoved)
		}
	}
	return next, nil
}

// sameButAuditor reports whether two documents have one Configuration, the auditor
// aside.
func sameButAuditor(a, b *provider.Document) (bool, error) {
	var out [2][]byte
	for i, d := range []*provider.Document{a, b} {
		c, err := d.Config()
		if err != nil {
			return false, err
		}
		blank := *c
		blank.AuditorPublicKey, blank.AuditorStartPos, blank.MaxAuditorLag = nil, 0, 0
		if blank.Mode == wire.ThirdPartyAuditing {
			blank.AuditorPublicKey = []byte{0}
		}
		if out[i], err = blank.Append(nil, blank.Format()); err != nil {
			return false, err
		}
	}
	return bytes.Equal(out[0], out[1]), nil
}

// refresh follows the provider document.
func (w *Watch) refresh(ctx context.Context) error {
	if w.refreshed {
		w.refreshed = false // read a moment ago
		return nil
	}
	envelope, err := w.source.Document(ctx)
	if err != nil {
		return err
	}
	if bytes.Equal(envelope, w.envelope) && w.pinned.Document.CheckTime(w.o.Now(), skew) == nil {
		return nil
	}
	next, err := follow(w.pinned, envelope, w.o.Now())
	if err != nil {
		return w.otherDocument(envelope, err)
	}
	log, err := pass.NewLog(next.Document)
	if err != nil {
		return err
	}
	if !bytes.Equal(envelope, w.envelope) {
		if err := w.folder.write(documentFile, envelope); err != nil {
			return err
		}
	}
	if log.Digest != w.log.Digest {
		w.o.Logger.Info("the log has another auditor, as its root keys announced", "domain", w.domain(), "version", next.Document.Version, "signs", isAuditor(log.Configuration, w.headKey))
		w.posted = 0
	}
	w.mu.Lock()
	w.pinned, w.envelope, w.log = next, envelope, log
	w.mu.Unlock()
	return nil
}

// otherDocument looks whether a document that could not be followed is evidence:
// two documents of one version, both signed by the root keys, or one of another
// log at the same domain.
func (w *Watch) otherDocument(envelope []byte, fault error) error {
	if e, err := evidence.NewTwoDocuments(w.envelope, w.envelope, envelope); err == nil {
		if v, err := e.Verify(); err == nil && v.Proved {
			return w.catch(e, v, Finding{Kind: KindDocuments, Text: v.Text}, fault)
		}
	}
	if !errors.Is(fault, ErrMoved) && !errors.Is(fault, provider.ErrSignature) || w.o.Copy {
		return fault
	}
	statement := &evidence.Statement{About: evidence.OtherKeys, Items: []evidence.Item{
		evidence.Served(provider.Path, envelope, len(envelope)),
	}}
	if e, v, err := w.state(statement); err == nil {
		w.note(e, v, Finding{Kind: KindDocuments, Text: "a provider document of another log is served at the address of this one"})
	}
	return fault
}
