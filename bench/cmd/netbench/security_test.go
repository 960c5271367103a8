package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"iomodels/bench/proc/proctest"
	"iomodels/bench/record"
)

// TestNoShellIsBuilt: where a program of ours starts a shell its text is a constant, so nothing that
// a user or a client says can become a command.
func TestNoShellIsBuilt(t *testing.T) {
	shells := []string{`"sh"`, `"bash"`, `"/bin/sh"`, `"/bin/bash"`, `"-c"`}
	looked := 0
	err := filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		// Package survival is a test that happens to be importable: its one shell text is a constant.
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.Contains(path, "/survival/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		looked++
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			fun, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || (fun.Sel.Name != "Command" && fun.Sel.Name != "CommandContext") {
				return true
			}
			shell, fixed := false, true
			for _, arg := range call.Args {
				lit, ok := arg.(*ast.BasicLit)
				shell = shell || ok && slices.Contains(shells, lit.Value)
				fixed = fixed && ok
			}
			if shell && !fixed {
				t.Errorf("%s builds a command for a shell", path)
			}
			return true
		})
		return nil
	})
	if err != nil || looked < 100 {
		t.Errorf("looked at %d files, %v", looked, err)
	}
}

// TestResultsAreForEveryoneToReadAndForUsToWrite looks at each file of a run.
func TestResultsAreForEveryoneToReadAndForUsToWrite(t *testing.T) {
	bin, root := proctest.Install(t), t.TempDir()
	if got := netbench(bin, small(root)...); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	for _, name := range []string{record.EnvFile, record.RecordsFile, record.BenchFile} {
		info, err := os.Stat(filepath.Join(onlyRun(t, root), name))
		if err != nil || info.Mode() != 0o644 {
			t.Errorf("%s: mode %v, %v; want 0644", name, info.Mode(), err)
		}
	}
}
