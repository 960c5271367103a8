package bench_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// The style of the house, as tests. A rule that is only wished for erodes; these fail.
const (
	module      = "iomodels"
	maxFile     = 400 // lines of a file: more does not fit a head
	maxFunc     = 60  // lines of a function
	maxColumns  = 130 // columns of a line, tabs counted as four
	maxModel    = 400 // lines of a package of a model, without tests: one sitting
	slackInTest = 30  // percent by which tables of test cases may be wider and longer
	maxHeart    = 60  // lines between the HEART markers
	modelFolder = "servers/"
)

// mayImport lists, for each part of the tree, the parts of this module it may import. The
// longest matching prefix decides. Nothing points back: protocols know no sockets, models know
// no registry, the generator knows no server, and the experiment drives programs, not packages.
var mayImport = map[string][]string{
	"servers":             {"servers/proto"},
	"servers/proto":       {},
	"servers/rawcall":     {},
	"servers/sock":        {"servers/rawcall"},
	"servers/probe":       {},
	"servers/deadline":    {"servers", "servers/proto"},
	"servers/offload":     {"servers/proto", "servers/probe"},
	"servers/blocking":    {"servers", "servers/proto", "servers/sock", "servers/offload", "servers/deadline"},
	"servers/watchdog":    {},
	"servers/guard":       modelParts,
	"servers/loops":       {"servers", "servers/proto", "servers/sock", "servers/offload", "servers/watchdog"},
	"servers/servertest":  {"servers", "servers/proto", "servers/sock"},
	"servers/goroutine":   modelParts,
	"servers/thread":      modelParts,
	"servers/prefork":     append([]string{"servers/goroutine"}, modelParts...),
	"servers/reactor":     append([]string{"servers/reactor"}, modelParts...),
	"servers/proactor":    append([]string{"servers/reactor", "servers/proactor"}, modelParts...),
	"servers/libgnet":     append([]string{"servers/libgnet"}, modelParts...),
	"servers/libnetpoll":  append([]string{"servers/libnetpoll"}, modelParts...),
	"servers/libfasthttp": modelParts,
	"servers/nethttp":     modelParts,
	"servers/all":         {"servers"},
	"servers/cmd":         {"servers"},
	"loadgen":             {"loadgen"},
	"bench":               {"bench", "loadgen"},
	"bench/record":        {"bench/record", "loadgen"},
	"bench/proc":          {"bench/proc", "bench/record", "loadgen"},
	"bench/stats":         {"bench/stats", "bench/record"},
	"bench/slice":         {"bench/slice", "bench/proc", "bench/record", "bench/stats", "loadgen"},
	"bench/duel":          {"bench/duel", "bench/slice", "bench/proc", "bench/record", "bench/stats", "loadgen"},
	"bench/conform":       {},
	"bench/trace":         {"bench/trace", "bench/chart"},
	"bench/lab":           {"bench/proc", "bench/report/table"},
	"bench/lesson":        {"bench/lesson", "bench/lab", "bench/trace", "bench/chart", "bench/proc", "bench/record"},
	"bench/chart":         {"bench/chart", "bench/stats", "bench/record", "loadgen"},
	"bench/advise":        {"bench/report/table", "bench/stats", "bench/record", "loadgen"},
	"bench/report":        {"bench/report", "bench/advise", "bench/chart", "bench/stats", "bench/record", "loadgen"},
}

var modelParts = []string{
	"servers", "servers/proto", "servers/sock", "servers/offload", "servers/deadline", "servers/blocking",
	"servers/guard", "servers/loops", "servers/watchdog", "servers/probe", "servers/rawcall",
}

// exact lists the parts whose permission above means that very package and not its folder:
// importing the contract must not open the door to every model.
var exact = map[string]bool{"servers": true}

func TestImportsPointInOneDirection(t *testing.T) {
	for _, f := range goFiles(t) {
		if strings.HasSuffix(f.path, "_test.go") {
			continue // tests may reach across: servertest, say
		}
		from := filepath.Dir(f.path)
		allowed, rule := ruleFor(from)
		for _, imp := range f.ast.Imports {
			path, _ := strconv.Unquote(imp.Path.Value)
			to, ours := strings.CutPrefix(path, module+"/")
			if !ours {
				continue
			}
			if !permitted(rule, allowed, to) {
				t.Errorf("%s imports %s: %q may import only %q", f.path, to, rule, allowed)
			}
		}
	}
}

func ruleFor(dir string) ([]string, string) {
	for p := dir; p != "."; p = filepath.Dir(p) {
		if allowed, ok := mayImport[p]; ok {
			return allowed, p
		}
	}
	return nil, dir
}

func permitted(rule string, allowed []string, to string) bool {
	if rule == "servers/all" || rule == "servers/cmd" {
		return to == "servers" || strings.HasPrefix(to, "servers/")
	}
	if strings.HasPrefix(rule, "bench") && strings.HasPrefix(to, "loadgen") {
		return to == "loadgen" // the types, never the engine
	}
	for _, a := range allowed {
		if to == a || (!exact[a] && strings.HasPrefix(to, a+"/")) {
			return true
		}
	}
	return false
}

func TestSizeBudgets(t *testing.T) {
	pkgLines := map[string]int{}
	for _, f := range goFiles(t) {
		isTest, slack := strings.HasSuffix(f.path, "_test.go"), 0
		if isTest {
			slack = slackInTest
		} else {
			functionBudgets(t, f)
		}
		lines := strings.Split(string(f.src), "\n")
		if !isTest {
			pkgLines[filepath.Dir(f.path)] += len(lines) - 1
		}
		budget(t, f.path, len(lines)-1, maxFile*(100+slack)/100, "lines in a file")
		for i, line := range lines {
			widest := maxColumns * (100 + slack) / 100
			if n := len([]rune(strings.ReplaceAll(line, "\t", "    "))); n > widest {
				t.Errorf("%s:%d has %d columns, more than %d", f.path, i+1, n, widest)
			}
		}
	}
	for dir, lines := range pkgLines {
		if isModel(dir) {
			budget(t, dir, lines, maxModel, "lines in a package of a model")
		}
	}
}

func functionBudgets(t *testing.T, f goFile) {
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if fn.Name.Name == "init" {
			t.Errorf("%s: func init: registration by import hides who is in the registry", f.path)
		}
		from, to := f.set.Position(fn.Pos()).Line, f.set.Position(fn.End()).Line
		budget(t, f.path+":"+fn.Name.Name, to-from+1, maxFunc, "lines in a function")
	}
}

func budget(t *testing.T, what string, got, limit int, unit string) {
	t.Helper()
	if got > limit {
		t.Errorf("%s has %d %s, more than %d", what, got, unit, limit)
	}
}

// isModel reports whether dir is a package of a model: its own, or one below it. What models
// test themselves with is none.
func isModel(dir string) bool {
	model, _, _ := strings.Cut(strings.TrimPrefix(dir, modelFolder), "/")
	return dir != "servers/proactor/proactortest" && slices.Contains([]string{
		"goroutine", "prefork", "thread", "reactor", "proactor", "libgnet", "libnetpoll", "libfasthttp", "nethttp",
	}, model)
}

// TestHearts: what happens when a connection is ready (reactor) or an operation is complete
// (proactor) stands between markers, short enough to be read aloud, in the benchmarked file.
func TestHearts(t *testing.T) {
	found := map[string]int{}
	for _, f := range goFiles(t) {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		start := 0
		for i, line := range strings.Split(string(f.src), "\n") {
			switch strings.TrimSpace(line) {
			case "// HEART":
				start = i + 1
			case "// HEART END":
				n := i - start
				found[filepath.Dir(f.path)] += n
				if n > maxHeart {
					t.Errorf("%s: the heart has %d lines, more than %d", f.path, n, maxHeart)
				}
			}
		}
	}
	for _, dir := range []string{"servers/reactor", "servers/proactor/server"} {
		if found[dir] == 0 {
			t.Errorf("%s has no // HEART ... // HEART END", dir)
		}
	}
}

// TestNoLeftovers keeps unfinished marks and paths of somebody's machine out of the tree.
func TestNoLeftovers(t *testing.T) {
	marks := []string{"TO" + "DO", "FIX" + "ME", "/ho" + "me/", "/ro" + "ot/", "/wo" + "rk/"}
	walk(t, func(path string, src []byte) {
		switch filepath.Ext(path) {
		case ".go", ".md", ".sh", ".yml", ".c", "":
		default:
			return
		}
		for _, mark := range marks {
			if i := strings.Index(string(src), mark); i >= 0 {
				t.Errorf("%s:%d: %q", path, 1+strings.Count(string(src[:i]), "\n"), mark)
			}
		}
	})
}

func TestEveryPackageExplainsItself(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range goFiles(t) {
		if dir := filepath.Dir(f.path); !strings.HasSuffix(f.path, "_test.go") {
			documented[dir] = documented[dir] || len(f.ast.Doc.Text()) > 80
		}
	}
	var dirs []string
	for dir, ok := range documented {
		if !ok {
			dirs = append(dirs, dir)
		}
	}
	sort.Strings(dirs)
	for _, dir := range dirs {
		t.Errorf("%s has no package comment that explains it", dir)
	}
}

type goFile struct {
	path string
	src  []byte
	set  *token.FileSet
	ast  *ast.File
}

func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	walk(t, func(path string, src []byte) {
		if filepath.Ext(path) != ".go" || strings.Contains(path, "testdata/") {
			return
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, path, src, parser.ParseComments)
		if err != nil {
			t.Fatalf("parse %s: %v", path, err)
		}
		files = append(files, goFile{path, src, set, tree})
	})
	return files
}

// walk visits every file of the tree below the module's root, results and hidden folders apart.
func walk(t *testing.T, visit func(path string, src []byte)) {
	t.Helper()
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("walk %s: %w", path, err)
		}
		name := d.Name()
		if d.IsDir() {
			if name == "bin" || name == "results" || (strings.HasPrefix(name, ".") && name != "." && name != ".ci") {
				return fs.SkipDir
			}
			return nil
		}
		src, err := fs.ReadFile(root, path)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		visit(path, src)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
