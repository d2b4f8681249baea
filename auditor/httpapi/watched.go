package httpapi

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kith-kt/kith/auditor/gossip"
	"github.com/kith-kt/kith/auditor/watch"
)

// Watched returns the Provider of a watch. peers may be nil.
func Watched(w *watch.Watch, d *gossip.Desk, peers *gossip.Peers) Provider {
	return Provider{
		Domain: w.Status().Domain,
		View:   w,
		Heads:  w.OpenHeads,
		Status: func() Status { return statusOf(w.Status(), d.Status(), peers.Status(d)) },
	}
}

func statusOf(s watch.Status, g gossip.Status, peers []gossip.PeerStatus) Status {
	out := Status{
		Domain: s.Domain, Address: s.Address, Fingerprint: s.Fingerprint, State: Audited,
		Entries: s.Size, Timestamp: s.Timestamp, Passed: milli(s.LastPass), Fault: s.Fault,
		Cosigner: s.Cosigner, CosignedSize: s.CosignedSize, CosignedAt: milli(s.CosignedAt), SignedSize: s.SignedSize,
		Gossip: Gossiped{Agreed: g.Agreed, Waiting: g.Waiting, Late: g.Late, Dropped: g.Dropped, Apart: g.Apart, Suspicions: g.Suspicions},
		Peers:  []Peer{},
	}
	if s.Size > 0 {
		out.Root = hex.EncodeToString(s.Root[:])
	}
	for _, f := range s.Findings {
		if !f.Final {
			out.Gossip.Suspicions = append(out.Gossip.Suspicions, f.Text)
		} else if out.Verdict == nil {
			out.Verdict = &Verdict{Kind: f.Kind, Text: f.Text, Entry: f.Entry, Proved: f.Proved, File: fileOf(f)}
		}
	}
	switch {
	case s.Misbehaved:
		out.State = Caught
	case s.Fault != "":
		out.State = Unaudited
	case s.LastPass.IsZero():
		out.State = Starting
	}
	for _, p := range peers {
		out.Peers = append(out.Peers, Peer{Address: p.Address, Says: p.Says, Agrees: p.Agrees, Size: p.Size, At: milli(p.At)})
	}
	return out
}

// fileOf names the evidence of a finding as it is served, "" if there is none.
func fileOf(f watch.Finding) string {
	if f.File == "" {
		return ""
	}
	return filepath.Base(f.File)
}

// Files is the evidence of watches. Files of one name, which hold one thing, are one.
type Files []*watch.Watch

// Names implements Evidence. What is proved comes first, so that it is listed however
// much there is that only an auditor attests.
func (all Files) Names() (names []string, err error) {
	for _, proved := range []bool{true, false} {
		for _, w := range all {
			for _, f := range w.Findings() {
				if name := fileOf(f); name != "" && f.Proved == proved {
					names = append(names, name)
				}
			}
		}
	}
	return names, nil
}

// Read implements Evidence.
func (all Files) Read(name string) ([]byte, error) {
	of, beside := strings.CutSuffix(name, besides)
	for _, w := range all {
		for _, f := range w.Findings() {
			if fileOf(f) != of {
				continue
			}
			if beside {
				return os.ReadFile(f.File + besides)
			}
			if b, err := w.Evidence(f.ID); b != nil || err != nil {
				return b, err
			}
		}
	}
	return nil, fmt.Errorf("%w: %.80q", errNoPath, name)
}
