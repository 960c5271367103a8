package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"iomodels/bench/record"
)

// programs finds netserve and netload: in the folder that was given, or beside netbench.
func (a *app) programs() (record.Programs, error) {
	dir := a.bin
	if dir == "" {
		self, err := os.Executable()
		if err != nil {
			return record.Programs{}, fmt.Errorf("find own folder: %w", err)
		}
		dir = filepath.Dir(self)
	}
	dir, err := filepath.Abs(dir) // a bare name would be looked up in PATH
	if err != nil {
		return record.Programs{}, fmt.Errorf("find programs: %w", err)
	}
	p := record.Programs{Netserve: filepath.Join(dir, "netserve"), Netload: filepath.Join(dir, "netload")}
	for _, path := range []string{p.Netserve, p.Netload} {
		_, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return p, fmt.Errorf("%s is missing: build it with `make build`, or say --bin FOLDER", path)
		}
		if err != nil {
			return p, fmt.Errorf("find programs: %w", err)
		}
	}
	return p, nil
}
