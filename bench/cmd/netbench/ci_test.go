package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"iomodels/bench/gate"
)

// workflow is what is looked at of a workflow file.
type workflow struct {
	On          map[string]any    `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Concurrency map[string]string `yaml:"concurrency"`
	Jobs        map[string]struct {
		If          string            `yaml:"if"`
		Needs       string            `yaml:"needs"`
		RunsOn      string            `yaml:"runs-on"`
		Permissions map[string]string `yaml:"permissions"`
		Steps       []struct {
			Uses string            `yaml:"uses"`
			Run  string            `yaml:"run"`
			With map[string]any    `yaml:"with"`
			Env  map[string]string `yaml:"env"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

func readWorkflow(t *testing.T) workflow {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(), ".github", "workflows", "bench.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(data, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

// root is that of the repository.
func root() string { return filepath.Join("..", "..", "..") }

// TestWorkflow: what can be known of a workflow without its forge. It parses, every step does
// something, every script is there, and what runs foreign code cannot write.
func TestWorkflow(t *testing.T) {
	w := readWorkflow(t)
	script := regexp.MustCompile(`scripts/[a-z-]+\.sh`)
	for name, job := range w.Jobs {
		if job.RunsOn == "" || len(job.Steps) == 0 {
			t.Errorf("job %s has no machine or no steps", name)
		}
		for i, step := range job.Steps {
			if (step.Uses == "") == (step.Run == "") {
				t.Errorf("job %s, step %d: want uses or run, and not both", name, i+1)
			}
			if step.Uses != "" && !regexp.MustCompile(`^[a-z/-]+@v[0-9]+$`).MatchString(step.Uses) {
				t.Errorf("job %s, step %d uses %q", name, i+1, step.Uses)
			}
			if strings.Contains(step.Run, "${{") {
				t.Errorf("job %s, step %d: an expression in a script is code that others can write: use env", name, i+1)
			}
			for _, s := range script.FindAllString(step.Run, -1) {
				if info, err := os.Stat(filepath.Join(root(), s)); err != nil || info.Mode()&0o111 == 0 {
					t.Errorf("job %s runs %s: %v", name, s, err)
				}
			}
			syntax(t, "job "+name, step.Run)
		}
	}
	if w.On["pull_request"] == nil && len(w.On) < 2 || len(w.Concurrency) == 0 {
		t.Errorf("triggers %v, concurrency %v", w.On, w.Concurrency)
	}
	if w.Permissions["contents"] != "read" || len(w.Jobs["gate"].Permissions) != 0 {
		t.Error("the job that runs the code of a pull request may write")
	}
	comment := w.Jobs["comment"]
	if comment.Needs != "gate" || !strings.Contains(comment.If, "head.repo.full_name == github.repository") {
		t.Errorf("comment: needs %q, if %q", comment.Needs, comment.If)
	}
	for _, step := range comment.Steps {
		if strings.HasPrefix(step.Uses, "actions/checkout") {
			t.Error("the job that may write checks the pull request out")
		}
	}
	if last := comment.Steps[len(comment.Steps)-1].Run; !strings.Contains(last, gate.Marker) ||
		!strings.Contains(last, "PATCH") {
		t.Errorf("comments are not found by %q, or not edited:\n%s", gate.Marker, last)
	}
}

// syntax lets bash read a script without running it.
func syntax(t *testing.T, what, script string) {
	t.Helper()
	cmd := exec.Command("bash", "-n")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", what, err, out)
	}
}

// TestScriptForAnyCI runs it with a netbench that writes down what it was called with.
func TestScriptForAnyCI(t *testing.T) {
	dir := t.TempDir()
	fake, calls := filepath.Join(dir, "netbench"), filepath.Join(dir, "calls")
	if err := os.WriteFile(fake, []byte("#!/bin/sh\necho \"$@\" >> "+calls+"\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		env  []string
		code int
		want string // what netbench was called with, or what was printed
	}{
		{
			"gate",
			[]string{"gate"},
			[]string{"BASE=main~1", "OUT=/x", "MODELS=reactor,gnet"},
			3,
			"gate --base main~1 --head HEAD --models reactor,gnet --out /x\n",
		},
		{"defaults", []string{"gate"}, []string{"BASE=v1"}, 3, "gate --base v1 --head HEAD --out ci-bench\n"},
		{"export", []string{"export", "RUN"}, nil, 3, "export RUN --format all --out ci-bench\n"},
		{"no run", []string{"export"}, nil, 1, "which run"},
		{"no verb", nil, nil, 2, "Exit code of gate: 0 nothing is worse"},
		{"unknown verb", []string{"gaet"}, nil, 2, "scripts/ci-bench.sh record"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.RemoveAll(calls); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(filepath.Join(root(), "scripts", "ci-bench.sh"), tc.args...)
			cmd.Env = append(append(os.Environ(), "NETBENCH="+fake), tc.env...)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != tc.code {
				t.Fatalf("%v, want exit code %d\n%s", err, tc.code, out)
			}
			called, err := os.ReadFile(calls)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			if got := string(called) + string(out); !strings.Contains(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
