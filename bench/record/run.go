package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The files of a run folder. Only RecordsFile grows; the others appear whole or not at all.
const (
	EnvFile     = "env.json"
	RecordsFile = "records.jsonl"
	BenchFile   = "bench.txt"
)

// Run is one run folder, as read from the disk.
type Run struct {
	Dir      string
	Env      Env
	Records  []Record // in the order of the file, which is the order of measurement
	Warnings []string // what was wrong with the folder, each naming file and line
	Corrupt  int      // lines that could not be read, a torn last one apart
}

// NewerError says that a run was written by a later version of the suite.
type NewerError struct {
	Path string
	V    int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s has schema version %d; this program reads up to %d: use the suite that wrote it",
		e.Path, e.V, Version)
}

// Open reads the run in dir. A torn last line is what a kill in mid-append leaves: it is
// forgiven, aloud. Every other line that cannot be read is named in Warnings and counted in
// Corrupt, and the rest is kept: one bad byte must not cost an hour of measurement. A newer
// schema is an error (*NewerError), since guessing at it would draw wrong charts.
func Open(dir string) (*Run, error) {
	run := &Run{Dir: dir}
	if err := run.readEnv(filepath.Join(dir, EnvFile)); err != nil {
		return nil, err
	}
	if err := run.readRecords(filepath.Join(dir, RecordsFile)); err != nil {
		return nil, err
	}
	return run, nil
}

func (run *Run) readEnv(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s holds no run: %w", run.Dir, err)
	}
	if err != nil {
		return fmt.Errorf("read run: %w", err)
	}
	if err := checkVersion(path, data); err != nil {
		return err
	}
	if err := json.Unmarshal(data, &run.Env); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (run *Run) readRecords(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // killed before the first cell was finished
	}
	if err != nil {
		return fmt.Errorf("read run: %w", err)
	}
	seen := map[Key]int{}
	for n := 1; len(data) > 0; n++ {
		line, rest, whole := bytes.Cut(data, []byte{'\n'})
		data = rest
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var rec Record
		if err := json.Unmarshal(line, &rec); err != nil {
			run.complain(path, n, whole, err)
			continue
		}
		if rec.V > Version {
			return &NewerError{Path: fmt.Sprintf("%s:%d", path, n), V: rec.V}
		}
		if first, twice := seen[rec.Key()]; twice {
			run.Warnings = append(run.Warnings,
				fmt.Sprintf("%s:%d: repeats the cell and block of line %d: ignored", path, n, first))
			run.Corrupt++
			continue
		}
		seen[rec.Key()] = n
		run.Records = append(run.Records, rec)
	}
	return nil
}

// complain notes a line that does not parse; whole tells a damaged line from a torn last one.
func (run *Run) complain(path string, n int, whole bool, err error) {
	if !whole {
		run.Warnings = append(run.Warnings,
			fmt.Sprintf("%s:%d: torn last line ignored (the run was killed while writing it)", path, n))
		return
	}
	run.Corrupt++
	run.Warnings = append(run.Warnings, fmt.Sprintf("%s:%d: unreadable record ignored: %v", path, n, err))
}

// checkVersion looks at the version before anything else: a newer schema may not even decode.
func checkVersion(path string, data []byte) error {
	var head struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if head.V > Version {
		return &NewerError{Path: path, V: head.V}
	}
	return nil
}

// Key names one measurement of a run: no two records of a run share it.
type Key struct {
	Cell  Cell
	Block int
}

// Key returns the record's place in its run.
func (r Record) Key() Key { return Key{Cell: r.Cell, Block: r.Block} }
