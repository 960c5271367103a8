package all_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"iomodels/servers"
	"iomodels/servers/all"
)

func TestModelsAreWellFormed(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][a-z0-9-]*$`) // it becomes a flag's value, a file name, a label
	families := map[servers.Family]bool{
		servers.Blocking: true, servers.Reactor: true, servers.Proactor: true, servers.Library: true,
	}
	notify := []servers.Notify{servers.ReturnValue, servers.Readiness, servers.Completion}
	wait := []servers.Wait{servers.Blocks, servers.Polls, servers.GoesOn}
	seen := map[string]bool{}
	for _, m := range all.Models() {
		switch {
		case !name.MatchString(m.Name):
			t.Errorf("%q is no name for a model", m.Name)
		case seen[m.Name]:
			t.Errorf("%s is listed twice", m.Name)
		case !families[m.Family]:
			t.Errorf("%s: unknown family %q", m.Name, m.Family)
		case m.Serve == nil || m.Summary == "" || strings.Contains(m.Summary, "\n"):
			t.Errorf("%s needs Serve and a summary of one line", m.Name)
		case !slices.Contains(notify, m.Notify) || !slices.Contains(wait, m.Wait):
			t.Errorf("%s has no place among the ways to wait: notify %q, wait %q", m.Name, m.Notify, m.Wait)
		case m.Family != servers.Library && len(m.KnownLimits) > 0:
			t.Errorf("%s is ours and has known limits", m.Name)
		}
		seen[m.Name] = true
	}
}

// TestEveryModelIsListed: a folder that offers a model and is not in the registry is dead code.
func TestEveryModelIsListed(t *testing.T) {
	registry, err := os.ReadFile("all.go")
	if err != nil {
		t.Fatal(err)
	}
	offered := 0
	err = fs.WalkDir(os.DirFS(".."), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") || path.Dir(file) == "all" {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), path.Join("..", file), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, constructor := range constructors(tree) {
			offered++
			call := tree.Name.Name + "." + constructor + "("
			if !strings.Contains(string(registry), call) {
				t.Errorf("%s offers a model; all.go does not call %s)", file, call)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if listed := len(all.Models()); offered != listed {
		t.Errorf("%d models are listed, %d are offered", listed, offered)
	}
}

// constructors returns the names of the exported functions of a file that make a Model of nothing.
func constructors(file *ast.File) []string {
	var names []string
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || !fn.Name.IsExported() || fn.Type.Results.NumFields() != 1 ||
			fn.Type.Params.NumFields() > 0 {
			continue
		}
		result, ok := fn.Type.Results.List[0].Type.(*ast.SelectorExpr)
		if ok && result.Sel.Name == "Model" {
			names = append(names, fn.Name.Name)
		}
	}
	return names
}
