package systemtest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/ssh"
)

// A member is a person with a keyring of their own, who knows passwords.
type member struct {
	t       *testing.T
	home    string
	address string // of the provider
}

func newMember(t *testing.T, d *daemon) *member {
	return &member{t, filepath.Join(t.TempDir(), "home"), "http://" + d.address}
}

// kith runs a command with a password on descriptor 3, and returns what it says.
func (m *member) kith(password string, args ...string) (stdout, stderr string, code int) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 3*patience)
	defer cancel()
	if password != "" {
		args = append(args, "--password-fd", "3")
	}
	cmd := exec.CommandContext(ctx, program(m.t, "kith"), args...)
	var out, problems bytes.Buffer
	cmd.Env = append(os.Environ(), "KITH_HOME="+m.home)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if password != "" {
		r, w, err := os.Pipe()
		must(m.t, err)
		defer r.Close()
		_, err = w.WriteString(password + "\n")
		must(m.t, err)
		must(m.t, w.Close())
		cmd.ExtraFiles = []*os.File{r}
	}
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		must(m.t, err)
	}
	return out.String(), problems.String(), code
}

// does runs a command that must succeed.
func (m *member) does(password string, args ...string) string {
	m.t.Helper()
	stdout, stderr, code := m.kith(password, args...)
	if code != 0 {
		m.t.Fatalf("kith %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// fails runs a command that must fail, and say so.
func (m *member) fails(says, password string, args ...string) {
	m.t.Helper()
	stdout, stderr, code := m.kith(password, args...)
	if code != 1 || !strings.Contains(stderr, says) {
		m.t.Errorf("kith %s: exit code %d, and not %q\n%s%s", strings.Join(args, " "), code, says, stdout, stderr)
	}
}

// key writes an SSH public key to a file, and returns its line.
func (m *member) key(name string) (file, line string) {
	m.t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	must(m.t, err)
	key, err := ssh.NewPublicKey(public)
	must(m.t, err)
	file, line = filepath.Join(m.t.TempDir(), name), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	must(m.t, os.WriteFile(file, []byte(line+"\n"), 0o600))
	return file, line
}

// finds looks a label up and holds the answer against a key.
func (m *member) finds(label, line string) {
	m.t.Helper()
	if found := m.does("", "lookup", label); !strings.Contains(found, strings.Fields(line)[1]) {
		m.t.Errorf("%s has %q, not %q", label, found, line)
	}
}

// TestAccounts: people sign up, log in and publish at a provider that is stopped,
// killed, backed up and restored meanwhile, and which ends up with none of their
// secrets.
func TestAccounts(t *testing.T) {
	const password, wrong, old = "canary: tandem pelican 7", "canary: wrong horse", "canary: of before"
	dir := filepath.Join(t.TempDir(), "kt")
	initData(t, dir, "--accounts", "open")
	d := start(t, dir, "")
	address := d.address
	var logs []*lockedBuffer
	restart := func() {
		t.Helper()
		logs = append(logs, &d.stderr)
		d = start(t, dir, address)
	}

	// One command from nothing to a published identity, which others find.
	alice, bob, laptop := newMember(t, d), newMember(t, d), newMember(t, d)
	label := "alice@" + siteDomain
	file, line := alice.key("one.pub")
	alice.does(password, "register", "alice", "--use", alice.address, "--type", "ssh", "--key", file)
	bob.does("", "use", bob.address)
	bob.finds(label, line)
	alice.does("", "monitor")
	bob.fails("cannot be registered", wrong, "register", "alice")

	// Stopped and killed: the session is still good, and so is the password.
	d.stop()
	restart()
	file, line = alice.key("two.pub")
	alice.does("", "publish", label, "--type", "ssh", "--key", file)
	d.kill()
	restart()
	bob.finds(label, line)
	laptop.does("", "use", laptop.address)
	laptop.fails("login denied", wrong, "login", "alice")
	laptop.does(password, "login", "alice")
	file, line = laptop.key("three.pub")
	laptop.does("", "publish", label, "--type", "ssh", "--key", file) // with the key that the password brought back
	bob.finds(label, line)

	// Somebody who was somewhere else before.
	hash, err := bcrypt.GenerateFromPassword([]byte(old), bcrypt.MinCost+2)
	must(t, err)
	moved := filepath.Join(t.TempDir(), "moved")
	must(t, os.WriteFile(moved, []byte("carol\t"+string(hash)+"\n"), 0o600))
	fine(t, "kithd", "accounts", "import", "--data", dir, moved)
	carol := newMember(t, d)
	carol.does("", "use", carol.address)
	carol.does(old, "login", "carol", "--legacy")
	var status struct{ Accounts, Legacy int }
	must(t, json.Unmarshal([]byte(fine(t, "kithd", "accounts", "status", "--data", dir, "--json")), &status))
	if status.Accounts != 2 || status.Legacy != 0 {
		t.Errorf("%d accounts, %d of them with a hash of before", status.Accounts, status.Legacy)
	}

	// The accounts are lost, and come back: passwords, not sessions.
	copied := filepath.Join(t.TempDir(), "copy")
	fine(t, "kithd", "backup", "--data", dir, copied)
	alice.does("", "sessions")
	d.stop()
	lost := filepath.Join(t.TempDir(), "accounts.db")
	must(t, os.Rename(filepath.Join(dir, "accounts.db"), lost))
	refuses(t, []string{"the accounts are gone", "kithd restore"}, "kithd", "serve", "--data", dir, "--listen", "127.0.0.1:0")
	fine(t, "kithd", "restore", "--data", dir, copied)
	fine(t, "kithd", "check", "--data", dir)
	restart()
	alice.fails("the session is over", "", "sessions")
	alice.does(password, "login", "alice")
	file, line = alice.key("four.pub")
	alice.does("", "publish", label, "--type", "ssh", "--key", file)
	bob.finds(label, line)

	// The end.
	alice.fails("login denied", wrong, "account", "delete", "alice")
	alice.does(password, "account", "delete", "alice")
	if history := bob.does("", "history", label); !strings.Contains(history, "given up by its holder") {
		t.Errorf("bob reads\n%s", history)
	}
	alice.fails("login denied", password, "login", "alice")
	bob.fails("cannot be registered", wrong, "register", "alice")
	d.stop()
	logs = append(logs, &d.stderr)

	// What the provider has of it.
	secrets := []string{password, wrong, old, string(hash)}
	for _, log := range logs {
		for _, s := range append(secrets, "alice", "carol") {
			if strings.Contains(log.String(), s) {
				t.Errorf("the log of kithd has %q:\n%s", s, log)
			}
		}
	}
	files := 0
	for _, root := range []string{dir, lost, copied, copied + ".accounts"} {
		must(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			for _, s := range append(secrets, "kith_") { // and no token of a session
				if bytes.Contains(b, []byte(s)) {
					t.Errorf("%s has %q", path, s)
				}
			}
			files++
			return err
		}))
	}
	if files < 10 {
		t.Errorf("looked through %d files", files)
	}
}
