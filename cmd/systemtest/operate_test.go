package systemtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory/operator"
)

// TestOperateNamesEverySetting: every flag of kithd, every field of config.json
// and every metric stands in docs/operate.md.
func TestOperateNamesEverySetting(t *testing.T) {
	text := readDoc(t, "docs/operate.md")
	expect := func(what, name string) {
		t.Helper()
		if !regexp.MustCompile(`[^a-z_-]` + name + `\b`).MatchString(text) {
			t.Errorf("docs/operate.md does not name the %s %s", what, name)
		}
	}
	flags := 0
	calls(t, "cmd/kithd/*.go", func(method string, args []string) {
		if len(args) > 1 && strings.HasSuffix(method, "Var") && args[1] != "" {
			flags++
			expect("flag", "--"+args[1])
		}
	})
	if flags < 20 {
		t.Errorf("found only %d flags", flags)
	}
	for _, name := range fields(reflect.TypeFor[operator.Config]()) {
		expect("setting", name)
	}
	commands(t, "cmd/kithd/*.go", func(name string) { expect("command", name) })
	metrics := 0
	for _, pattern := range []string{"directory/operator/*.go", "directory/httpapi/*.go", "directory/cosign/*.go"} {
		literals(t, pattern, func(s string) {
			if metricName.MatchString(s) {
				metrics++
				expect("metric", s)
			}
		})
	}
	if metrics < 8 {
		t.Errorf("found only %d metrics", metrics)
	}
}

// TestUseNamesEveryFlag: the same for the flags of kith, and for the kinds of
// misbehaviour.
func TestUseNamesEveryFlag(t *testing.T) {
	text, flags := readDoc(t, "docs/use.md"), 0
	calls(t, "cmd/kith/*.go", func(method string, args []string) {
		if len(args) < 2 || args[1] == "" || !strings.HasSuffix(method, "Var") && !strings.HasSuffix(method, "VarP") {
			return
		}
		flags++
		if !regexp.MustCompile(`[^a-z-]--` + args[1] + `\b`).MatchString(text) {
			t.Errorf("docs/use.md does not name the flag --%s", args[1])
		}
	})
	if flags < 20 {
		t.Errorf("found only %d flags", flags)
	}
	commands(t, "cmd/kith/*.go", func(name string) {
		if !regexp.MustCompile("(kith|`[a-z ]*) ?" + name + `\b`).MatchString(text) {
			t.Errorf("docs/use.md does not name the command %s", name)
		}
	})
	for _, kind := range []client.Kind{client.Forked, client.RolledBack, client.BadProof, client.BadSignature, client.BadAuditor, client.Withheld, client.Rewritten, client.Unexpected} {
		if !strings.Contains(text, "*"+string(kind)+"*") {
			t.Errorf("docs/use.md does not name %q", kind)
		}
	}
}

// TestAuditNamesEveryFlag: the same for the flags and metrics of kith-auditor.
func TestAuditNamesEveryFlag(t *testing.T) {
	text, flags := readDoc(t, "docs/audit.md"), 0
	calls(t, "cmd/kith-auditor/*.go", func(method string, args []string) {
		if len(args) < 2 || args[1] == "" || !strings.HasSuffix(method, "Var") {
			return
		}
		flags++
		if !regexp.MustCompile(`[^a-z-]--` + args[1] + `\b`).MatchString(text) {
			t.Errorf("docs/audit.md does not name the flag --%s", args[1])
		}
	})
	if flags < 8 {
		t.Errorf("found only %d flags", flags)
	}
	literals(t, "cmd/kith-auditor/*.go", func(s string) {
		if metricName.MatchString(s) && !strings.Contains(text, "`"+s+"`") {
			t.Errorf("docs/audit.md does not name the metric %s", s)
		}
	})
	for _, kind := range []pass.Kind{
		pass.Fork, pass.Rollback, pass.BadCheckpoint, pass.BadTile, pass.BadLeaf, pass.BadFeed,
		pass.BadUpdate, pass.BadStep, pass.BadRoot, pass.Reconfigured,
	} {
		if !strings.Contains(text, "*"+string(kind)+"*") {
			t.Errorf("docs/audit.md does not name %q", kind)
		}
	}
}

var metricName = regexp.MustCompile(`^kith_[a-z_]+$`)

// fields returns the names that a type has in JSON, with those inside it.
func fields(of reflect.Type) []string {
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		names = append(append(names, name), fields(f.Type)...)
	}
	return names
}

func parseAll(t *testing.T, pattern string, visit func(ast.Node) bool) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(repository, pattern))
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, visit)
	}
}

// commands visits the names of commands: the first word of a cobra command's Use.
func commands(t *testing.T, pattern string, visit func(name string)) {
	t.Helper()
	found := 0
	parseAll(t, pattern, func(n ast.Node) bool {
		if field, ok := n.(*ast.KeyValueExpr); ok {
			if id, ok := field.Key.(*ast.Ident); ok && id.Name == "Use" {
				name, _, _ := strings.Cut(stringOf(field.Value), " ")
				found++
				visit(name)
			}
		}
		return true
	})
	if found < 3 {
		t.Errorf("%s: found only %d commands", pattern, found)
	}
}

// calls visits the method calls of files: the arguments that are string literals
// have their value, others are "".
func calls(t *testing.T, pattern string, visit func(method string, args []string)) {
	t.Helper()
	parseAll(t, pattern, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		args := make([]string, len(call.Args))
		for i, a := range call.Args {
			args[i] = stringOf(a)
		}
		visit(method.Sel.Name, args)
		return true
	})
}

func literals(t *testing.T, pattern string, visit func(string)) {
	t.Helper()
	parseAll(t, pattern, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok {
			visit(stringOf(l))
		}
		return true
	})
}

func stringOf(e ast.Expr) string {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(l.Value)
	if err != nil {
		return ""
	}
	return s
}
