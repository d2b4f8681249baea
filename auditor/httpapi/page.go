package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"sync"
	"time"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// pagePolicy lets the page have its own style and nothing else: no script, no
// picture from elsewhere, no frame.
var pagePolicy = func() string {
	hash := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// pageAge is how old a page may be that is shown again: a picture reads many leaves.
const pageAge = time.Second

// pages keeps the page that was made last.
type pages struct {
	mu   sync.Mutex
	made time.Time
	body []byte
}

// A pageView is what the template shows.
type pageView struct {
	Title, Now string
	Style      template.CSS
	Providers  []cardView
}

type cardView struct {
	Status
	Class, Word, Sentence string
	Caught                *Verdict
	Entries, Newest       string
	Passed, PassedAt      string
	Cosigned              string
	CosignedNote          string
	Compared, Waiting     string
	Picture               template.HTML
	Peers                 []peerView
	Suspicions            []string
}

type peerView struct{ Address, Says, When string }

func (h *handler) page(w http.ResponseWriter, _ *http.Request) error {
	h.pages.mu.Lock()
	defer h.pages.mu.Unlock()
	now := h.config.Now()
	if age := now.Sub(h.pages.made); h.pages.body == nil || age < 0 || age >= pageAge {
		body, err := h.makePage(now)
		if err != nil {
			return err
		}
		h.pages.made, h.pages.body = now, body
	}
	w.Header().Set("Content-Security-Policy", pagePolicy)
	write(w, "text/html; charset=utf-8", noStore, h.pages.body)
	return nil
}

func (h *handler) makePage(now time.Time) ([]byte, error) {
	v := pageView{Title: "kith-auditor", Now: now.UTC().Format("2006-01-02 15:04:05 UTC"), Style: template.CSS(pageStyle)}
	if h.config.Name != "" {
		v.Title = h.config.Name
	}
	for i := range h.config.Providers {
		p := &h.config.Providers[i]
		points, err := growthOf(p.View)
		if err != nil {
			h.config.Logger.Warn("no picture of the log", "domain", p.Domain, "error", err)
		}
		v.Providers = append(v.Providers, card(p.Status(), growth(points), now))
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// card puts a status into words.
func card(s Status, picture template.HTML, now time.Time) cardView {
	c := cardView{Status: s, Picture: picture, Caught: s.Verdict, Suspicions: s.Gossip.Suspicions}
	ago := func(ms int64) string { return since(now, ms) }
	switch s.State {
	case Caught:
		c.Class, c.Word = "bad", "caught"
		c.Sentence = "This provider broke its promises. Nothing that it says is vouched for any more."
	case Audited:
		c.Class, c.Word = "good", "in order"
		c.Sentence = fmt.Sprintf("Audited all of its %s entries, %s: every root follows from what was published, and nothing was taken back.", thousands(s.Entries), ago(s.Passed))
	case Starting:
		c.Class, c.Word = "wait", "auditing"
		c.Sentence = "The first pass over the log is not finished."
	default:
		c.Class, c.Word = "wait", "not audited to the end"
		c.Sentence = "The last pass was not finished: " + s.Fault + "."
	}
	c.Entries, c.Newest = thousands(s.Entries), "none yet"
	if s.Entries > 0 {
		c.Newest = "the newest " + ago(int64(min(s.Timestamp, lastTime)))
	}
	c.Passed, c.PassedAt = "not yet", "all of it, up to a checkpoint"
	if s.Passed > 0 {
		c.Passed, c.PassedAt = ago(s.Passed), at(s.Passed)
	}
	c.Cosigned, c.CosignedNote = "nothing", "no checkpoint yet"
	if s.CosignedSize > 0 {
		c.Cosigned, c.CosignedNote = thousands(s.CosignedSize), "entries, "+ago(s.CosignedAt)
	}
	c.Compared = thousands(s.Gossip.Agreed) + " agree"
	c.Waiting = fmt.Sprintf("%d not reached yet", s.Gossip.Waiting)
	if s.Gossip.Late > 0 {
		c.Waiting += fmt.Sprintf(", %d overdue", s.Gossip.Late)
	}
	if n := s.Gossip.Apart; n > 0 {
		c.Suspicions = append(c.Suspicions, fmt.Sprintf("%s lists of distinguished roots had none in common with this log. They are not signed.", thousands(n)))
	}
	for _, p := range s.Peers {
		row := peerView{p.Address, p.Says, "not reached yet"}
		if p.At > 0 {
			row.When = ago(p.At)
		}
		c.Peers = append(c.Peers, row)
	}
	return c
}

// since says how long ago a time was.
func since(now time.Time, ms int64) string {
	d := now.Sub(time.UnixMilli(ms))
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "days"}, {time.Hour, "hours"}, {time.Minute, "minutes"}, {time.Second, "seconds"}} {
		if n := d / unit.of; n > 1 { // from there on it is a plural
			return fmt.Sprintf("%d %s ago", n, unit.name)
		}
	}
	return "just now"
}

func at(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC") }
