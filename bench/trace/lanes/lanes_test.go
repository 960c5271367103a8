package lanes_test

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"iomodels/bench/trace"
	"iomodels/bench/trace/lanes"
)

const lessons = "../../../results/lessons"

// names are the models whose traces are in the tree.
func names(t *testing.T) []lanes.Name {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(lessons, lanes.TracesDir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces, %v: make traces", err)
	}
	var all []lanes.Name
	for _, f := range files {
		model, proto, _ := strings.Cut(strings.TrimSuffix(filepath.Base(f), ".jsonl"), ".")
		all = append(all, lanes.Name{Model: model, Proto: proto})
	}
	return all
}

func load(t *testing.T, model string) lanes.Source {
	t.Helper()
	for _, n := range names(t) {
		if n.Model == model {
			src, err := lanes.Load(filepath.Join(lessons, lanes.TracesDir, n.File()))
			if err != nil {
				t.Fatal(err)
			}
			return src
		}
	}
	t.Fatalf("no trace of %s", model)
	return lanes.Source{}
}

// TestPicturesFollowTheirTraces: what is in the tree is what the traces in the tree draw.
func TestPicturesFollowTheirTraces(t *testing.T) {
	sources, err := lanes.LoadAll(lessons, names(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := lanes.Write(dir, sources); err != nil {
		t.Fatal(err)
	}
	drawn, err := os.ReadDir(dir)
	if err != nil || len(drawn) != len(sources)+1 {
		t.Fatalf("%d pictures of %d traces, %v", len(drawn), len(sources), err)
	}
	for _, d := range drawn {
		want, err := os.ReadFile(filepath.Join(dir, d.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(lessons, d.Name()))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is not what its trace draws (%v): netbench traces results/lessons", d.Name(), err)
		}
		wellFormed(t, d.Name(), string(want))
	}
}

func wellFormed(t *testing.T, name, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}

// TestNoTraceNoPicture: without its trace a picture cannot be built, and with another one it tells.
func TestNoTraceNoPicture(t *testing.T) {
	all := names(t)
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, lanes.TracesDir), os.DirFS(filepath.Join(lessons, lanes.TracesDir))); err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(dir, lanes.TracesDir, all[len(all)/2].File())
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	if _, err := lanes.LoadAll(dir, all); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "make traces") {
		t.Errorf("a trace is gone, and the error is %v", err)
	}
	// The comparison needs all of its models.
	few := []lanes.Source{load(t, "reactor")}
	if err := lanes.Write(t.TempDir(), few); err == nil || !strings.Contains(err.Error(), "no trace of proactor-emulated") {
		t.Errorf("one of four models is there, and the error is %v", err)
	}
}

func TestPicturesNameTheirTraces(t *testing.T) {
	src := load(t, "reactor")
	text, err := os.ReadFile(filepath.Join(lessons, lanes.TracesDir, src.Digest.File))
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), src.Digest.File)
	if err := os.WriteFile(other, append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	changed, err := lanes.Load(other)
	if err != nil {
		t.Fatal(err)
	}
	digest := regexp.MustCompile(`data-sha256="([0-9a-f]{64})"`)
	a, b := digest.FindStringSubmatch(lanes.Picture(src)), digest.FindStringSubmatch(lanes.Picture(changed))
	if a == nil || b == nil || a[1] == b[1] {
		t.Errorf("two traces, and the pictures name %q and %q", a, b)
	}
}

// TestScenes: what each of the four is known for can be seen in its scene.
func TestScenes(t *testing.T) {
	for _, tc := range []struct {
		model string
		verbs []string // in this order, others in between
		bars  int      // that hold memory of the program
		lanes lanes.Kind
	}{
		{"reactor", []string{"ask", "wait", "notify", "read", "handle", "send"}, 0, lanes.Goroutine},
		{"proactor-emulated", []string{"ask", "notify", "read", "complete", "handle", "submit", "send", "complete"}, 1, lanes.Emulation},
		{"proactor", []string{"ask", "complete", "handle", "submit", "complete"}, 1, lanes.Kernel},
		{"goroutine", []string{"ask", "wake", "read", "handle", "send", "read", "park"}, 0, lanes.Goroutine},
	} {
		t.Run(tc.model, func(t *testing.T) {
			s := lanes.SceneOf(load(t, tc.model).Trace, trace.MarkSend)
			items := slices.Clone(s.Items)
			slices.SortStableFunc(items, func(a, b lanes.Item) int { return a.To - b.To })
			at, seen := 0, []string{}
			for _, i := range items {
				if i.Verb.Name == "" {
					continue
				}
				seen = append(seen, i.Verb.Name)
				if at < len(tc.verbs) && i.Verb.Name == tc.verbs[at] {
					at++
				}
			}
			if at < len(tc.verbs) {
				t.Errorf("seen %q; want in this order %q", seen, tc.verbs)
			}
			bars := 0
			for _, b := range s.Bars {
				if b.Bytes > 0 {
					bars++
				}
			}
			if bars != tc.bars || !slices.ContainsFunc(s.Lanes, func(l lanes.Lane) bool { return l.Kind == tc.lanes }) {
				t.Errorf("%d bars with memory, want %d, among the lanes %v", bars, tc.bars, s.Lanes)
			}
			if tc.model == "proactor" && slices.Contains(seen, "read") {
				t.Error("a proactor that reads is none")
			}
		})
	}
}

// TestLettersAreUnique: a letter alone must be enough to tell a verb.
func TestLettersAreUnique(t *testing.T) {
	letters := map[string]string{}
	for _, v := range lanes.Verbs() {
		if other, taken := letters[v.Letter]; taken {
			t.Errorf("%s and %s are both %s", other, v.Name, v.Letter)
		}
		letters[v.Letter] = v.Name
		if !strings.Contains(lanes.CSS(), "--"+v.Name+":#") {
			t.Errorf("%s has no colour", v.Name)
		}
	}
}
