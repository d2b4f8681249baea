package systemtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// repository is the root of the source tree, seen from this package.
const repository = "../.."

func readDoc(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sources are the names that the Go files of the tree declare.
type sources struct {
	// declared has "package.Name", "package.Type.Method" and "package.Type.Field",
	// where the package is the last element of its folder.
	declared map[string]bool
	tests    map[string]bool // those that are tests, fuzz targets or examples
	packages map[string]bool // last elements of folders
	folders  map[string]bool // that hold Go files other than tests
}

func readSources(t *testing.T) *sources {
	t.Helper()
	s := &sources{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	fset := token.NewFileSet()
	err := filepath.WalkDir(repository, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != repository && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(repository, name)
		if err != nil {
			return err
		}
		folder := path.Dir(filepath.ToSlash(rel))
		test := strings.HasSuffix(name, "_test.go")
		if !test {
			s.folders[folder] = true
		}
		s.packages[path.Base(folder)] = true
		s.read(path.Base(folder), file, test)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.folders) < 20 || len(s.tests) < 200 {
		t.Fatalf("read only %d folders and %d tests", len(s.folders), len(s.tests))
	}
	return s
}

func (s *sources) read(pkg string, file *ast.File, test bool) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := pkg + "."
			if d.Recv != nil {
				name += receiver(d.Recv.List[0].Type) + "."
			}
			name += d.Name.Name
			s.declared[name] = true
			if test && d.Recv == nil && isTest.MatchString(d.Name.Name) {
				s.tests[name] = true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						s.declared[pkg+"."+id.Name] = true
					}
				case *ast.TypeSpec:
					s.declared[pkg+"."+spec.Name.Name] = true
					s.members(pkg+"."+spec.Name.Name+".", spec.Type)
				}
			}
		}
	}
}

var isTest = regexp.MustCompile(`^(Test|Fuzz|Example)`)

func (s *sources) members(prefix string, of ast.Expr) {
	var fields *ast.FieldList
	switch of := of.(type) {
	case *ast.StructType:
		fields = of.Fields
	case *ast.InterfaceType:
		fields = of.Methods
	default:
		return
	}
	for _, f := range fields.List {
		for _, id := range f.Names {
			s.declared[prefix+id.Name] = true
		}
	}
}

func receiver(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

var (
	code       = regexp.MustCompile("`([^`\n]+)`")
	identifier = regexp.MustCompile(`^[a-z][a-z0-9-]*(\.[A-Za-z_][A-Za-z0-9_]*)+$`)
	fileName   = regexp.MustCompile(`\.(json|db|key|service|sock)$`)
	filePath   = regexp.MustCompile(`^[a-z][A-Za-z0-9_./-]*/[A-Za-z0-9_.-]+\.(go|txt|md|yaml|service)$`)
)

// check reports what code speaks of that is not there.
func (s *sources) check(t *testing.T, where, code string) {
	t.Helper()
	switch {
	case identifier.MatchString(code) && !s.declared[code]:
		t.Errorf("%s: nothing is called %s", where, code)
	case filePath.MatchString(code):
		if _, err := os.Stat(filepath.Join(repository, code)); err != nil {
			t.Errorf("%s: there is no file %s", where, code)
		}
	}
}

// TestSpecMap holds the maps of both specifications against the sources: every
// function and test that they name exists, and every row has both or says why it
// has not.
func TestSpecMap(t *testing.T) {
	s := readSources(t)
	for doc, least := range map[string]int{"docs/spec-map.md": 100, "docs/mls-map.md": 100} {
		t.Run(doc, func(t *testing.T) { s.specMap(t, doc, least) })
	}
}

// specMap checks one map, of at least so many rows.
func (s *sources) specMap(t *testing.T, doc string, least int) {
	next, rows := 1, 0
	for n, line := range strings.Split(readDoc(t, doc), "\n") {
		where := doc + ":" + strconv.Itoa(n+1)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) != 5 {
			t.Errorf("%s: %d columns", where, len(cells))
			continue
		}
		if cells[0] == "#" || strings.HasPrefix(cells[0], "-") || strings.HasPrefix(cells[0], ":") {
			if cells[0] == "#" {
				next = 1
			}
			continue
		}
		rows++
		if cells[0] != strconv.Itoa(next) {
			t.Errorf("%s: row %s, want %d", where, cells[0], next)
		}
		next++
		s.row(t, where, cells[3], cells[4])
	}
	if rows < least {
		t.Errorf("read only %d rows", rows)
	}
}

// row checks the columns for functions and tests. A row without a test begins
// both with a word that says so.
func (s *sources) row(t *testing.T, where, functions, tests string) {
	t.Helper()
	if none.MatchString(tests) {
		return
	}
	found, tested := false, false
	for _, m := range code.FindAllStringSubmatch(functions, -1) {
		found = found || s.declared[m[1]]
		s.check(t, where, m[1])
	}
	for _, m := range code.FindAllStringSubmatch(tests, -1) {
		s.check(t, where, m[1])
		tested = tested || s.tests[m[1]] || filePath.MatchString(m[1])
		if identifier.MatchString(m[1]) && s.declared[m[1]] && !s.tests[m[1]] {
			t.Errorf("%s: %s is no test", where, m[1])
		}
	}
	if !found || !tested {
		t.Errorf("%s: no function or no test, and no word about why", where)
	}
}

var none = regexp.MustCompile(`^(not |—)`)

// TestThreatModel: every attack in docs/threat-model.md has a test that plays
// it, or says that it has none.
func TestThreatModel(t *testing.T) {
	s := readSources(t)
	rows := 0
	for n, line := range strings.Split(readDoc(t, "docs/threat-model.md"), "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !strings.HasPrefix(line, "|") || len(cells) != 3 || strings.HasPrefix(line, "|-") || strings.HasPrefix(line, "| threat") {
			continue
		}
		rows++
		where := "docs/threat-model.md:" + strconv.Itoa(n+1)
		found := false
		for _, m := range code.FindAllStringSubmatch(cells[2], -1) {
			s.check(t, where, m[1])
			found = found || s.tests[m[1]] || filePath.MatchString(m[1])
		}
		if !found && !none.MatchString(strings.TrimSpace(cells[2])) {
			t.Errorf("%s: no test plays this attack", where)
		}
	}
	if rows < 40 {
		t.Errorf("read only %d rows", rows)
	}
}

// TestDocsNameWhatExists holds the other documents to the same.
func TestDocsNameWhatExists(t *testing.T) {
	s := readSources(t)
	for _, name := range documents(t) {
		text := readDoc(t, name)
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			if first, _, _ := strings.Cut(m[1], "."); s.packages[first] && !fileName.MatchString(m[1]) {
				s.check(t, name, m[1])
			}
		}
	}
}

// documents are the texts of the repository, in Markdown.
func documents(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.md", "docs/*.md", "deploy/*.md"} {
		found, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			rel, err := filepath.Rel(repository, f)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, filepath.ToSlash(rel))
		}
	}
	if len(names) < 8 {
		t.Fatalf("found only %v", names)
	}
	return names
}

var folderName = regexp.MustCompile(`^(proto|internal|srp|directory|auditor|client|messaging|cmd|deploy|docs)(/[a-z-]+)*/?$`)

// TestArchitectureNamesEveryRoom: every package stands in docs/architecture.md,
// and every folder named there exists.
func TestArchitectureNamesEveryRoom(t *testing.T) {
	s := readSources(t)
	named := map[string]bool{}
	for _, m := range code.FindAllStringSubmatch(readDoc(t, "docs/architecture.md"), -1) {
		if folderName.MatchString(m[1]) {
			named[strings.TrimSuffix(m[1], "/")] = true
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(s.folders)) {
		if !named[folder] {
			t.Errorf("docs/architecture.md does not name %s", folder)
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(named)) {
		if info, err := os.Stat(filepath.Join(repository, folder)); err != nil || !info.IsDir() {
			t.Errorf("docs/architecture.md names %s, which is not there", folder)
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+?) *$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the places in a document that a link can lead to.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		slug := notSlug.ReplaceAllString(strings.ToLower(m[1]), "")
		found[strings.ReplaceAll(slug, " ", "-")] = true
	}
	return found
}

// TestLinksResolve: every relative link leads to a file, and to a heading in it.
func TestLinksResolve(t *testing.T) {
	for _, name := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(readDoc(t, name), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			if _, err := os.Stat(filepath.Join(repository, target)); err != nil {
				t.Errorf("%s: %s leads nowhere", name, m[1])
			} else if anchor != "" && !anchors(readDoc(t, target))[anchor] {
				t.Errorf("%s: %s has no heading %q", name, target, anchor)
			}
		}
	}
}
