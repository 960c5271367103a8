package duel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"iomodels/bench/record"
)

// Keep puts a result into the file at path, a JSON line each, in place of an earlier one of the
// same pair, so that one duel can be fought again and the others stay. The file appears whole or
// not at all; one that cannot be read is left alone.
func Keep(path string, res Result) error {
	kept, err := Kept(path)
	if err != nil {
		return fmt.Errorf("keep duel: %w", err)
	}
	pair := Pair{A: res.A.Name, B: res.B.Name, Load: res.Load}
	if i := slices.IndexFunc(kept, func(r Result) bool { return r.Of(pair) }); i >= 0 {
		kept[i] = res
	} else {
		kept = append(kept, res)
	}
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	for _, r := range kept {
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("keep duel: %w", err)
		}
	}
	return record.WriteWhole(path, lines.Bytes())
}

// Kept reads the results in the file at path; none if there is no file.
func Kept(path string) ([]Result, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read duels: %w", err)
	}
	var kept []Result
	for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		var r Result
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		kept = append(kept, r)
	}
	return kept, nil
}

// Of reports whether the result is one of the pair.
func (r Result) Of(p Pair) bool { return r.A.Name == p.A && r.B.Name == p.B && r.Load == p.Load }

// In reports whether the results hold one of the pair with that many rounds.
func (p Pair) In(kept []Result, rounds int) bool {
	return slices.ContainsFunc(kept, func(r Result) bool { return r.Of(p) && r.Rounds >= rounds })
}
