package group

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Application data in the GroupContext and beside Commits
// (draft-ietf-mls-extensions, "Updating Application Data in the GroupContext",
// "Attaching Application Data to a Commit", "Negotiating Extensions and
// Components").

// component returns the code behind an identifier. What the draft itself defines
// is known without the application, which may still put its own in place.
func (c *Config) component(id component.ID) (Component, error) {
	if code := c.Components[id]; code != nil {
		return code, nil
	}
	switch id {
	case component.AppComponentsID, component.SafeAADID:
		return listComponent{}, nil
	case component.AppAckID:
		return ackComponent{}, nil
	}
	return nil, fmt.Errorf("%w: %v is not known", ErrProposal, id)
}

// checkAppData looks at an AppDataUpdate or AppEphemeral by itself, as it is
// received; others it lets pass. What an update makes of the data is only seen in
// the Commit, after those before it.
func checkAppData(cfg *Config, view *View, p Covered) error {
	switch proposal := p.Proposal.(type) {
	case *message.AppDataUpdate:
		code, err := cfg.component(proposal.Component)
		if err != nil {
			return err
		}
		if _, ok := code.(listComponent); ok {
			return membersOnly(p.Sender)
		}
	case *message.AppEphemeral:
		code, err := cfg.component(proposal.Component)
		if err != nil {
			return err
		}
		if err := code.Ephemeral(view, AppData{p.Sender, proposal.Data}); err != nil {
			return fmt.Errorf("%w: %v: %w", ErrForbidden, proposal.Component, err)
		}
	}
	return nil
}

// applyAppData applies the AppEphemeral and then the AppDataUpdate proposals of a
// Commit to the extensions of a GroupContext, which are those after all default
// proposals, and returns the new ones; without such proposals, the same.
func applyAppData(cfg *Config, view *View, extensions tree.Extensions, proposals []Covered) (tree.Extensions, error) {
	for _, p := range proposals {
		if _, ok := p.Proposal.(*message.AppEphemeral); ok {
			if err := checkAppData(cfg, view, p); err != nil {
				return nil, err
			}
		}
	}
	changes, order, err := dataChanges(proposals)
	if err != nil || len(order) == 0 {
		return extensions, err
	}
	dictionary, _, err := component.FromExtensions(extensions)
	if err != nil {
		return nil, err
	}
	// Components do not see each other's changes: each gets the view before the
	// Commit. The order only decides which error comes first. That the result is
	// within our limits is checked with the other extensions.
	for _, id := range order {
		if dictionary, err = changes[id].apply(cfg, view, dictionary); err != nil {
			return nil, err
		}
	}
	return dictionary.Into(extensions), nil
}

// dataChange is what one Commit does to the data of one component: a single
// removal, or updates.
type dataChange struct {
	id      component.ID
	removes bool
	by      message.Sender // of the removal
	updates []AppData
}

// dataChanges groups the AppDataUpdate proposals by component, in the order in which
// the Commit first names them. A component may be removed once, or updated, not both.
func dataChanges(proposals []Covered) (map[component.ID]*dataChange, []component.ID, error) {
	changes := make(map[component.ID]*dataChange)
	var order []component.ID
	for _, p := range proposals {
		update, ok := p.Proposal.(*message.AppDataUpdate)
		if !ok {
			continue
		}
		c := changes[update.Component]
		if c == nil {
			c = &dataChange{id: update.Component, removes: update.Remove, by: p.Sender}
			changes[c.id] = c
			order = append(order, c.id)
		} else if c.removes || update.Remove {
			return nil, nil, fmt.Errorf("%w: app_data_update: removal and another of %v", ErrProposalList, c.id)
		}
		if !update.Remove {
			c.updates = append(c.updates, AppData{p.Sender, update.Update})
		}
	}
	return changes, order, nil
}

func (c *dataChange) apply(cfg *Config, view *View, dictionary component.Dictionary) (component.Dictionary, error) {
	code, err := cfg.component(c.id)
	if err != nil {
		return dictionary, err
	}
	current, present := dictionary.Get(c.id)
	if c.removes {
		if !present {
			return dictionary, fmt.Errorf("%w: app_data_update: %v has no data to remove", ErrProposal, c.id)
		}
		if err := code.Remove(view, c.by); err != nil {
			return dictionary, fmt.Errorf("%w: %v: %w", ErrForbidden, c.id, err)
		}
		dictionary, _ = dictionary.Without(c.id)
		return dictionary, nil
	}
	data, err := code.Update(view, current, present, c.updates)
	if err != nil {
		return dictionary, fmt.Errorf("%w: %v: %w", ErrForbidden, c.id, err)
	}
	return dictionary.With(c.id, data), nil
}

// checkDictionary refuses extensions of a GroupContext whose app_data_dictionary
// is malformed.
func checkDictionary(extensions tree.Extensions) error {
	_, _, err := component.FromExtensions(extensions)
	return err
}

// keepsDictionary checks what a GroupContextExtensions proposal does to the
// app_data_dictionary: nothing, if the group requires all members to support
// AppDataUpdate, which is then the only way to change it; nor may those who are no
// members change what members have to support. before are the extensions that are
// replaced by after.
func keepsDictionary(before, after tree.Extensions, by message.Sender) error {
	if err := checkDictionary(after); err != nil {
		return err
	}
	required, err := before.Required()
	if err != nil {
		return err
	}
	if !slices.Contains(required.Proposals, tree.ProposalAppDataUpdate) {
		if sameLists(before, after) {
			return nil
		}
		return membersOnly(by)
	}
	old, was := before.Find(tree.ExtensionAppDataDictionary)
	data, is := after.Find(tree.ExtensionAppDataDictionary)
	if was != is || string(old) != string(data) {
		return fmt.Errorf("%w: group_context_extensions: app_data_dictionary is changed by app_data_update only", ErrProposal)
	}
	return nil
}

// sameLists reports whether app_components and safe_aad are the same in both.
func sameLists(a, b tree.Extensions) bool {
	x, _, err := component.FromExtensions(a)
	if err != nil {
		return false
	}
	y, _, err := component.FromExtensions(b)
	if err != nil {
		return false
	}
	for _, id := range []component.ID{component.AppComponentsID, component.SafeAADID} {
		before, _ := x.Get(id)
		after, _ := y.Get(id) // a list, empty or not, has its length
		if string(before) != string(after) {
			return false
		}
	}
	return true
}

// membersOnly refuses somebody who is no member, or is about to be one: what a group
// requires of its members, and how they write authenticated data, is for them to say.
func membersOnly(by message.Sender) error {
	if by.Type != message.SenderMember {
		return fmt.Errorf("%w: a list of components from %v", ErrForbidden, by)
	}
	return nil
}

// components returns one of the lists of a GroupContext or a leaf, and whether it
// has one.
func components(extensions tree.Extensions, id component.ID) (component.List, bool, error) {
	dictionary, _, err := component.FromExtensions(extensions)
	if err != nil {
		return nil, false, err
	}
	data, ok := dictionary.Get(id)
	if !ok {
		return nil, false, nil
	}
	var list component.List
	if err := syntax.Unmarshal(data, &list); err != nil {
		return nil, false, fmt.Errorf("%v: %w", id, err)
	}
	return list, true, nil
}

// checkComponents requires that every leaf supports the components that a group's
// extensions require: app_components, and safe_aad for those in authenticated
// data. Leaves that before, which may be nil, has at the same index need not be
// looked at: pass it if the extensions did not change.
func checkComponents(t, before *tree.Tree, extensions tree.Extensions) error {
	for _, id := range []component.ID{component.AppComponentsID, component.SafeAADID} {
		required, err := requiredComponents(extensions, id)
		if err != nil {
			return err
		}
		if len(required) == 0 {
			continue
		}
		for i, leaf := range t.Members() {
			if before != nil && before.Leaf(i) == leaf {
				continue
			}
			supported, _, err := components(leaf.Extensions, id)
			if err != nil {
				return fmt.Errorf("leaf %d: %w", i, err)
			}
			if missing, ok := supported.Supports(required); !ok {
				return fmt.Errorf("leaf %d: %w: %v in %v", i, tree.ErrUnsupported, missing, id)
			}
		}
	}
	return nil
}

// requiredComponents returns one of the lists of a GroupContext, sorted, each
// component once: that is how often each is looked up for each member, however often
// it is named.
func requiredComponents(extensions tree.Extensions, id component.ID) (component.List, error) {
	list, _, err := components(extensions, id)
	slices.Sort(list)
	return slices.Compact(list), err
}

// hasSafeAAD reports whether the authenticated data of all messages in a group
// with these extensions is a SafeAAD ("Safe Additional Authenticated Data").
func hasSafeAAD(extensions tree.Extensions) (bool, error) {
	_, ok, err := components(extensions, component.SafeAADID)
	return ok, err
}

// checkSafeAAD refuses authenticated data that is not a SafeAAD.
func checkSafeAAD(aad []byte) error {
	var safe component.SafeAAD
	if err := syntax.Unmarshal(aad, &safe); err != nil {
		return fmt.Errorf("authenticated_data: %w", err)
	}
	return nil
}

// listComponent is app_components and safe_aad in the GroupContext: a member's update
// replaces the list. Whether all members support what it then requires is checked
// with the new tree.
type listComponent struct{}

func (listComponent) Update(_ *View, _ []byte, _ bool, updates []AppData) ([]byte, error) {
	for _, u := range updates {
		if err := membersOnly(u.Sender); err != nil {
			return nil, err
		}
		if err := syntax.Unmarshal(u.Data, new(component.List)); err != nil {
			return nil, err
		}
	}
	return updates[len(updates)-1].Data, nil
}

func (listComponent) Remove(_ *View, by message.Sender) error { return membersOnly(by) }

func (listComponent) Ephemeral(*View, AppData) error {
	return fmt.Errorf("%w: a list of components is no ephemeral data", ErrProposal)
}
