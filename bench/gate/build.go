package gate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed probe/probe.go
var probeSource string

// Build is a server program built from one state of the source.
type Build struct {
	Name   string // what was built: a commit, or the work tree
	Code   string // digest of its code and data: equal for programs that do the same
	Probed string // path of the program with the probe, the one that is counted

	tree   string // the source, absolute
	recipe Recipe
}

// Recipe says how to build; the zero value is as everybody does.
type Recipe struct {
	Flags  []string // further flags of go build, as -tags=inject
	Layout uint64   // the order of functions in the counted program; 0: the linker's own
}

// BuildError holds the words of the compiler, or of git.
type BuildError struct{ What, Words string }

func (e *BuildError) Error() string { return e.What + " does not build:\n" + e.Words }

// BuildCommit builds the server of a commit of the repository, below dir.
func BuildCommit(ctx context.Context, repo, commit, dir string, recipe Recipe) (Build, error) {
	tree := filepath.Join(dir, "tree")
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return Build{}, fmt.Errorf("make tree: %w", err)
	}
	name, err := output(ctx, repo, "git", "rev-parse", "--short=12", "--verify", commit+"^{commit}")
	if err != nil {
		return Build{}, &BuildError{"commit " + commit, err.Error()}
	}
	archive := filepath.Join(dir, "tree.tar")
	if _, err := output(ctx, repo, "git", "archive", "--format=tar", "-o", archive, name); err != nil {
		return Build{}, &BuildError{"commit " + name, err.Error()}
	}
	if _, err := output(ctx, tree, "tar", "-xf", archive); err != nil {
		return Build{}, &BuildError{"commit " + name, err.Error()}
	}
	return BuildTree(ctx, tree, name, dir, recipe)
}

// BuildTree builds the server of a source tree, below dir: once as it is, to see whether its
// code differs, and once with the probe.
func BuildTree(ctx context.Context, tree, name, dir string, recipe Recipe) (Build, error) {
	b := Build{Name: name, Probed: filepath.Join(dir, "netserve-probed"), recipe: recipe}
	var err error
	if b.tree, err = filepath.Abs(tree); err != nil {
		return b, fmt.Errorf("build: %w", err)
	}
	plain := filepath.Join(dir, "netserve")
	if err := b.compile(ctx, plain); err != nil {
		return b, err
	}
	if b.Code, err = codeDigest(plain); err != nil {
		return b, err
	}
	overlay, err := addProbe(b.tree, dir)
	if err != nil {
		return b, err
	}
	return b, b.compile(ctx, b.Probed, "-overlay", overlay, layout(recipe.Layout))
}

// Link links the server that is timed, with its functions in an order that follows from the
// seed. How a program happens to lie in memory can be worth more than the change that is
// judged; a comparison of two programs must be one of many layouts of each.
func (b Build) Link(ctx context.Context, seed uint64, path string) error {
	return b.compile(ctx, path, layout(seed))
}

// stripped leaves out what only debuggers read: linking takes half the time, and the code is the same.
const stripped = "-ldflags=-s -w"

// layout is stripped and a random order of functions; the linker knows 63 bits, and 0 is none.
func layout(seed uint64) string { return fmt.Sprintf("%s -randlayout=%d", stripped, seed>>1) }

// serverPackage is where netserve has its main package.
const serverPackage = "servers/cmd/netserve"

func (b Build) compile(ctx context.Context, program string, flags ...string) error {
	args := slices.Concat([]string{"build", "-trimpath", "-buildvcs=false", stripped}, b.recipe.Flags, flags,
		[]string{"-o", program, "./" + serverPackage})
	if _, err := output(ctx, b.tree, "go", args...); err != nil {
		return &BuildError{b.Name, err.Error()}
	}
	return nil
}

// addProbe puts the probe into the server's main package without touching the tree, and
// returns the overlay that does it.
func addProbe(tree, dir string) (overlay string, err error) {
	source := strings.Replace(probeSource, "\npackage probe\n", "\npackage main\n", 1) +
		"\nfunc init() { GateListen() }\n"
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, writeOverlay(overlay, filepath.Join(tree, serverPackage, "gate_probe.go"),
		filepath.Join(dir, "probe.go"), source)
}

// writeOverlay writes a source to the file named by, and what makes go build take it for file.
func writeOverlay(overlay, file, by, source string) error {
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {file: by}})
	if err == nil {
		err = errors.Join(os.WriteFile(by, []byte(source), 0o644), os.WriteFile(overlay, replace, 0o644))
	}
	if err != nil {
		return fmt.Errorf("write overlay: %w", err)
	}
	return nil
}

// codeDigest is a digest of the sections that hold what a program does. The build id and the
// table of line numbers are not in it: an edited comment changes them, and nothing else.
func codeDigest(path string) (string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return "", fmt.Errorf("digest of code: %w", err)
	}
	defer file.Close()
	sum := sha256.New()
	for _, name := range []string{".text", ".rodata", ".data", ".noptrdata", ".typelink", ".itablink"} {
		section := file.Section(name)
		if section == nil {
			continue // linkers differ in what they keep apart
		}
		data, err := section.Data()
		if err != nil {
			return "", fmt.Errorf("digest of %s in %s: %w", name, path, err)
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(data))
		sum.Write(data)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// output runs a program in dir; its error holds what the program said.
func output(ctx context.Context, dir, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", program, args[0], err, strings.TrimSpace(words.String()))
	}
	return strings.TrimSpace(out.String()), nil
}
