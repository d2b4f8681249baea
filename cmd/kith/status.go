package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/proto/label"
)

func (p *program) newStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what is pinned and known, without asking anybody",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.offline(cmd.Context(), (*session).status)
		},
	}
}

// A statusView is what is known, in JSON.
type statusView struct {
	Home      string         `json:"home"`
	Provider  *providerView  `json:"provider"`
	Expired   bool           `json:"document_expired"`
	Providers []string       `json:"providers"`
	Size      uint64         `json:"log_size"`
	Head      string         `json:"log_head_time,omitempty"`
	Window    string         `json:"monitoring_window"`
	Labels    []statusLabel  `json:"labels"`
	Contacts  []contactView  `json:"contacts"`
	Refused   *refusedView   `json:"refused,omitempty"`
	Witnessed *witnessedView `json:"witnessed,omitempty"`
	Auditors  []string       `json:"auditors_asked"`      // addresses, of those to whom is handed in
	HandedIn  string         `json:"handed_in,omitempty"` // when it last was
}

// A witnessedView is how much of the log is known to be cosigned, in JSON.
type witnessedView struct {
	Size    uint64 `json:"log_size"`
	Seen    string `json:"seen,omitempty"`             // when that was last seen
	Waiting uint64 `json:"waiting_log_size,omitempty"` // of a head that no cosigned checkpoint covers yet
	Since   string `json:"waiting_since,omitempty"`
}

// A refusedView is the log's being caught, in JSON.
type refusedView struct {
	Text     string `json:"text"`
	Evidence string `json:"evidence"` // path
	By       string `json:"by"`       // where it came from
	Since    string `json:"since"`
}

type statusLabel struct {
	Label    string   `json:"label"`
	Account  bool     `json:"has_account_key"`
	Token    bool     `json:"has_token"`
	Greatest *uint32  `json:"version,omitempty"`
	Verified uint64   `json:"verified_to_log_entry"`
	Pending  bool     `json:"reply_lost"`
	Alerts   []uint32 `json:"alerts,omitempty"`
}

func (s *session) status() error {
	v := &statusView{Home: s.home.Dir(), Labels: []statusLabel{}, Window: s.window().String()}
	var err error
	if v.Provider, err = viewProvider(s.pinned.Document, s.remote.Address()); err != nil {
		return err
	}
	if v.Providers, err = s.home.Domains(); err != nil {
		return err
	}
	if v.Contacts, err = s.contactViews(); err != nil {
		return err
	}
	v.Expired = s.pinned.Document.CheckTime(s.p.now(), skew) != nil
	if err := s.labels(v); err != nil {
		return err
	}
	s.p.print("home         %s", v.Home)
	if !s.p.json {
		if err := s.p.describe(s.pinned.Document, s.remote.Address()); err != nil {
			return err
		}
	}
	caught, err := s.ring.Convicted(s.log.Fingerprint())
	if err != nil {
		return err
	}
	if caught != nil {
		v.Refused = &refusedView{caught.Text, s.ring.EvidencePath(caught.Evidence), caught.By, caught.Noted.Format(time.RFC3339)}
		s.p.print("REFUSED      since %s: %s", clock(caught.Noted), printable(caught.Text))
		s.p.print("evidence     %s", v.Refused.Evidence)
	}
	if head := s.client.State().Head(); head == nil {
		s.p.print("log          never asked")
	} else {
		v.Size, v.Head = head.Tree.TreeSize, moment(head.Time()).Format(time.RFC3339Nano)
		s.p.print("log          %d entries, the newest of %s", v.Size, clock(moment(head.Time())))
	}
	s.witnessed(v)
	if err := s.handedIn(v); err != nil {
		return err
	}
	s.p.print("window       %s: run kith monitor about as often", v.Window)
	for _, l := range v.Labels {
		text := label.Display(l.Label)
		if l.Greatest != nil {
			text += ", version " + fmt.Sprint(*l.Greatest)
		} else {
			text += ", nothing published"
		}
		if l.Pending {
			text += "; the reply to an update was lost: run kith monitor"
		}
		if len(l.Alerts) > 0 {
			text += "; WARNING, versions you did not publish: run kith monitor"
		}
		s.p.print("yours        %s", text)
	}
	blocked := 0
	for _, c := range v.Contacts {
		if c.Blocked != "" {
			blocked++
		}
	}
	s.p.print("contacts     %d, of which %d wait for kith contacts ack", len(v.Contacts), blocked)
	if v.Expired {
		s.p.warn("the provider's document is not good at this time: %s", plain(s.pinned.Document.CheckTime(s.p.now(), skew)))
	}
	return s.p.emit(v)
}

// labels are the user's own: those with an account, and those owned.
func (s *session) labels(v *statusView) error {
	accounts, err := s.ring.Accounts()
	if err != nil {
		return err
	}
	state := s.client.State()
	all := map[string]bool{}
	for _, name := range append(accounts, state.OwnedLabels()...) {
		all[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		l := statusLabel{Label: name}
		if a, err := s.ring.Account(name); err == nil {
			l.Account, l.Token = true, a.Token != ""
		}
		if o := state.Owned(name); o != nil {
			if g, ok := o.Greatest(); ok {
				version := g.Version
				l.Greatest = &version
			}
			l.Verified, l.Pending, l.Alerts = o.Verified, o.Intent != nil, o.Alerts
		}
		v.Labels = append(v.Labels, l)
	}
	return nil
}

// witnessed shows how much of the log is known to be cosigned by those whom the
// policy asks for.
func (s *session) witnessed(v *statusView) {
	f, state := s.inForce, s.client.State()
	if f.Witnesses.Threshold == 0 && f.Auditors.Threshold == 0 {
		s.p.print("witnessed    your policy asks for nobody's cosignature")
		return
	}
	by := fmt.Sprintf("witnesses: %s; auditors: %s", viewQuorum(&f.Witnesses), viewQuorum(&f.Auditors))
	v.Witnessed = new(witnessedView)
	covered, waiting := state.Covered(), state.Pending()
	if covered == nil {
		s.p.print("witnessed    nothing yet, by your policy (%s)", by)
	} else {
		v.Witnessed.Size, v.Witnessed.Seen = covered.Size, moment(covered.When).Format(time.RFC3339Nano)
		s.p.print("witnessed    %d entries, as seen %s, by your policy (%s)", covered.Size, clock(moment(covered.When)), by)
	}
	if waiting != nil {
		v.Witnessed.Waiting, v.Witnessed.Since = waiting.Size, moment(waiting.Since).Format(time.RFC3339Nano)
		s.p.print("waiting      a head of %d entries, seen %s, is under no such checkpoint yet", waiting.Size, clock(moment(waiting.Since)))
	}
}

// handedIn shows to whom and when sightings were handed in.
func (s *session) handedIn(v *statusView) error {
	last, err := s.ring.Handed()
	if err != nil {
		return err
	}
	when := "never"
	if !last.IsZero() {
		v.HandedIn, when = last.Format(time.RFC3339), clock(last)
	}
	v.Auditors = []string{}
	for _, a := range s.auditors() {
		v.Auditors = append(v.Auditors, a.Address)
	}
	off := ""
	if s.inForce.GossipOff {
		off = ", by hand only"
	}
	s.p.print("gossip       with %s%s; last handed in: %s", count(len(v.Auditors), "auditor"), off, when)
	return nil
}
