package main

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/record"
)

func (p *program) newPublish() *cobra.Command {
	w := writer{content: new(content)}
	var token tokenFlags
	cmd := &cobra.Command{
		Use:   "publish LABEL --type T --key FILE",
		Short: "Publish your keys at your label",
		Long: `Publish puts your keys of one type at your label, in place of those of that type
that are there, and verifies that the directory put them where everybody finds
them. Keys of other types stay.

The first time it makes an account key, which signs everything you publish, and
needs the token with which your provider lets you update the label. Both stay in
your keyring: keep a copy of that folder.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if w.content.keyType == "" && len(w.content.files) == 0 {
				return usage(errors.New("no key was given"), "add --type T --key FILE")
			}
			return p.publish(cmd.Context(), args[0], &w, &token)
		},
	}
	w.content.flags(cmd)
	token.add(cmd, "with which you may update the label; kept")
	return cmd
}

func (p *program) newClaim() *cobra.Command {
	w := writer{content: new(content), claim: true}
	var token tokenFlags
	cmd := &cobra.Command{
		Use:   "claim LABEL",
		Short: "Take your label, for which the provider speaks until then",
		Long: `Claim makes an account key and signs for a label whose keys the provider
imported, so that from then on only you can change them unnoticed. The keys that
the provider imported stay, and you are told which they are: look whether they
are yours. With --type and --key you name other ones, with --no-keys none.

With --reset it takes over a label whose account key is lost. Contacts are told,
and send nothing until they have accepted it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.publish(cmd.Context(), args[0], &w, &token)
		},
	}
	w.content.flags(cmd)
	cmd.Flags().BoolVar(&w.reset, "reset", false, "take the label over from an account key that is lost")
	cmd.Flags().BoolVar(&w.bare, "no-keys", false, "do not adopt the keys that the provider imported")
	token.add(cmd, "with which you may update the label; kept")
	return cmd
}

// A publishedView is what was published, in JSON.
type publishedView struct {
	Label   string     `json:"label"`
	Version uint32     `json:"version"`
	New     bool       `json:"published"` // false: it stood there already
	Entry   uint64     `json:"log_entry,omitempty"`
	Account string     `json:"account_key"`
	Safety  string     `json:"safety_number"`
	Keys    []string   `json:"keys"`
	Alerts  []alert    `json:"alerts,omitempty"`
	Fault   *faultView `json:"fault,omitempty"`
}

func (p *program) publish(ctx context.Context, typed string, w *writer, token *tokenFlags) error {
	name, err := p.canonical(typed)
	if err != nil {
		return err
	}
	if p.opaque {
		return usage(errors.New("only account records can be published"), "leave --opaque out")
	}
	if err := w.content.read(p, name); err != nil {
		return err
	}
	secret, err := token.read(p)
	if err != nil {
		return err
	}
	online := p.online
	if w.close { // nobody is kept from leaving
		online = p.onlineAnyway
	}
	return online(ctx, func(s *session) error {
		s.token, s.tokenLabel, w.domain = secret, name, s.ring.Domain()
		if w.account, err = s.held(name, w); err != nil {
			return err
		}
		done, alerts, err := s.write(ctx, name, w)
		if err != nil {
			return err
		}
		return s.published(w, done, alerts)
	})
}

// write publishes what a writer writes, and watches over the label from then on.
func (s *session) write(ctx context.Context, name string, w *writer) (*client.Published, []alert, error) {
	owned := s.client.State().Owned(name) != nil
	if err := s.own(ctx, name); err != nil {
		return nil, nil, err
	}
	done, err := s.client.Publish(ctx, name, w.build)
	if err != nil && !owned {
		s.disown(name)
	}
	alerts := s.alerts(ctx, name)
	if err != nil {
		if len(alerts) > 0 {
			s.p.warn("%s", plain(err))
			return nil, nil, s.alarm(alerts, nil)
		}
		return nil, nil, s.keep(err, name)
	}
	if err := s.settle(w, done.Value); err != nil {
		return nil, nil, err
	}
	return done, alerts, s.keepToken(w.account)
}

// account returns the account of a label, which is made now if there is none.
// It is durable before anything is signed with it.
func (s *session) account(name string) (*keyring.Account, error) {
	a, err := s.ring.Account(name)
	if !errors.Is(err, keyring.ErrUnknown) {
		return a, err
	}
	if a, err = keyring.NewAccount(name, s.p.rand); err != nil {
		return nil, err
	}
	if err := s.ring.SaveAccount(a); err != nil {
		return nil, err
	}
	s.p.say("made an account key for %s; it lies in %s, of which you should keep a copy", label.Display(name), s.ring.Dir())
	return a, nil
}

// own becomes the owner of a label, if the user is not yet.
func (s *session) own(ctx context.Context, name string) error {
	if s.client.State().Owned(name) != nil {
		return nil
	}
	o, err := s.client.Own(ctx, name)
	if err != nil {
		return err
	}
	if o.Greatest != nil {
		s.p.say("%s exists in version %d; from now on you will be told of every later one", label.Display(name), *o.Greatest)
	}
	return nil
}

// disown gives a label up that could not be published at, unless a record may have
// arrived: it may be somebody else's, whose later versions are no cause for alarm.
func (s *session) disown(name string) {
	err := s.client.Edit(func(state *client.State) (*client.State, error) {
		if o := state.Owned(name); o != nil && o.Intent == nil {
			return state.WithoutOwned(name), nil
		}
		return state, nil
	})
	if err != nil {
		s.p.warn("%s", plain(err))
	}
}

// keepToken keeps a token that has just worked.
func (s *session) keepToken(a *keyring.Account) error {
	if s.token == "" || s.token == a.Token {
		return nil
	}
	kept := *a
	kept.Token = s.token
	return s.ring.SaveAccount(&kept)
}

// viewPublished returns what was published, for JSON.
func (s *session) viewPublished(w *writer, done *client.Published) *publishedView {
	key := record.KeyOf(w.account.Key())
	safety := record.Safety(record.Identity{Domain: w.domain, Label: done.Label, Type: "account", Key: key[:]})
	v := &publishedView{Label: done.Label, Version: done.Version, New: done.New, Entry: done.Position,
		Account: hex.EncodeToString(key[:]), Safety: string(safety), Keys: []string{}}
	for _, k := range w.keys {
		v.Keys = append(v.Keys, nameOf(k))
	}
	return v
}

// emitPublished writes view, which holds v, as JSON, and raises the alarm if there is one.
func (s *session) emitPublished(view any, v *publishedView, alerts []alert) error {
	if len(alerts) > 0 {
		v.Alerts = alerts
		return s.alarm(alerts, view)
	}
	return s.p.emit(view)
}

// published says what was published.
func (s *session) published(w *writer, done *client.Published, alerts []alert) error {
	v := s.viewPublished(w, done)
	shown := label.Display(done.Label)
	switch {
	case done.New:
		s.p.print("%s is published as version %d, in log entry %d: %s", shown, done.Version, done.Position, names(w.keys))
		s.p.say("the directory proved that it stands where everybody finds it, and that nothing else was put at the label")
	default:
		s.p.print("%s stands as version %d already: %s", shown, done.Version, names(w.keys))
	}
	if len(w.taken) > 0 {
		s.p.warn("you now vouch for what the provider had imported: %s; if one is not yours, publish the right one with: kith publish %s --type T --key FILE", names(w.taken), done.Label)
	}
	if window := s.window(); done.New {
		s.p.say("run kith monitor about every %s, so that you are told of keys you did not publish", window)
	}
	return s.emitPublished(v, v, alerts)
}

// window is how often users should look.
func (s *session) window() time.Duration {
	ms := s.log.Configuration().ReasonableMonitoringWindow
	return time.Duration(min(ms, 1<<53/1_000_000)) * time.Millisecond
}
