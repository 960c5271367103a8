package lanes

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"iomodels/bench/trace"
)

// Load reads a trace file and takes its digest.
func Load(path string) (Source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Source{}, fmt.Errorf("a picture needs its trace (make traces captures it): %w", err)
	}
	t, err := trace.Read(bytes.NewReader(text))
	if err != nil {
		return Source{}, fmt.Errorf("%s: %w", path, err)
	}
	sum := sha256.Sum256(text)
	return Source{t, Digest{filepath.Base(path), hex.EncodeToString(sum[:])}}, nil
}

// The places in a folder of lessons.
const (
	TracesDir  = "traces"
	Comparison = "side-by-side.svg"
)

// Compared are the models that stand side by side.
func Compared() []string {
	return []string{"reactor", "proactor-emulated", "proactor", "goroutine"}
}

// Names are the models that have a picture, each with the protocol that it is shown with: echo, for
// those that speak it.
type Name struct{ Model, Proto string }

// File is the trace of a model, in the folder of traces.
func (n Name) File() string { return n.Model + "." + n.Proto + ".jsonl" }

// LoadAll reads the traces of all models from a folder of lessons. Every one must be there: a
// picture without a trace would be a drawing.
func LoadAll(dir string, names []Name) ([]Source, error) {
	var all []Source
	for _, n := range names {
		src, err := Load(filepath.Join(dir, TracesDir, n.File()))
		if err != nil {
			return nil, err
		}
		all = append(all, src)
	}
	return all, nil
}

// Write draws all pictures into a folder of lessons: one of each model, and the comparison.
func Write(dir string, sources []Source) error {
	byModel := map[string]Source{}
	for _, src := range sources {
		h := src.Trace.Header
		byModel[h.Model] = src
		if err := write(dir, h.Model+".svg", Picture(src)); err != nil {
			return err
		}
	}
	var compared []Source
	for _, model := range Compared() {
		src, ok := byModel[model]
		if !ok {
			return fmt.Errorf("draw %s: there is no trace of %s", Comparison, model)
		}
		compared = append(compared, src)
	}
	return write(dir, Comparison, SideBySide(compared))
}

func write(dir, name, text string) error {
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		return fmt.Errorf("write a picture: %w", err)
	}
	return nil
}
