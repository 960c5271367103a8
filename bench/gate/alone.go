package gate

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"sync"

	"iomodels/bench/proc"
)

// registry is where a tree lists its models, a call each.
const registry = "servers/all/all.go"

// Alone digests the code of every model by itself: that of a server whose registry holds this
// model only, so that the linker throws away all that serves another. Models with equal digests
// are the same program; there is nothing to measure. A tree whose registry is no list of calls
// yields none: then nothing is known to be equal.
func (b Build) Alone(ctx context.Context, dir string) (map[string]string, error) {
	lists, err := singles(filepath.Join(b.tree, registry))
	if err != nil || lists == nil {
		return nil, err
	}
	var (
		building sync.WaitGroup
		mu       sync.Mutex
		digests  = map[string]string{}
		failed   error
	)
	turns := make(chan struct{}, 2) // linking is mostly one thread's work
	for i, list := range lists {
		building.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			name, digest, err := b.single(ctx, filepath.Join(dir, "alone-"+strconv.Itoa(i)), list)
			mu.Lock()
			defer mu.Unlock()
			digests[name], failed = digest, errors.Join(failed, err)
		})
	}
	building.Wait()
	return digests, failed
}

// Unchanged lists the models whose code is the same in both builds.
func Unchanged(base, head map[string]string) map[string]bool {
	same := map[string]bool{}
	for name := range maps.Keys(head) {
		if digest, known := base[name]; known && digest == head[name] {
			same[name] = true
		}
	}
	return same
}

// single builds a server with another registry, and asks it for the name of its one model.
func (b Build) single(ctx context.Context, program, list string) (name, digest string, err error) {
	overlay := program + ".json"
	if err := writeOverlay(overlay, filepath.Join(b.tree, registry), program+".go", list); err != nil {
		return "", "", err
	}
	if err := b.compile(ctx, program, "-overlay", overlay); err != nil {
		return "", "", err
	}
	defer os.Remove(program) // sixteen of them would be 200 MB
	models, err := proc.Models(ctx, program)
	if err != nil {
		return "", "", err
	}
	if len(models) != 1 {
		return "", "", fmt.Errorf("a registry with one call lists %d models", len(models))
	}
	digest, err = codeDigest(program)
	return models[0].Name, digest, err
}

// singles makes of a registry with n models n registries with one; nil if it has another form.
func singles(file string) ([]string, error) {
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read registry: %w", err)
	}
	imports, contract := importsOf(tree)
	var out []string
	for _, call := range callsOf(tree) {
		folder, known := imports[call[0]]
		if !known || contract == "" {
			return nil, nil
		}
		out = append(out, fmt.Sprintf("package %s\n\nimport (\n\t%q\n\t%s %q\n)\n\n"+
			"func Models() []servers.Model { return []servers.Model{%s.%s()} }\n",
			tree.Name.Name, contract, call[0], folder, call[0], call[1]))
	}
	return out, nil
}

// importsOf maps the names of a file's imports to their folders; contract is that of the models.
func importsOf(file *ast.File) (folders map[string]string, contract string) {
	folders = map[string]string{}
	for _, imp := range file.Imports {
		folder, _ := strconv.Unquote(imp.Path.Value) // the parser has accepted it
		name := path.Base(folder)
		if imp.Name != nil {
			name = imp.Name.Name
		}
		folders[name] = folder
		if name == "servers" {
			contract = folder
		}
	}
	return folders, contract
}

// callsOf lists the elements pkg.Name() of the list that Models returns.
func callsOf(file *ast.File) (calls [][2]string) {
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Name.Name != "Models" {
			continue
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			if pkg, named := selectorName(selector, ok); named && len(call.Args) == 0 {
				calls = append(calls, [2]string{pkg, selector.Sel.Name})
			}
			return true
		})
	}
	return calls
}

func selectorName(s *ast.SelectorExpr, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	id, ok := s.X.(*ast.Ident)
	if !ok {
		return "", false
	}
	return id.Name, true
}
