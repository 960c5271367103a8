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
	"strings"
)

//go:embed probe/probe.go
var probeSource string

// Build is a server program built from one state of the source.
type Build struct {
	Name   string // what was built: a commit, or the work tree
	Code   string // digest of its code and data: equal for programs that do the same
	Probed string // path of the program with the probe, the one that is counted
}

// BuildError holds the words of the compiler, or of git.
type BuildError struct{ What, Words string }

func (e *BuildError) Error() string { return e.What + " does not build:\n" + e.Words }

// BuildCommit builds the server of a commit of the repository, below dir.
func BuildCommit(ctx context.Context, repo, commit, dir string) (Build, error) {
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
	return BuildTree(ctx, tree, name, dir)
}

// BuildTree builds the server of a source tree, below dir: once as it is, to see whether its
// code differs, and once with the probe.
func BuildTree(ctx context.Context, tree, name, dir string) (Build, error) {
	b := Build{Name: name, Probed: filepath.Join(dir, "netserve-probed")}
	tree, err := filepath.Abs(tree)
	if err != nil {
		return b, fmt.Errorf("build: %w", err)
	}
	plain := filepath.Join(dir, "netserve")
	if err := compile(ctx, tree, name, "-o", plain); err != nil {
		return b, err
	}
	if b.Code, err = codeDigest(plain); err != nil {
		return b, err
	}
	overlay, err := writeOverlay(tree, dir)
	if err != nil {
		return b, err
	}
	return b, compile(ctx, tree, name, "-overlay", overlay, "-o", b.Probed)
}

// serverPackage is where netserve has its main package.
const serverPackage = "servers/cmd/netserve"

func compile(ctx context.Context, tree, name string, flags ...string) error {
	args := append([]string{"build", "-trimpath", "-buildvcs=false"}, flags...)
	if _, err := output(ctx, tree, "go", append(args, "./"+serverPackage)...); err != nil {
		return &BuildError{name, err.Error()}
	}
	return nil
}

// writeOverlay puts the probe into the server's main package without touching the tree.
func writeOverlay(tree, dir string) (string, error) {
	source := strings.Replace(probeSource, "\npackage probe\n", "\npackage main\n", 1) +
		"\nfunc init() { GateListen() }\n"
	file := filepath.Join(dir, "probe.go")
	overlay, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(tree, serverPackage, "gate_probe.go"): file},
	})
	if err != nil {
		return "", fmt.Errorf("write overlay: %w", err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := errors.Join(os.WriteFile(file, []byte(source), 0o644), os.WriteFile(path, overlay, 0o644)); err != nil {
		return "", fmt.Errorf("write overlay: %w", err)
	}
	return path, nil
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
