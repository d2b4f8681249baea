package systemtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kith-kt/kith/directory/keyfile"
)

// TestReadmeExample: README's Go code is the code that TestEmbed runs.
func TestReadmeExample(t *testing.T) {
	source, err := os.ReadFile("embed_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readDoc(t, "README.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("README.md has no Go code")
	}
	for _, b := range blocks {
		if !strings.Contains(string(source), b[1]) {
			t.Errorf("README.md has code that embed_test.go has not:\n%s", b[1])
		}
	}
}

// debianKeyring is the keyring of Debian's developers, or "".
func debianKeyring() string {
	for _, suffix := range []string{"gpg", "pgp"} {
		path := "/usr/share/keyrings/debian-keyring." + suffix
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// anyAddress returns an address of the keyring that an import publishes, and the
// fingerprint of its key as gpg writes it.
func anyAddress(keyring string) (address, fingerprint string, err error) {
	file, err := os.Open(keyring)
	if err != nil {
		return "", "", err
	}
	defer file.Close()
	for e, err := range keyfile.OpenPGP(file, time.Now()) {
		if err != nil {
			return "", "", err
		}
		if e.Skipped == "" && len(e.Keys) == 1 {
			return e.Label, strings.TrimPrefix(e.Keys[0].Fingerprint(), "0x"), nil
		}
	}
	return "", "", errors.New("the keyring has no usable key")
}

// TestReadme runs the commands that README.md marks as runnable, as they stand
// there, but for the programs being built before, the port being a free one, and
// ADDRESS being an address.
func TestReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("builds both programs")
	}
	bin := filepath.Dir(program(t, "kithd"))
	build := exec.Command("go", "build", "-o", bin, "../kith-auditor")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	blocks, samples := marked(t, "run"), marked(t, "sample")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/readme",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("KITH_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("GNUPGHOME", filepath.Join(e.WorkDir, "gnupg"))
			e.Setenv("LISTEN", freeAddress(t))
			if keyring := debianKeyring(); keyring != "" {
				address, fingerprint, err := anyAddress(keyring)
				if err != nil {
					return err
				}
				e.Setenv("KEYRING", keyring)
				e.Setenv("ADDRESS", address)
				e.Setenv("FINGERPRINT", fingerprint)
			}
			return os.Mkdir(filepath.Join(e.WorkDir, "gnupg"), 0o700)
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "keyring":
			case "ssh-keygen":
				_, err := exec.LookPath(name)
				if err != nil && os.Getenv("CI") != "" {
					return false, errors.New("openssh-client is required when CI is set")
				}
				return err == nil, nil
			default:
				return false, fmt.Errorf("unknown condition %q", name)
			}
			_, err := exec.LookPath("gpg")
			there := err == nil && debianKeyring() != ""
			if !there && os.Getenv("CI") != "" {
				return false, errors.New("gnupg and debian-keyring are required when CI is set")
			}
			return there, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"readme": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 || blocks[args[0]] == "" {
					ts.Fatalf("usage: readme BLOCK; README.md has %d", len(blocks))
				}
				runBlock(ts, blocks[args[0]])
			},
			"sample": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 || samples[args[0]] == "" {
					ts.Fatalf("usage: sample NAME; README.md has %d", len(samples))
				}
				checkSample(ts, samples[args[0]])
			},
		},
	})
}

// marked returns the fenced blocks of README.md that a comment marks and names.
func marked(t *testing.T, as string) map[string]string {
	blocks := map[string]string{}
	mark := regexp.MustCompile("(?s)<!-- " + as + ": ([a-z]+) -->\n```[a-z]*\n(.*?)```")
	for _, m := range mark.FindAllStringSubmatch(readDoc(t, "README.md"), -1) {
		blocks[m[1]] = m[2]
	}
	return blocks
}

// checkSample holds a sample of output against what was just put out: each of
// its sentences occurs there, but for numbers, times and fingerprints.
func checkSample(ts *testscript.TestScript, sample string) {
	out := leave(ts.ReadFile("stdout") + "\n" + ts.ReadFile("stderr"))
	found := 0
	for _, part := range regexp.MustCompile(`\n\s*\n|\n\s*(?:✓|✗|kith:)|Refused:|\.\s+`).Split(strings.ReplaceAll(sample, "ADDRESS", ts.Getenv("ADDRESS")), -1) {
		if part = leave(part); part == "" {
			continue
		}
		found++
		if !strings.Contains(out, part) {
			ts.Fatalf("README.md has this in a sample, and the program does not say it: %s", part)
		}
	}
	if found == 0 {
		ts.Fatalf("the sample says nothing")
	}
}

// leave leaves out of a text what differs from run to run.
func leave(s string) string {
	s = regexp.MustCompile(`SHA256:\S+|[0-9][0-9.:TZ+-]*(ms|µs|s|m|h)?[0-9hms.]*`).ReplaceAllString(s, "N")
	return strings.TrimSuffix(strings.Join(strings.Fields(s), " "), ".")
}

// runBlock runs the lines of a block. What ends in "&" goes on in the background,
// once it listens.
func runBlock(ts *testscript.TestScript, block string) {
	replace := strings.NewReplacer(
		"go run ./cmd/kithd", "kithd",
		"127.0.0.1:8080", ts.Getenv("LISTEN"),
		"/usr/share/keyrings/debian-keyring.gpg", ts.Getenv("KEYRING"),
		"ADDRESS", ts.Getenv("ADDRESS"),
	)
	for line := range strings.Lines(block) {
		line = strings.TrimSpace(replace.Replace(line))
		foreground, background := strings.CutSuffix(line, "&")
		var out, problems bytes.Buffer
		cmd := exec.Command("sh", "-c", "exec "+foreground)
		if !background {
			cmd = exec.Command("sh", "-ec", line)
			cmd.Stdout = &out
		}
		cmd.Dir, cmd.Stderr = ts.MkAbs("."), &problems
		for _, name := range []string{"PATH", "HOME", "KITH_HOME", "GNUPGHOME", "TMPDIR"} {
			cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
		}
		ts.Logf("$ %s", line)
		if background {
			startServer(ts, cmd)
			continue
		}
		err := cmd.Run()
		fmt.Fprint(ts.Stdout(), out.String())
		fmt.Fprint(ts.Stderr(), problems.String())
		if err != nil {
			ts.Fatalf("%v", err)
		}
	}
}

func startServer(ts *testscript.TestScript, cmd *exec.Cmd) {
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "listening on ") {
		ts.Fatalf("the server says %q: %v", line, err)
	}
}
