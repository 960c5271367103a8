package gate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iomodels/bench/gate"
)

// twoModels writes a tree with two models in packages of their own; change is applied to alpha.
func twoModels(t *testing.T, change func(string) string) string {
	t.Helper()
	model := func(name, words string) string {
		return "package " + name + "\n\nimport \"example/servers\"\n\nfunc Model() servers.Model {\n" +
			"\treturn servers.Model{Name: \"" + name + "\", Serve: func() string { return \"" + words + "\" }}\n}\n"
	}
	dir := tree(t, `package main

import (
	"fmt"
	"os"

	"example/servers/all"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--list" {
		fmt.Print("[")
		for i, m := range all.Models() {
			if i > 0 {
				fmt.Print(",")
			}
			fmt.Printf("{\"name\":%q,\"available\":true}", m.Name)
		}
		fmt.Println("]")
		return
	}
	for _, m := range all.Models() {
		fmt.Println(m.Serve())
	}
}
`)
	for path, text := range map[string]string{
		"servers/servers.go":     "package servers\n\ntype Model struct {\n\tName  string\n\tServe func() string\n}\n",
		"servers/alpha/alpha.go": change(model("alpha", "one")),
		"servers/beta/beta.go":   model("beta", "two"),
		"servers/all/all.go": "package all\n\nimport (\n\t\"example/servers\"\n\t\"example/servers/alpha\"\n\t\"example/servers/beta\"\n)\n\n" +
			"func Models() []servers.Model {\n\treturn []servers.Model{\n\t\talpha.Model(),\n\t\tbeta.Model(),\n\t}\n}\n",
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// alone builds a tree and digests its models one by one.
func alone(t *testing.T, dir string) (gate.Build, map[string]string) {
	t.Helper()
	b, err := gate.BuildTree(t.Context(), dir, "tree", t.TempDir(), gate.Recipe{})
	if err != nil {
		t.Fatal(err)
	}
	digests, err := b.Alone(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return b, digests
}

func TestOnlyTheModelThatChangedIsChanged(t *testing.T) {
	t.Parallel()
	keep := func(s string) string { return s }
	base, was := alone(t, twoModels(t, keep))
	head, is := alone(t, twoModels(t, func(s string) string { return strings.Replace(s, "one", "uno", 1) }))
	if base.Code == head.Code || len(was) != 2 || len(is) != 2 {
		t.Fatalf("%s, %s; %v, %v", base.Code, head.Code, was, is)
	}
	if same := gate.Unchanged(was, is); !same["beta"] || same["alpha"] {
		t.Errorf("unchanged: %v", same)
	}
	_, none := alone(t, tree(t, hello))
	if len(none) != 0 || len(gate.Unchanged(was, none)) != 0 {
		t.Errorf("a tree without a registry has %v", none)
	}
}

// TestLayoutsDiffer: a fresh layout is another program that does the same.
func TestLayoutsDiffer(t *testing.T) {
	t.Parallel()
	b, err := build(t, hello)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var programs [3]string
	for i, seed := range []uint64{2, 400, 2} {
		path := filepath.Join(dir, "program")
		if err := b.Link(t.Context(), seed, path); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		programs[i] = string(data)
	}
	if programs[0] == programs[1] || programs[0] != programs[2] {
		t.Errorf("layouts: other seeds differ: %v, equal ones do not: %v",
			programs[0] != programs[1], programs[0] == programs[2])
	}
}
