package group

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// appendComponent is a component whose updates are appended to its data. It refuses
// what begins with "no".
type appendComponent struct{ seen *[]string }

var errComponent = errors.New("test: component says no")

func (c appendComponent) Update(_ *View, current []byte, _ bool, updates []AppData) ([]byte, error) {
	data := append([]byte{}, current...)
	for _, u := range updates {
		if len(u.Data) >= 2 && string(u.Data[:2]) == "no" {
			return nil, errComponent
		}
		data = append(data, u.Data...)
	}
	return data, nil
}

func (c appendComponent) Remove(_ *View, by message.Sender) error {
	if by.Type != message.SenderMember {
		return errComponent
	}
	return nil
}

func (c appendComponent) Ephemeral(_ *View, data AppData) error {
	if len(data.Data) >= 2 && string(data.Data[:2]) == "no" {
		return errComponent
	}
	if c.seen != nil {
		*c.seen = append(*c.seen, string(data.Data))
	}
	return nil
}

const appendID component.ID = 0x8001

// dataWorld is a group of alice, bob and carol with appendComponent, in which
// AppDataUpdate is required, if so.
func dataWorld(t *testing.T, seen *[]string, required bool) (*world, []*peer) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.clients("alice bob carol")
	for _, c := range all {
		c.cfg.Components = map[component.ID]Component{appendID: appendComponent{}, 0x8002: appendComponent{}, 0x8003: appendComponent{}}
	}
	all[1].cfg.Components[appendID] = appendComponent{seen}
	var o CreateOptions
	if required {
		o.Extensions = tree.Extensions{(&tree.RequiredCapabilities{Proposals: []tree.ProposalType{tree.ProposalAppDataUpdate}}).Extension()}
	}
	all[0].create(o)
	w.commit(all[0], all, CommitOptions{ByValue: adds(all[1:]...)})
	return w, all
}

func update(id component.ID, data string) message.Proposal {
	return &message.AppDataUpdate{Component: id, Update: []byte(data)}
}

func remove(id component.ID) message.Proposal {
	return &message.AppDataUpdate{Component: id, Remove: true}
}

func ephemeral(id component.ID, data string) message.Proposal {
	return &message.AppEphemeral{Component: id, Data: []byte(data)}
}

// Extensions draft, "Updating Application Data in the GroupContext": updates in the
// order of the Commit, sorted entries, no path needed, known to who joins later.
func TestAppDataUpdate(t *testing.T) {
	w, all := dataWorld(t, nil, true)
	data := func(id component.ID) string {
		d, ok := all[2].View().AppData(id)
		if !ok {
			return "none"
		}
		return string(d)
	}
	w.propose(all[1], all, update(appendID, "a"))
	got := w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{update(0x8003, "x"), update(appendID, "b"), update(appendID, "c")}, OmitPath: true})
	if len(got.Updated) != 0 {
		t.Error("the Commit has a path")
	}
	if data(appendID) != "abc" || data(0x8003) != "x" || data(0x8002) != "none" {
		t.Errorf("%s, %s, %s", data(appendID), data(0x8003), data(0x8002))
	}
	extensions := all[0].Context().Extensions
	if n := len(extensions); n != 2 || extensions[n-1].Type != tree.ExtensionAppDataDictionary {
		t.Errorf("the dictionary is not at the end of %v", extensions)
	}
	w.commit(all[1], all, CommitOptions{ByValue: []message.Proposal{update(0x8002, "y"), update(appendID, "d")}, OmitPath: true})
	dictionary, _, err := component.FromExtensions(all[0].Context().Extensions)
	if err != nil || dictionary.Len() != 3 || data(0x8002) != "y" || data(appendID) != "abcd" {
		t.Errorf("%v, %v", dictionary, err)
	}
	w.commit(all[2], all, CommitOptions{ByValue: []message.Proposal{remove(appendID)}, OmitPath: true})
	if data(appendID) != "none" || data(0x8003) != "x" {
		t.Errorf("%s, %s", data(appendID), data(0x8003))
	}
	dave := w.client("dave")
	dave.cfg.Components = all[0].cfg.Components
	all = append(all, dave)
	w.commit(all[2], all, CommitOptions{ByValue: adds(dave)})
	if d, _ := dave.View().AppData(0x8003); string(d) != "x" {
		t.Errorf("the new member sees %q", d)
	}
	w.talk(all)
}

// Extensions draft, "Attaching Application Data to a Commit": in the order of the
// Commit, before AppDataUpdates, and without a trace in the GroupContext.
func TestAppEphemeral(t *testing.T) {
	var seen []string
	w, all := dataWorld(t, &seen, false)
	before := len(all[0].Context().Extensions)
	w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{ephemeral(appendID, "1"), ephemeral(0x8002, "-"), ephemeral(appendID, "2")}, OmitPath: true})
	if !slices.Equal(seen, []string{"1", "2"}) {
		t.Errorf("bob's component saw %q", seen)
	}
	if len(all[0].Context().Extensions) != before {
		t.Errorf("extensions %v", all[0].Context().Extensions)
	}
}

// The rules of both proposals, and of "app_data_dictionary" beside
// GroupContextExtensions. Each list is one that a member tries to commit, and one
// that the others refuse when a member commits it nevertheless.
func TestAppDataRejects(t *testing.T) {
	dictionary := func(data string) message.Proposal {
		return &message.GroupContextExtensions{Extensions: component.Dictionary{}.With(appendID, []byte(data)).Into(tree.Extensions{
			(&tree.RequiredCapabilities{Proposals: []tree.ProposalType{tree.ProposalAppDataUpdate}}).Extension()})}
	}
	for name, c := range map[string]struct {
		list []message.Proposal
		want error
	}{
		"updates":                                        {[]message.Proposal{update(appendID, "a"), update(appendID, "b")}, nil},
		"unknown component":                              {[]message.Proposal{update(0x9000, "a")}, ErrProposal},
		"removal of an unknown component":                {[]message.Proposal{remove(0x9000)}, ErrProposal},
		"ephemeral of an unknown component":              {[]message.Proposal{ephemeral(0x9000, "a")}, ErrProposal},
		"removal":                                        {[]message.Proposal{remove(0x8003)}, nil},
		"removal of nothing":                             {[]message.Proposal{remove(0x8002)}, ErrProposal},
		"two removals":                                   {[]message.Proposal{remove(0x8003), remove(0x8003)}, ErrProposalList},
		"update and removal":                             {[]message.Proposal{update(0x8003, "a"), remove(0x8003)}, ErrProposalList},
		"removal and update":                             {[]message.Proposal{remove(0x8003), update(0x8003, "a")}, ErrProposalList},
		"of different components":                        {[]message.Proposal{remove(0x8003), update(0x8002, "a")}, nil},
		"update that the component refuses":              {[]message.Proposal{update(appendID, "no")}, errComponent},
		"data that the component refuses":                {[]message.Proposal{ephemeral(appendID, "no")}, errComponent},
		"dictionary by group_context_extensions":         {[]message.Proposal{dictionary("other")}, ErrProposal},
		"dictionary dropped by group_context_extensions": {[]message.Proposal{&message.GroupContextExtensions{}}, ErrProposal},
		"app_ack as data of the group":                   {[]message.Proposal{update(component.AppAckID, "\x00")}, ErrProposal},
		"malformed app_ack":                              {[]message.Proposal{ephemeral(component.AppAckID, "\x01")}, ErrForbidden},
		"app_ack":                                        {[]message.Proposal{ephemeral(component.AppAckID, "\x00")}, nil},
		"app_components that all have":                   {[]message.Proposal{update(component.AppComponentsID, "\x02\x80\x01")}, nil},
		"app_components that nobody has":                 {[]message.Proposal{update(component.AppComponentsID, "\x02\x90\x01")}, tree.ErrUnsupported},
		"malformed app_components":                       {[]message.Proposal{update(component.AppComponentsID, "\x01\x90")}, ErrForbidden},
		"malformed app_components before good ones":      {[]message.Proposal{update(component.AppComponentsID, "\x01\x90"), update(component.AppComponentsID, "\x00")}, ErrForbidden},
		"ephemeral app_components":                       {[]message.Proposal{ephemeral(component.AppComponentsID, "\x00")}, ErrProposal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, all := dataWorld(t, nil, true)
			w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{update(0x8003, "x")}})
			if _, err := all[0].Commit(CommitOptions{ByValue: c.list}); !errors.Is(err, c.want) {
				t.Fatalf("made: %v, want %v", err, c.want)
			}
			all[0].Abandon()
			// As a member sees it.
			var list []Covered
			for _, p := range c.list {
				list = append(list, Covered{Proposal: p, Sender: message.Member(0)})
			}
			cfg := &all[1].State.cfg
			transition, err := apply(cfg, all[1].current, message.Member(0), list, purposeNone, false)
			if err == nil {
				err = transition.check()
			}
			if !errors.Is(err, c.want) {
				t.Errorf("received: %v, want %v", err, c.want)
			}
		})
	}
}

// A component decides who may remove its data; what it makes of updates is bounded.
func TestAppDataIsTheComponents(t *testing.T) {
	w, all := dataWorld(t, nil, false)
	w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{update(appendID, "x")}})
	cfg := all[1].State.cfg
	outside := []Covered{{Proposal: remove(appendID), Sender: message.External(0)}}
	if _, err := apply(&cfg, all[1].current, message.Member(0), outside, purposeNone, false); !errors.Is(err, errComponent) || !errors.Is(err, ErrForbidden) {
		t.Errorf("removal by an external sender: %v", err)
	}
	cfg.Limits.ExtensionsSize = 100
	large := []Covered{{Proposal: update(appendID, string(make([]byte, 100))), Sender: message.Member(0)}}
	if _, err := apply(&cfg, all[1].current, message.Member(0), large, purposeNone, false); !errors.Is(err, ErrLimit) {
		t.Errorf("data beyond the limit: %v", err)
	}
}

// Without AppDataUpdate among the required capabilities, GroupContextExtensions may
// change the dictionary; with it, the others.
func TestDictionaryByGroupContextExtensions(t *testing.T) {
	w, all := dataWorld(t, nil, false)
	set := component.Dictionary{}.With(appendID, []byte("set")).Into(nil)
	w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{&message.GroupContextExtensions{Extensions: set}}})
	if data, _ := all[1].View().AppData(appendID); string(data) != "set" {
		t.Errorf("%q", data)
	}
	require := (&tree.RequiredCapabilities{Proposals: []tree.ProposalType{tree.ProposalAppDataUpdate}}).Extension()
	both := append(tree.Extensions{require}, set...)
	w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{&message.GroupContextExtensions{Extensions: both}}})
	// "A commit can contain a GroupContextExtensions proposal which modifies
	// extensions other than app_data_dictionary", and AppDataUpdates.
	more := append(slices.Clone(both), senders(w, "robot"))
	w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{&message.GroupContextExtensions{Extensions: more}, update(appendID, "+")}})
	if data, _ := all[1].View().AppData(appendID); string(data) != "set+" {
		t.Errorf("%q", data)
	}
	bad := tree.Extensions{{Type: tree.ExtensionAppDataDictionary, Data: []byte{3, 0}}}
	if err := keepsDictionary(nil, bad, message.Member(0)); err == nil {
		t.Error("a malformed dictionary")
	}
}

// Extensions draft, "Safe Additional Authenticated Data": where the group has
// safe_aad, all authenticated data is a SafeAAD.
func TestSafeAAD(t *testing.T) {
	w, all := dataWorld(t, nil, false)
	w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{update(component.SafeAADID, "\x00")}})
	safe := syntax.Marshal(component.SafeAAD{{Component: appendID, Data: []byte("x")}})
	for name, c := range map[string]struct {
		aad []byte
		ok  bool
	}{
		"items": {safe, true}, "no items": {[]byte{0}, true}, "nothing": {nil, false}, "anything": {[]byte("anything"), false},
	} {
		msg, err := all[0].Protect([]byte("data"), c.aad)
		if (err == nil) != c.ok {
			t.Errorf("%s: message: %v", name, err)
		}
		if c.ok {
			w.tell(all[0], all, msg)
		}
		if _, err := all[0].Commit(CommitOptions{AAD: c.aad}); (err == nil) != c.ok {
			t.Errorf("%s: commit: %v", name, err)
		}
		all[0].Abandon()
		if _, err := all[0].Propose(&message.Remove{Removed: 1}, ProposalOptions{AAD: c.aad}); (err == nil) != c.ok {
			t.Errorf("%s: proposal: %v", name, err)
		}
		all[0].cache.reset()
	}
	// One who does not keep to it is not read. The rest of the message is right.
	signed, err := all[0].sign(all[0].cfg.Signer, message.WireFormatPrivateMessage, message.FramedContent{ContentType: message.ContentApplication, AuthenticatedData: []byte("anything")})
	if err != nil {
		t.Fatal(err)
	}
	msg, err := all[0].current.protect(&all[0].State.cfg, signed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all[1].Process(msg); !errors.Is(err, syntax.ErrSyntax) {
		t.Errorf("received: %v", err)
	}
}

// applyAppData against the draft's prose, step by step for one component at a time.
func TestAppDataAgainstProse(t *testing.T) {
	w, all := dataWorld(t, nil, false)
	_ = w
	cfg, view := &all[0].State.cfg, all[0].View()
	ids := []component.ID{appendID, 0x8002, 0x8003}
	rapid.Check(t, func(t *rapid.T) {
		extensions := tree.Extensions{{Type: tree.ExtensionApplicationID}}
		start := component.Dictionary{}
		state := map[component.ID]string{}
		for _, id := range ids {
			if rapid.Bool().Draw(t, "present") {
				state[id] = string(rune('A' + id&3))
				start = start.With(id, []byte(state[id]))
			}
		}
		if start.Len() > 0 {
			extensions = start.Into(extensions)
		}
		var list []Covered
		n := rapid.IntRange(0, 5).Draw(t, "n")
		for range n {
			id := rapid.SampledFrom(ids).Draw(t, "id")
			p := update(id, rapid.SampledFrom([]string{"u", "v", "no"}).Draw(t, "data"))
			if rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
				p = remove(id)
			}
			list = append(list, Covered{Proposal: p, Sender: message.Member(0)})
		}
		want, valid := slowAppData(state, list)
		got, err := applyAppData(cfg, view, extensions, list)
		if (err == nil) != valid {
			t.Fatalf("%v, want valid: %v", err, valid)
		}
		if err != nil {
			return
		}
		dictionary, _, err := component.FromExtensions(got)
		if err != nil || dictionary.Len() != len(want) || got[0].Type != tree.ExtensionApplicationID {
			t.Fatalf("%v, %v, want %v", dictionary, err, want)
		}
		for id, data := range want {
			if d, ok := dictionary.Get(id); !ok || string(d) != data {
				t.Fatalf("%v: %q, want %q", id, d, data)
			}
		}
	})
}

// slowAppData is the list of steps in "Updating Application Data in the
// GroupContext", for appendComponent.
func slowAppData(state map[component.ID]string, list []Covered) (map[component.ID]string, bool) {
	out := maps.Clone(state)
	for id := component.ID(0x8000); id < 0x8010; id++ {
		var mine []*message.AppDataUpdate
		removals := 0
		for _, p := range list {
			if q := p.Proposal.(*message.AppDataUpdate); q.Component == id {
				mine = append(mine, q)
				if q.Remove {
					removals++
				}
			}
		}
		switch {
		case len(mine) == 0:
		case len(mine) == 1 && removals == 1:
			if _, ok := out[id]; !ok {
				return nil, false
			}
			delete(out, id)
		case removals == 0:
			for _, q := range mine {
				if string(q.Update) == "no" {
					return nil, false
				}
				out[id] += string(q.Update)
			}
		default:
			return nil, false
		}
	}
	return out, true
}
