package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client/account"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/label"
)

func (p *program) newPasswd() *cobra.Command {
	var f loginFlags
	var next secretFlag
	var r recoveryOut
	var fresh bool
	cmd := &cobra.Command{
		Use:   "passwd [NAME]",
		Short: "Change your password",
		Long: `Passwd changes your password. The provider sees neither the old nor the new one.
All other sessions end. The backup of your account key is sealed anew.

With --new-recovery there is a new recovery code too, and the old one is of no use
any more. Do that after kith rotate: the old code unlocks the old account key.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(f.check(), r.check()); err != nil {
				return err
			}
			old, err := f.password.read(cmd.Context(), p, "Password")
			if err != nil {
				return err
			}
			defer old.Wipe()
			password, err := next.read(cmd.Context(), p, "New password", "The same again")
			if err != nil {
				return err
			}
			defer password.Wipe()
			return p.asMember(cmd.Context(), accountArg(args), func(m *member) error {
				return m.changePassword(cmd.Context(), &f, old, password, fresh, &r)
			})
		},
	}
	f.add(cmd)
	next.add(cmd, "new-password-fd", "the new password")
	cmd.Flags().BoolVar(&fresh, "new-recovery", false, "make a new recovery code too")
	r.add(cmd)
	return cmd
}

// A recoveryOut says where a recovery code goes.
type recoveryOut struct{ file string }

func (r *recoveryOut) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.file, "recovery-file", "", "write the recovery code into `FILE`, which must not exist, and do not show it")
}

func (r *recoveryOut) check() error {
	if r.file == "" {
		return nil
	}
	if _, err := os.Lstat(r.file); !errors.Is(err, fs.ErrNotExist) {
		return usage(fmt.Errorf("%s exists already, or cannot be reached", r.file), "name a file that does not exist with --recovery-file")
	}
	return nil
}

// put shows a recovery code, or writes it into the file. shown is what JSON says of it.
func (r *recoveryOut) put(p *program, text string) (shown, file string, err error) {
	if r.file != "" {
		f, err := os.OpenFile(r.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_, err = f.WriteString(text + "\n")
			err = errors.Join(err, f.Sync(), f.Close())
		}
		if err != nil {
			return "", "", failed("run it again with another --recovery-file", "the recovery code cannot be written: %w", err)
		}
		return "", r.file, nil
	}
	p.print("recovery code  %s", text)
	p.say("write the recovery code down: it is not shown again, and nobody else has it")
	return text, "", nil
}

// A passwordView is a changed password in JSON.
type passwordView struct {
	Label        string `json:"label"`
	Session      string `json:"session"`
	Restored     bool   `json:"account_key_restored,omitempty"`
	Recovery     string `json:"recovery_code,omitempty"`
	RecoveryFile string `json:"recovery_file,omitempty"`
}

func (m *member) changePassword(ctx context.Context, f *loginFlags, old, password account.Password, fresh bool, out *recoveryOut) error {
	l, err := m.loginOf(f, old)
	if err != nil {
		return err
	}
	r := &account.Renewal{Password: password, Protocol: m.login.Protocol}
	own, err := m.s.ring.Account(m.login.Label)
	if err != nil && !errors.Is(err, keyring.ErrUnknown) {
		return err
	}
	if own != nil {
		if r.Backup, err = backupOf(own); err != nil {
			return err
		}
		defer clear(r.Backup)
	}
	if fresh {
		if r.Recovery, err = account.NewCode(m.s.p.rand); err != nil {
			return err
		}
	}
	g, err := m.client.ChangePassword(ctx, l, r)
	if err != nil {
		m.uncertain(err, r.Recovery)
		return err
	}
	defer g.Wipe()
	if err := m.grant(g); err != nil {
		return err
	}
	m.s.p.print("the password of %s is changed", label.Display(m.login.Label))
	m.s.p.say("all other sessions are over")
	v := &passwordView{Label: m.login.Label, Session: g.Session.ID}
	if r.Recovery != nil {
		if v.Recovery, v.RecoveryFile, err = out.put(m.s.p, r.Recovery.Text()); err != nil {
			return err
		}
	}
	return m.s.p.emit(v)
}

// uncertain says what to do when the reply to a change of password was lost.
func (m *member) uncertain(err error, code *account.Code) {
	if !errors.Is(err, account.ErrUnavailable) {
		return
	}
	m.s.p.warn("it is not known whether the password was changed: try to log in with the new one, then with the old one")
	if code != nil {
		m.s.p.warn("if the new password counts, make another recovery code: kith passwd --new-recovery %s", m.person.Name)
	}
}

func (p *program) newRecover() *cobra.Command {
	var code, next secretFlag
	var r recoveryOut
	var protocol string
	cmd := &cobra.Command{
		Use:   "recover NAME",
		Short: "Get back in with your recovery code",
		Long: `Recover sets a new password for an account whose password is forgotten, and brings
the account key back, for who has the recovery code. The code is used up: a new one
is shown. All sessions end.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join((&loginFlags{protocol: protocol}).check(), r.check()); err != nil {
				return err
			}
			typed, err := code.read(cmd.Context(), p, "Recovery code")
			if err != nil {
				return err
			}
			defer typed.Wipe()
			known, err := account.ParseCode(string(typed))
			if err != nil {
				return failed("read it again, letter by letter", "%w", err)
			}
			password, err := next.read(cmd.Context(), p, "New password", "The same again")
			if err != nil {
				return err
			}
			defer password.Wipe()
			return p.asMember(cmd.Context(), args[0], func(m *member) error {
				return m.recover(cmd.Context(), known, &account.Renewal{Password: password, Protocol: protocol}, &r)
			})
		},
	}
	code.add(cmd, "recovery-fd", "the recovery code")
	next.add(cmd, "new-password-fd", "the new password")
	cmd.Flags().StringVar(&protocol, "protocol", "", "prove the new password by `P`: srp (the default) or opaque")
	r.add(cmd)
	return cmd
}

func (m *member) recover(ctx context.Context, code *account.Code, r *account.Renewal, out *recoveryOut) error {
	name := m.login.Label
	var err error
	if r.Recovery, err = account.NewCode(m.s.p.rand); err != nil {
		return err
	}
	own, err := m.s.ring.Account(name)
	if err != nil && !errors.Is(err, keyring.ErrUnknown) {
		return err
	}
	var kept *keyring.Account
	g, err := m.client.Recover(ctx, &m.person, code, func(plain []byte) (_ *account.Renewal, err error) {
		if plain != nil {
			kept, err = parseBackup(name, plain)
		} else if own != nil {
			r.Backup, err = backupOf(own)
		}
		return r, err
	})
	if errors.Is(err, account.ErrDenied) {
		return failed("check the name and the code; a code that was used is of no use any more", "the recovery of %s failed: %w", label.Display(name), account.ErrDenied)
	}
	if err != nil {
		m.uncertain(err, r.Recovery)
		return err
	}
	defer g.Wipe()
	m.login.Protocol = r.Protocol
	v := &passwordView{Label: name, Session: g.Session.ID}
	if own == nil && kept != nil {
		if err := m.s.ring.SaveAccount(kept); err != nil {
			return err
		}
		v.Restored = true
	}
	if err := m.grant(g); err != nil {
		return err
	}
	m.s.p.print("the password of %s is changed", label.Display(name))
	if v.Restored {
		m.s.p.say("your account key is back; you can publish from here")
	}
	if v.Recovery, v.RecoveryFile, err = out.put(m.s.p, r.Recovery.Text()); err != nil {
		return err
	}
	return m.s.p.emit(v)
}
