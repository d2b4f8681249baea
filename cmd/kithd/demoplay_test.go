package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/proto/evidence"
)

// attackTest plays one attack, and checks who noticed and what is left of it: evidence
// of each of the kinds, and of no other. "A or B" is one of the two: which, is for who
// compares first.
func attackTest(t *testing.T, attack evil.Attack, noticed []string, kinds ...string) {
	t.Helper()
	t.Parallel()
	all := plays()
	i := slices.IndexFunc(all, func(p play) bool { return p.attack == attack })
	if i < 0 {
		t.Fatalf("%s is not played", attack)
	}
	out, err := all[i].perform(t.Context(), t.TempDir())
	must(t, err)
	var who []string
	for _, n := range out.NoticedBy {
		who = append(who, n.Who+" by "+n.By)
		if n.Seconds < 0 || n.Seconds > 30 || n.Says == "" {
			t.Errorf("%+v", n)
		}
	}
	if slices.Sort(who); !slices.Equal(who, noticed) {
		t.Errorf("noticed %q, want %q", who, noticed)
	}
	missing := slices.Clone(kinds)
	for _, e := range out.Evidence {
		is := func(kind string) bool { return slices.Contains(strings.Split(kind, " or "), e.Kind+" "+e.Strength) }
		if !slices.ContainsFunc(kinds, is) {
			t.Errorf("evidence %s %s, want %q", e.Kind, e.Strength, kinds)
		}
		missing = slices.DeleteFunc(missing, is)
		if testing.Short() {
			continue
		}
		file, err := os.ReadFile(e.File)
		must(t, err)
		holds(t, file)
	}
	if len(missing) > 0 {
		t.Errorf("no evidence of %q", missing)
	}
	if !out.good() {
		t.Errorf("missed: %s", out.Missed)
	}
}

// holds checks an evidence file, and that no byte of it can be changed: neither as
// it is, nor with the checksum made again, unless what it says of the provider
// stays the same.
func holds(t *testing.T, file []byte) {
	t.Helper()
	want, err := exhibitOf(file)
	must(t, err)
	if len(file) > evidence.MaxSize {
		t.Errorf("%d bytes", len(file))
	}
	for i := range file {
		changed := bytes.Clone(file)
		changed[i] ^= 1 << (i % 8)
		if _, err := exhibitOf(changed); err == nil {
			t.Fatalf("%s: byte %d of %d can be changed", want.Kind, i, len(file))
		}
	}
	for i := 0; i < len(file)-sha256.Size; i += 1 + len(file)/256 {
		changed := bytes.Clone(file)
		changed[i] ^= 1 << (i % 8)
		body := changed[:len(changed)-sha256.Size]
		sum := sha256.Sum256(body)
		e, err := evidence.Parse(append(body[:len(body):len(body)], sum[:]...))
		if err != nil {
			continue
		}
		if _, err := e.VerifyWith(client.SavedValues); err == nil {
			t.Errorf("%s: byte %d can be changed, and the checksum made again", want.Kind, i)
		}
	}
}

func TestAttackFork(t *testing.T) {
	attackTest(t, evil.Fork, []string{"Nora by gossip", "Otto by gossip"}, "two-leaves proved or checkpoints-diverge proved")
}

func TestAttackRollback(t *testing.T) {
	attackTest(t, evil.Rollback, []string{"Bob by lookup", "Nora by audit"}, "rollback attested")
}

func TestAttackSwapForOne(t *testing.T) {
	attackTest(t, evil.SwapForOne, []string{"Bob by gossip", "Bob by lookup", "Nora by gossip"}, "head-and-leaf proved")
}

func TestAttackSwapAndRestore(t *testing.T) {
	attackTest(t, evil.SwapAndRestore, []string{"Alice by monitoring"}, "unexpected-version attested")
}

func TestAttackHideRevocation(t *testing.T) {
	attackTest(t, evil.HideRevocation, []string{"Bob by gossip", "Nora by gossip"}, "head-and-leaf proved")
}

func TestAttackRemoveEarly(t *testing.T) {
	attackTest(t, evil.RemoveEarly, []string{"Nora by audit"}, "early-removal proved")
}

func TestAttackGoBack(t *testing.T) {
	attackTest(t, evil.GoBack, []string{"Nora by audit"}, "bad-timestamps proved")
}

func TestAttackFutureDate(t *testing.T) {
	attackTest(t, evil.FutureDate, []string{"Bob by lookup", "Nora by audit"}, "future-timestamp attested")
}

func TestAttackDropFeed(t *testing.T) {
	attackTest(t, evil.DropFeed, []string{"Nora by audit"}, "feed-dropped attested")
}

func TestAttackStallFeed(t *testing.T) {
	attackTest(t, evil.StallFeed, []string{"Nora by audit"}, "feed-stalled attested")
}

func TestAttackStaleHead(t *testing.T) {
	attackTest(t, evil.StaleHead, []string{"Bob by lookup", "Nora by audit"}, "stale-head attested")
}

func TestAttackTwoRoots(t *testing.T) {
	attackTest(t, evil.TwoRoots, []string{"Bob by lookup", "Nora by audit"}, "two-heads proved", "two-checkpoints proved")
}

func TestAttackOtherConfig(t *testing.T) {
	attackTest(t, evil.OtherConfig, []string{"Bob by gossip", "Nora by gossip"}, "two-documents proved")
}

// TestDemoAttacks runs the command: every attack is there, was noticed, and has
// evidence; in JSON too.
func TestDemoAttacks(t *testing.T) {
	if testing.Short() {
		t.Skip("plays all attacks again")
	}
	folder := filepath.Join(t.TempDir(), "evidence")
	worked := cpuTime()
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetArgs([]string{"demo", "--attacks", "--json", "--evidence", folder})
	must(t, root.ExecuteContext(t.Context()))
	if took := cpuTime() - worked; took > time.Minute { // whatever else the machine does
		t.Errorf("it takes %s of a processor", took)
	}
	var printed struct {
		Attacks []struct {
			Name      evil.Attack
			NoticedBy []struct{ Who, By, Says string } `json:"noticed_by"`
			Evidence  []struct{ File, Kind, Strength, Says string }
		}
	}
	must(t, json.Unmarshal(out.Bytes(), &printed))
	var names []evil.Attack
	for _, a := range printed.Attacks {
		names = append(names, a.Name)
		if len(a.NoticedBy) == 0 || len(a.Evidence) == 0 {
			t.Errorf("%s: noticed by %v, evidence %v", a.Name, a.NoticedBy, a.Evidence)
		}
		for _, e := range a.Evidence {
			file, err := os.ReadFile(e.File)
			must(t, err)
			again, err := exhibitOf(file)
			must(t, err)
			if filepath.Dir(e.File) != folder || e.Kind != again.Kind || e.Strength != again.Strength || e.Says != again.Says {
				t.Errorf("%+v", e)
			}
		}
	}
	if !slices.Equal(names, evil.Attacks()) {
		t.Errorf("played %v", names)
	}
}

// TestUnnoticed: an attack that nobody noticed, or nobody can show, or that was not
// played, is no success.
func TestUnnoticed(t *testing.T) {
	full := func() *season {
		s := new(season)
		for _, a := range evil.Attacks() {
			s.Attacks = append(s.Attacks, played{Name: a, NoticedBy: make([]notice, 1), Evidence: make([]exhibit, 1)})
		}
		return s
	}
	if !full().good() {
		t.Error("nothing is missing")
	}
	for name, spoil := range map[string]func(*season){
		"nobody noticed": func(s *season) { s.Attacks[3].NoticedBy = nil },
		"no evidence":    func(s *season) { s.Attacks[3].Evidence = nil },
		"one missed it":  func(s *season) { s.Attacks[3].Missed = "Nora" },
		"not played":     func(s *season) { s.Attacks = s.Attacks[:12] },
	} {
		s := full()
		if spoil(s); s.good() {
			t.Errorf("%s, and all is said to be well", name)
		}
	}
}

// TestThreatModelHasEveryAttack: docs/threat-model.md has a row for each: who can do
// it, who notices and how fast, with which evidence, and a test of this package.
func TestThreatModelHasEveryAttack(t *testing.T) {
	b, err := os.ReadFile("../../docs/threat-model.md")
	must(t, err)
	source, err := os.ReadFile("demoplay_test.go")
	must(t, err)
	for i, attack := range evil.Attacks() {
		row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(strconv.Itoa(i+1)) + " \\| `" + regexp.QuoteMeta(string(attack)) + "`.*$").Find(b)
		cells := strings.Split(strings.Trim(string(row), "|"), "|")
		if len(cells) != 6 {
			t.Errorf("no row, or none of 6 cells, for %s: %q", attack, row)
			continue
		}
		for _, c := range cells {
			if strings.TrimSpace(c) == "" {
				t.Errorf("%s: an empty cell", attack)
			}
		}
		test := regexp.MustCompile("`kithd\\.(TestAttack[A-Za-z]+)`").FindStringSubmatch(cells[5])
		if test == nil || !bytes.Contains(source, []byte("func "+test[1]+"(")) || !bytes.Contains(source, []byte("attackTest(t, evil."+strings.TrimPrefix(test[1], "TestAttack")+",")) {
			t.Errorf("%s: no test of it is named: %q", attack, cells[5])
		}
	}
}
