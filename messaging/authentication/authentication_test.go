package authentication

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/record"
)

const (
	testSuite = suite.X25519_AES128GCM_SHA256_Ed25519
	bob       = "bob@example.org"
)

// gate is a Directory that says what it is told to.
type gate struct {
	answer  map[string]func(ctx context.Context) (*client.Lookup, error)
	mu      sync.Mutex
	asked   []string
	options []client.Options
}

func (g *gate) Lookup(ctx context.Context, label string, o client.Options) (*client.Lookup, error) {
	g.mu.Lock()
	g.asked, g.options = append(g.asked, label), append(g.options, o)
	g.mu.Unlock()
	f := g.answer[label]
	if f == nil {
		return nil, problem.ErrNoAnswer
	}
	return f(ctx)
}

// lists makes the directory prove a record with devices that have these keys.
func (g *gate) lists(label string, keys ...string) {
	l := &client.Lookup{Label: label, Standing: record.Held, Record: &record.Record{Label: label}}
	l.Record.Devices = []record.Device{{ID: []byte("no messages")}}
	for i, k := range keys {
		mls := &record.MLSKey{CipherSuite: uint16(testSuite), SignatureKey: []byte(k)}
		l.Record.Devices = append(l.Record.Devices, record.Device{ID: fmt.Append(nil, i), MLS: mls})
	}
	g.says(label, l, nil)
}

func (g *gate) says(label string, l *client.Lookup, err error) {
	if g.answer == nil {
		g.answer = map[string]func(context.Context) (*client.Lookup, error){}
	}
	g.answer[label] = func(context.Context) (*client.Lookup, error) { return l, err }
}

// get returns what the directory says, to change it.
func (g *gate) get(label string) *client.Lookup {
	l, _ := g.answer[label](context.Background())
	return l
}

type world struct {
	*gate
	*Service
	now time.Time
}

func newWorld(t *testing.T, edit func(*Config)) *world {
	t.Helper()
	w := &world{gate: &gate{}, now: time.Unix(1_790_000_000, 0)}
	cfg := Config{Directory: w.gate, Suite: testSuite, Now: func() time.Time { return w.now }}
	if edit != nil {
		edit(&cfg)
	}
	var err error
	if w.Service, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

func candidate(entry group.Entry, label, key string) group.Candidate {
	leaf := &tree.LeafNode{Credential: tree.BasicCredential([]byte(label)), SignatureKey: []byte(key)}
	return group.Candidate{Entry: entry, Suite: testSuite, Credential: leaf.Credential, SignatureKey: leaf.SignatureKey, Leaf: leaf}
}

func (w *world) authenticate(all ...group.Candidate) error {
	return w.Authenticate([]byte("group"), all)
}

// TestListedDeviceIsAccepted: by every way in, external senders and our own leaf included.
func TestListedDeviceIsAccepted(t *testing.T) {
	w := newWorld(t, nil)
	w.lists(bob, "phone", "laptop")
	for entry := group.InKeyPackage; entry <= group.InCreate; entry++ {
		for _, key := range []string{"phone", "laptop"} {
			if err := w.authenticate(candidate(entry, bob, key)); err != nil {
				t.Errorf("%v: %v", entry, err)
			}
		}
		if err := w.authenticate(candidate(entry, bob, "stolen")); !errors.Is(err, ErrNotListed) {
			t.Errorf("%v of a stranger: %v", entry, err)
		}
	}
	sender := candidate(group.InExternalSender, bob, "phone")
	sender.Leaf = nil
	if err := w.authenticate(sender); err != nil {
		t.Error(err)
	}
	if slices.ContainsFunc(w.options, func(o client.Options) bool { return o.Version != nil || o.Own != nil }) {
		t.Error("asked for something other than the newest record")
	}
}

// TestRefusals: whatever the gate does not let through keeps everybody out.
func TestRefusals(t *testing.T) {
	misbehaviour := &client.Misbehaviour{Kind: client.Forked, Detail: "two logs", Evidence: []byte("proof")}
	for name, test := range map[string]struct {
		change func(w *world)
		want   []error
		advice string
	}{
		"no answer":     {func(w *world) { w.says(bob, nil, problem.ErrNoAnswer) }, []error{ErrUnproved, problem.ErrNoAnswer}, "check the name"},
		"offline":       {func(w *world) { w.says(bob, nil, problem.ErrUnavailable) }, []error{ErrUnproved, problem.ErrUnavailable}, "try again"},
		"token needed":  {func(w *world) { w.says(bob, nil, problem.ErrForbidden) }, []error{ErrUnproved, problem.ErrForbidden}, "token"},
		"clock":         {func(w *world) { w.says(bob, nil, &client.ClockError{}) }, []error{ErrUnproved, client.ErrClock}, "clock"},
		"no record":     {func(w *world) { w.says(bob, nil, client.ErrRecord) }, []error{ErrUnproved, client.ErrRecord}, "publish"},
		"damaged state": {func(w *world) { w.says(bob, nil, client.ErrState) }, []error{ErrUnproved, client.ErrState}, "mend"},
		"misbehaviour":  {func(w *world) { w.says(bob, nil, misbehaviour) }, []error{ErrUnproved, misbehaviour}, "evidence"},
		// As the gate has it in the setting Enforce: a Lookup and an error.
		"unacknowledged": {func(w *world) { w.says(bob, w.get(bob), client.ErrUnacknowledged) }, []error{ErrUnproved, client.ErrUnacknowledged}, "safety numbers"},
		"policy":         {func(w *world) { w.says(bob, w.get(bob), client.ErrPolicy) }, []error{ErrUnproved, client.ErrPolicy}, "policy"},
		// In the setting Warn, which is not what the application has asked for here.
		"unacknowledged, warned": {func(w *world) { w.get(bob).Problem = client.ErrUnacknowledged }, []error{ErrUnproved, client.ErrUnacknowledged}, "safety numbers"},
		"policy, warned":         {func(w *world) { w.get(bob).Problem = client.ErrPolicy }, []error{ErrUnproved, client.ErrPolicy}, "policy"},
		"misbehaviour, warned":   {func(w *world) { *w.get(bob) = client.Lookup{Problem: misbehaviour} }, []error{ErrUnproved, misbehaviour}, "evidence"},
		// In the setting Observe.
		"observed":       {func(w *world) { w.get(bob).Record = nil }, []error{ErrUnproved, errSetting}, "enforce"},
		"nothing":        {func(w *world) { w.says(bob, nil, nil) }, []error{ErrUnproved, errSetting}, "enforce"},
		"somebody else":  {func(w *world) { w.get(bob).Record.Label = "eve@example.org" }, []error{ErrUnproved, errForeign}, "domain"},
		"asserted only":  {func(w *world) { w.get(bob).Standing = record.Asserted }, []error{ErrUnproved, errNobody}, "claim"},
		"closed":         {func(w *world) { w.get(bob).Standing = record.Vacated }, []error{ErrNotListed}, "publish"},
		"removed device": {func(w *world) { w.lists(bob, "laptop") }, []error{ErrNotListed}, "publish"},
		"no device":      {func(w *world) { w.lists(bob) }, []error{ErrNotListed}, "publish"},
		"another key":    {func(w *world) { w.lists(bob, "phone2") }, []error{ErrNotListed}, "publish"},
		"a shorter key":  {func(w *world) { w.lists(bob, "phon") }, []error{ErrNotListed}, "publish"},
		"another cipher suite": {func(w *world) {
			w.get(bob).Record.Devices[1].MLS.CipherSuite = uint16(suite.X25519_CHACHA20POLY1305_SHA256_Ed25519)
		}, []error{ErrNotListed}, "cipher suite 1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.lists(bob, "phone")
			if err := w.authenticate(candidate(group.InAdd, bob, "phone")); err != nil {
				t.Fatal(err)
			}
			test.change(w)
			err := w.authenticate(candidate(group.InAdd, bob, "phone"))
			for _, want := range test.want {
				if !errors.Is(err, want) {
					t.Errorf("%v is not %v", err, want)
				}
			}
			if err == nil || !strings.Contains(err.Error(), test.advice) || !strings.Contains(err.Error(), bob) {
				t.Errorf("it does not say what to do: %v", err)
			}
			m, ok := errors.AsType[*client.Misbehaviour](err)
			if wanted := slices.Contains(test.want, error(misbehaviour)); ok != wanted || ok && string(m.Evidence) != "proof" {
				t.Errorf("misbehaviour %v", m)
			}
			all := w.Recheck(t.Context(), members(candidate(0, bob, "phone")))
			if len(all) != 1 || !errors.Is(all[0].Err, test.want[0]) {
				t.Errorf("checked again: %v", all)
			}
		})
	}
}

// TestCredentials_5_3_1: what is no label in its one form is refused, and nobody is asked.
func TestCredentials_5_3_1(t *testing.T) {
	label := func(s string) tree.Credential { return tree.BasicCredential([]byte(s)) }
	for name, c := range map[string]tree.Credential{
		"X.509":           {Type: tree.CredentialX509, Certificates: [][]byte{[]byte(bob)}},
		"unknown type":    {Type: 0x0a0a, Unknown: []byte(bob)},
		"no type":         {Identity: []byte(bob)},
		"X.509 with name": {Type: tree.CredentialX509, Identity: []byte(bob)},
		"empty":           label(""),
		"upper case":      label("Bob@example.org"),
		"domain in upper": label("bob@EXAMPLE.org"),
		"no domain":       label("bob"),
		"no name":         label("@example.org"),
		"two at signs":    label("bob@bob@example.org"),
		"space":           label("bob@example.org "),
		"zero byte":       label("bob@example.org\x00"),
		"invisible":       label("b\u200bob@example.org"),
		"not UTF-8":       label("b\xffb@example.org"),
		"look-alike":      label("bоb@example.org"), // a Cyrillic o
		"too long":        label("bob@" + strings.Repeat("a.", 1<<15) + "org"),
	} {
		w := newWorld(t, nil)
		for l := range maps.Keys(map[string]bool{bob: true, string(c.Identity): true}) {
			w.lists(l, "phone")
		}
		bad := candidate(group.InWelcome, bob, "phone")
		bad.Credential, bad.Leaf.Credential = c, c
		if err := w.authenticate(candidate(group.InWelcome, bob, "phone"), bad); !errors.Is(err, ErrCredential) {
			t.Errorf("%s: %v", name, err)
		}
		if len(w.asked) > 0 {
			t.Errorf("%s: the directory was asked about %q", name, w.asked)
		}
		if all := w.Recheck(t.Context(), members(bad)); len(all) != 1 || !errors.Is(all[0].Err, ErrCredential) {
			t.Errorf("%s: checked again: %v", name, all)
		}
	}
}

// TestSuccessor_5_3_1: a device may change its key, never its person, though the
// directory proves both.
func TestSuccessor_5_3_1(t *testing.T) {
	for _, entry := range []group.Entry{group.InUpdate, group.InCommit, group.InExternalCommit} {
		w := newWorld(t, nil)
		w.lists(bob, "phone", "new phone")
		w.lists("eve@example.org", "phone")
		for name, ok := range map[string]bool{bob: true, "eve@example.org": false} {
			c := candidate(entry, name, "phone")
			c.Replaces = candidate(0, bob, "new phone").Leaf
			if err := w.authenticate(c); (err == nil) != ok || !ok && !errors.Is(err, ErrSuccessor) {
				t.Errorf("%v: from bob to %s: %v", entry, name, err)
			}
			if err := w.AllowSuccessor(nil, &c); (err == nil) != ok || !ok && !errors.Is(err, ErrSuccessor) {
				t.Errorf("%v: asked about the successor: from bob to %s: %v", entry, name, err)
			}
		}
	}
	long := candidate(group.InUpdate, strings.Repeat("\x00", 1<<16), "phone")
	long.Replaces = candidate(0, strings.Repeat("\x01", 1<<16), "phone").Leaf
	if err := successor(&long); !errors.Is(err, ErrSuccessor) || len(err.Error()) > 1000 {
		t.Errorf("of long names: %.200v", err)
	}
	// An Update with a key that the record does not have any more.
	w := newWorld(t, nil)
	w.lists(bob, "laptop")
	c := candidate(group.InUpdate, bob, "phone")
	c.Replaces = c.Leaf
	if err := w.authenticate(c); !errors.Is(err, ErrNotListed) {
		t.Error(err)
	}
}

// TestEachLabelIsAskedAboutOnce in a batch, whatever the answer; one bad candidate
// refuses all.
func TestEachLabelIsAskedAboutOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.lists(bob, "phone", "laptop")
	w.lists("ann@example.org", "phone")
	batch := []group.Candidate{
		candidate(group.InWelcome, bob, "phone"), candidate(group.InWelcome, "ann@example.org", "phone"),
		candidate(group.InWelcome, bob, "laptop"), candidate(group.InWelcome, bob, "phone"),
	}
	if err := w.authenticate(batch...); err != nil || len(w.asked) != 2 {
		t.Fatal(err, w.asked)
	}
	for i := range batch {
		bad := slices.Clone(batch)
		bad[i].SignatureKey = []byte("another")
		if err := w.authenticate(bad...); !errors.Is(err, ErrNotListed) {
			t.Errorf("candidate %d: %v", i, err)
		}
	}
	w.asked = nil
	w.says(bob, nil, problem.ErrUnavailable)
	if all := w.Recheck(t.Context(), members(batch...)); len(all) != 3 || len(w.asked) != 2 {
		t.Error(all, w.asked)
	}
}

// TestGroupOfAnotherSuite: a key counts for the suite under which it is listed, also
// where the keys of both have the same form.
func TestGroupOfAnotherSuite(t *testing.T) {
	w := newWorld(t, nil)
	w.lists(bob, "phone")
	c := candidate(group.InWelcome, bob, "phone")
	c.Suite = suite.X25519_CHACHA20POLY1305_SHA256_Ed25519
	if err := w.authenticate(c); !errors.Is(err, ErrConfig) || len(w.asked) != 0 {
		t.Errorf("%v, asked about %v", err, w.asked)
	}
}

// TestManyLabels: a group that we are invited to cannot have us ask about any number.
func TestManyLabels(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxLabels = 3 })
	var batch []group.Candidate
	for i := range 4 {
		name := fmt.Sprintf("user%d@example.org", i)
		w.lists(name, "phone")
		batch = append(batch, candidate(group.InWelcome, name, "phone"))
	}
	if err := w.authenticate(append(batch[:3:3], batch[:3]...)...); err != nil {
		t.Fatal(err)
	}
	w.asked = nil
	if err := w.authenticate(batch...); !errors.Is(err, ErrTooMany) || len(w.asked) != 0 {
		t.Fatal(err, w.asked)
	}
	if all := w.Recheck(t.Context(), members(batch...)); len(all) != 0 {
		t.Error(all)
	}
}

// TestSlowDirectory: a directory that does not answer holds nobody up for ever.
func TestSlowDirectory(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Timeout = time.Millisecond })
	w.answer = map[string]func(context.Context) (*client.Lookup, error){bob: func(ctx context.Context) (*client.Lookup, error) {
		if end, ok := ctx.Deadline(); !ok || time.Until(end) > w.cfg.MaxTime {
			t.Errorf("the request ends at %v", end)
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	if err := w.authenticate(candidate(group.InAdd, bob, "phone")); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnproved) {
		t.Fatal(err)
	}
}

// TestReuse: a proof is good for as long as the configuration says, by the clock it is
// given, and only to let somebody in.
func TestReuse(t *testing.T) {
	phone, laptop := candidate(group.InCommit, bob, "phone"), candidate(group.InCommit, bob, "laptop")
	begin := func(reuse time.Duration) *world {
		w := newWorld(t, func(c *Config) { c.Reuse = reuse })
		w.lists(bob, "phone")
		if err := w.authenticate(phone); err != nil {
			t.Fatal(err)
		}
		w.lists(bob, "laptop") // the phone is removed
		return w
	}
	for _, test := range []struct {
		reuse, later time.Duration
		in           bool
	}{
		{0, 0, false},
		{time.Minute, 0, true},
		{time.Minute, time.Minute - 1, true},
		{time.Minute, time.Minute, false},
		{time.Minute, -1, false}, // the clock was set back
		{MaxReuse, MaxReuse, false},
	} {
		w := begin(test.reuse)
		w.now = w.now.Add(test.later)
		if err := w.authenticate(phone); (err == nil) != test.in {
			t.Errorf("reuse for %s, %s later: %v", test.reuse, test.later, err)
		}
	}

	// A device that is new is not refused, and the proof that lists it replaces the other.
	w := begin(time.Minute)
	if err := w.authenticate(laptop); err != nil {
		t.Error(err)
	}
	if err := w.authenticate(phone); !errors.Is(err, ErrNotListed) {
		t.Error(err)
	}
	// Nor is an old proof good once the directory was found to be bad.
	w = begin(time.Minute)
	w.says(bob, nil, &client.Misbehaviour{Kind: client.Forked})
	if err := w.authenticate(laptop); !errors.Is(err, ErrUnproved) {
		t.Error(err)
	}
	if err := w.authenticate(phone); !errors.Is(err, ErrUnproved) {
		t.Error(err)
	}
	// Checking again never rests on old proofs, and its result counts from then on.
	w = begin(time.Minute)
	if all := w.Recheck(t.Context(), members(phone)); len(all) != 1 || !errors.Is(all[0].Err, ErrNotListed) {
		t.Error(all)
	}
	if err := w.authenticate(phone); !errors.Is(err, ErrNotListed) {
		t.Error(err)
	}
	// What is kept is bounded.
	w = begin(time.Minute)
	for i := range 2*maxKept + 1 {
		name := fmt.Sprintf("user%d@example.org", i)
		w.lists(name, "phone")
		if err := w.authenticate(candidate(group.InAdd, name, "phone")); err != nil || len(w.kept) > maxKept {
			t.Fatal(err, len(w.kept))
		}
	}
}

// TestWarn: who asked for warnings is told, and lets in what the gate lets through; what
// it does not let through stays out.
func TestWarn(t *testing.T) {
	var told []error
	w := newWorld(t, func(c *Config) {
		c.Warn = func(label string, problem error) { told = append(told, fmt.Errorf("%s: %w", label, problem)) }
	})
	w.lists(bob, "phone")
	w.get(bob).Problem = client.ErrUnacknowledged
	if err := w.authenticate(candidate(group.InAdd, bob, "phone")); err != nil {
		t.Error(err)
	}
	if len(told) != 1 || !errors.Is(told[0], client.ErrUnacknowledged) {
		t.Errorf("told %v", told)
	}
	if err := w.authenticate(candidate(group.InAdd, bob, "laptop")); !errors.Is(err, ErrNotListed) {
		t.Error(err)
	}
	w.get(bob).Standing = record.Asserted
	if err := w.authenticate(candidate(group.InAdd, bob, "phone")); !errors.Is(err, errNobody) {
		t.Error(err)
	}
	w.lists(bob, "phone")
	*w.get(bob) = client.Lookup{Problem: &client.Misbehaviour{Kind: client.BadProof}}
	if err := w.authenticate(candidate(group.InAdd, bob, "phone")); !errors.Is(err, ErrUnproved) {
		t.Error(err)
	}
}

func members(all ...group.Candidate) func(func(tree.LeafIndex, *tree.LeafNode) bool) {
	return func(yield func(tree.LeafIndex, *tree.LeafNode) bool) {
		for i, c := range all {
			if !yield(tree.LeafIndex(2*i), c.Leaf) {
				return
			}
		}
	}
}

// TestRecheck: the members whom the directory does not prove, as Remove takes them.
func TestRecheck(t *testing.T) {
	w := newWorld(t, nil)
	w.lists(bob, "phone")
	w.says("ann@example.org", nil, problem.ErrUnavailable)
	all := w.Recheck(t.Context(), members(
		candidate(0, bob, "phone"), candidate(0, bob, "laptop"), candidate(0, "ann@example.org", "phone")))
	if len(all) != 2 {
		t.Fatal(all)
	}
	if m := all[0].Member; m.Leaf != 2 || string(m.Credential.Identity) != bob || !bytes.Equal(m.SignatureKey, []byte("laptop")) || !errors.Is(all[0].Err, ErrNotListed) {
		t.Error(all[0])
	}
	if all[1].Member.Leaf != 4 || !errors.Is(all[1].Err, ErrUnproved) || errors.Is(all[1].Err, ErrNotListed) {
		t.Error(all[1])
	}
	// A directory that is away removes nobody.
	gone, err := Unlisted(all)
	if len(gone) != 1 || gone[0].Leaf != 2 || !errors.Is(err, problem.ErrUnavailable) {
		t.Error(gone, err)
	}
	if gone, err = Unlisted(all[:1]); len(gone) != 1 || err != nil {
		t.Error(gone, err)
	}
}

func TestConfig(t *testing.T) {
	good := Config{Directory: &gate{}, Suite: testSuite, Now: time.Now}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*Config){
		"no directory":  func(c *Config) { c.Directory = nil },
		"no clock":      func(c *Config) { c.Now = nil },
		"no suite":      func(c *Config) { c.Suite = 0 },
		"reuse":         func(c *Config) { c.Reuse = MaxReuse + 1 },
		"reuse before":  func(c *Config) { c.Reuse = -1 },
		"labels":        func(c *Config) { c.MaxLabels = -1 },
		"timeout":       func(c *Config) { c.Timeout = -1 },
		"time":          func(c *Config) { c.MaxTime = -1 },
		"parallel":      func(c *Config) { c.Parallel = -1 },
		"unknown suite": func(c *Config) { c.Suite = 0x0a0a },
	} {
		cfg := good
		edit(&cfg)
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var _ Directory = (*client.Client)(nil)
