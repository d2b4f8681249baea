package operator

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/kith-kt/kith/directory"
)

// The words for who may register an account.
const (
	RegistrationOpen   = "open"   // everybody
	RegistrationInvite = "invite" // who has an invitation
	RegistrationClosed = "closed" // nobody
)

// Accounts are the settings of an account service, which a program puts beside the
// log: this package knows no more of it than these. Times left out take the
// service's defaults.
type Accounts struct {
	// Registration is "open", "invite" or "closed".
	Registration string `json:"registration"`
	// Idle and Absolute end sessions: one that was not used for so long, and one
	// that is so old.
	Idle     Duration `json:"idle,omitempty"`
	Absolute Duration `json:"absolute,omitempty"`
	// Quarantine is how long the name of a deleted account is not given out;
	// negative: for ever.
	Quarantine Duration `json:"quarantine,omitempty"`
	// Origins are where people's browsers find the login page and may use passkeys,
	// such as "https://example.org"; https, or http on localhost. None: there is no
	// page, and there are no passkeys.
	Origins []string `json:"origins,omitempty"`
	// PasskeyID is the name that passkeys belong to for ever: a domain at or below
	// which all Origins are. Left out: the log's domain.
	PasskeyID string `json:"passkey_id,omitempty"`
}

func (a *Accounts) check() error {
	switch {
	case a == nil:
		return nil
	case a.Registration != RegistrationOpen && a.Registration != RegistrationInvite && a.Registration != RegistrationClosed:
		return fmt.Errorf("registration of accounts is %q, not open, invite or closed", a.Registration)
	case a.Idle < 0 || a.Absolute < 0:
		return errors.New("idle and absolute, which end sessions, are negative")
	case a.Absolute != 0 && a.Idle > a.Absolute:
		return errors.New("idle is longer than absolute, which ends sessions anyway")
	}
	return nil
}

// SetAccounts changes the settings of the account service of the log in dir, which
// nobody may have open. nil: there is none any more.
func SetAccounts(dir string, a *Accounts) error {
	held, err := lock(dir)
	if err != nil {
		return err
	}
	defer held.Close()
	config, err := LoadConfig(dir)
	if err != nil {
		return err
	}
	config.Accounts = a
	if err := config.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	settings, err := config.encode()
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, ConfigFile), settings, 0o644)
}

// authorizer decides who may do what.
func (op *Operator) authorizer() directory.Authorizer {
	var a directory.Authorizer = &directory.TokenAuthorizer{Tokens: op.tokens, PublicSearch: op.config.Load().Search == SearchPublic}
	if op.options.Authorizer != nil {
		a = op.options.Authorizer(a)
	}
	return a
}

// bearer returns the name of whoever holds a secret.
func (op *Operator) bearer(secret string) (string, bool) {
	if op.options.Bearer != nil {
		if name, ok := op.options.Bearer(secret); ok {
			return name, true
		}
	}
	token, err := op.tokens.Find(secret)
	if err != nil {
		return "", false
	}
	return token.ID, true
}
