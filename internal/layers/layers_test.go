package layers

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

//go:embed plan.txt
var planText string

const module = "github.com/kith-kt/kith"

type plan struct {
	allow, deny, bar, pure map[string][]string
}

func parsePlan(text string) (plan, error) {
	p := plan{map[string][]string{}, map[string][]string{}, map[string][]string{}, map[string][]string{}}
	tables := map[string]map[string][]string{"allow": p.allow, "deny": p.deny, "bar": p.bar, "pure": p.pure}
	for n, line := range strings.Split(text, "\n") {
		f := strings.Fields(strings.SplitN(line, "#", 2)[0])
		if len(f) == 0 {
			continue
		}
		table, ok := tables[f[0]]
		if !ok || len(f) < 3 {
			return p, fmt.Errorf("plan.txt:%d: cannot read %q", n+1, line)
		}
		table[f[1]] = f[2:]
	}
	return p, nil
}

// within reports whether folder is root or lies below it.
func within(folder, root string) bool {
	return folder == root || strings.HasPrefix(folder, root+"/")
}

// rule returns the entry of table with the longest folder that holds folder.
func rule(table map[string][]string, folder string) (root string, entry []string, ok bool) {
	for r, e := range table {
		if within(folder, r) && (!ok || len(r) > len(root)) {
			root, entry, ok = r, e, true
		}
	}
	return
}

// source is one folder's imports; inTests are those of its _test files alone.
type source struct {
	imports, inTests map[string]bool
	timeNow          []string // positions that call time.Now
}

func readSources(root string) (map[string]*source, error) {
	all := map[string]*source{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		folder := path.Dir(filepath.ToSlash(rel))
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		s := all[folder]
		if s == nil {
			s = &source{imports: map[string]bool{}, inTests: map[string]bool{}}
			all[folder] = s
		}
		isTest := strings.HasSuffix(name, "_test.go")
		for _, imp := range file.Imports {
			p := strings.Trim(imp.Path.Value, `"`)
			if isTest {
				s.inTests[p] = true
			} else {
				s.imports[p] = true
			}
		}
		if !isTest {
			ast.Inspect(file, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if id, ok := sel.X.(*ast.Ident); ok && id.Name == "time" && sel.Sel.Name == "Now" {
					s.timeNow = append(s.timeNow, fset.Position(n.Pos()).String())
				}
				return true
			})
		}
		return nil
	})
	return all, err
}

// violations checks sources against the plan and names every arrow that should not be there.
func violations(p plan, all map[string]*source) []string {
	var out []string
	for folder, s := range all {
		_, allowed, known := rule(p.allow, folder)
		if !known {
			out = append(out, fmt.Sprintf("%s: no line in plan.txt allows this folder to exist", folder))
			continue
		}
		_, denied, _ := rule(p.deny, folder)
		every := maps.Clone(s.imports)
		maps.Copy(every, s.inTests)
		for imp := range every {
			target, ours := strings.CutPrefix(imp, module+"/")
			if !ours {
				continue
			}
			ok := slices.ContainsFunc(allowed, func(a string) bool { return within(target, a) })
			bad := slices.ContainsFunc(denied, func(d string) bool { return within(target, d) })
			if !ok || bad {
				out = append(out, fmt.Sprintf("%s imports %s, which the plan does not allow", folder, target))
			}
		}
		if root, barred, ok := rule(p.pure, folder); ok {
			for imp := range s.imports {
				if slices.ContainsFunc(barred, func(b string) bool { return imp == b }) {
					out = append(out, fmt.Sprintf("%s imports %s, but %s is pure", folder, imp, root))
				}
			}
			for _, pos := range s.timeNow {
				out = append(out, fmt.Sprintf("%s: a clock in %s, which is pure", pos, root))
			}
		}
	}
	for program, barred := range p.bar {
		if all[program] == nil {
			continue
		}
		seen := map[string]bool{}
		queue := []string{program}
		for len(queue) > 0 {
			folder := queue[0]
			queue = queue[1:]
			if seen[folder] || all[folder] == nil {
				continue
			}
			seen[folder] = true
			for imp := range all[folder].imports {
				target, ours := strings.CutPrefix(imp, module+"/")
				if ours {
					queue = append(queue, target)
				} else {
					target = imp
				}
				if slices.ContainsFunc(barred, func(b string) bool { return within(target, b) }) {
					out = append(out, fmt.Sprintf("%s links %s by way of %s", program, target, folder))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestImportPlan(t *testing.T) {
	p, err := parsePlan(planText)
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	all, err := readSources(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 3 {
		t.Fatalf("read only %d folders", len(all))
	}
	for _, v := range violations(p, all) {
		t.Error(v)
	}
}

// TestPlanRefuses shows that each kind of line can fail.
func TestPlanRefuses(t *testing.T) {
	p, err := parsePlan(planText)
	if err != nil {
		t.Fatal(err)
	}
	imports := func(paths ...string) *source {
		s := &source{imports: map[string]bool{}, inTests: map[string]bool{}}
		for _, p := range paths {
			s.imports[p] = true
		}
		return s
	}
	for name, all := range map[string]map[string]*source{
		"an arrow back":     {"proto/wire": imports(module + "/directory")},
		"a sibling role":    {"client": imports(module + "/directory")},
		"a denied corner":   {"client": imports(module + "/srp/login")},
		"an impure proto":   {"proto/wire": imports("net/http")},
		"an unknown folder": {"helpers": imports()},
		"a clock in proto":  {"proto/wire": {timeNow: []string{"x.go:1"}}},
		"a barred link":     {"cmd/kith": imports(module + "/client"), "client": imports("github.com/jackc/pgx/v5")},
	} {
		if len(violations(p, all)) == 0 {
			t.Errorf("%s passed", name)
		}
	}
	if v := violations(p, map[string]*source{"proto/wire": imports("errors"), "client": imports(module + "/proto/wire")}); len(v) > 0 {
		t.Errorf("an honest tree is refused: %v", v)
	}
}
