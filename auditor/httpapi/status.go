package httpapi

import (
	"encoding/json"
	"net/http"
	"time"
)

// A State says in one word how a provider stands.
type State string

// The states of a provider, the worst last.
const (
	Audited   State = "audited"   // everything that it signed is in order
	Starting  State = "starting"  // the first pass is not finished
	Unaudited State = "unaudited" // the last pass was not finished
	Caught    State = "caught"    // it misbehaved, and there is evidence
)

// A Status is how one provider stands, as /status.json tells it.
type Status struct {
	Domain      string `json:"domain"`
	Address     string `json:"address,omitempty"` // where the log is read
	Fingerprint string `json:"fingerprint"`
	State       State  `json:"state"`

	Entries   uint64   `json:"entries"`           // audited
	Timestamp uint64   `json:"timestamp"`         // of the last of them, ms since the Unix epoch
	Root      string   `json:"root,omitempty"`    // of the log tree over them, hexadecimal
	Passed    int64    `json:"last_pass"`         // when all was in order last, ms since the Unix epoch; 0: not yet
	Fault     string   `json:"fault,omitempty"`   // why the last pass was not finished
	Verdict   *Verdict `json:"verdict,omitempty"` // of State caught

	Cosigner     string `json:"cosigner,omitempty"` // note verifier key of the auditor's cosignatures
	CosignedSize uint64 `json:"cosigned_size"`
	CosignedAt   int64  `json:"cosigned_at,omitempty"` // ms since the Unix epoch
	SignedSize   uint64 `json:"signed_size,omitempty"` // of the newest auditor's head that the provider took

	Gossip Gossiped `json:"gossip"`
	Peers  []Peer   `json:"peers"`
}

// A Verdict is what a provider was caught at.
type Verdict struct {
	Kind   string `json:"kind"`
	Text   string `json:"text"` // one sentence
	Entry  uint64 `json:"entry"`
	Proved bool   `json:"proved"` // nobody need be believed
	File   string `json:"file"`   // below /gossip/v1/evidence/
}

// Gossiped is what came of sightings since the start.
type Gossiped struct {
	Agreed     uint64   `json:"agreed"`  // heads and checkpoints that are the audited ones
	Waiting    int      `json:"waiting"` // that are ahead of the audit
	Late       int      `json:"late"`    // of these, that should have been reached
	Dropped    uint64   `json:"dropped"` // for which there was no room
	Apart      uint64   `json:"apart"`   // lists of distinguished roots without overlap: not signed, so no proof
	Suspicions []string `json:"suspicions,omitempty"`
}

// A Peer is another auditor of the log, and what it said last.
type Peer struct {
	Address string `json:"address"`
	Says    string `json:"says"`
	Agrees  bool   `json:"agrees"`
	Size    uint64 `json:"size,omitempty"` // it audited
	At      int64  `json:"at,omitempty"`   // ms since the Unix epoch; 0: not reached yet
}

// A statusView is /status.json.
type statusView struct {
	Name      string   `json:"name,omitempty"`
	Now       int64    `json:"now"` // ms since the Unix epoch
	Providers []Status `json:"providers"`
}

func (h *handler) status(w http.ResponseWriter, _ *http.Request) error {
	v := statusView{Name: h.config.Name, Now: h.config.Now().UnixMilli(), Providers: []Status{}}
	for _, p := range h.config.Providers {
		v.Providers = append(v.Providers, p.Status())
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	write(w, "application/json", noStore, append(b, '\n'))
	return nil
}

// milli is a time in ms since the Unix epoch, 0 for the zero time.
func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
