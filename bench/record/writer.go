package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Writer appends records to one run. It owns the lock of the results folder while it is open.
type Writer struct {
	Dir string

	lock *Lock
	file *os.File
	size int64 // end of the last whole line
	seq  int
}

// probeSize is what must fit on the disk before a run starts: less than most runs write, more
// than the rounding of any file system.
const probeSize = 256 << 10

// Create makes a new run folder below root, named by time and commit, and writes env.json.
// A folder that cannot be written is found here, before any load.
func Create(root string, env Env) (*Writer, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("make results folder: %w", err)
	}
	lock, err := AcquireLock(root)
	if err != nil {
		return nil, err
	}
	dir, err := newRunDir(root, env)
	if err != nil {
		lock.Release()
		return nil, err
	}
	w, err := open(dir, lock, func() error { return start(dir, env) })
	if err != nil {
		os.Remove(dir) // succeeds only if it is still empty
		return nil, err
	}
	return w, nil
}

// Resume reopens the run in dir, and returns what it holds. A torn last line is cut off, so
// that the next record starts on a line of its own.
func Resume(dir string) (*Writer, *Run, error) {
	lock, err := AcquireLock(filepath.Dir(filepath.Clean(dir)))
	if err != nil {
		return nil, nil, err
	}
	var run *Run
	w, err := open(dir, lock, func() error {
		if run, err = Open(dir); err != nil {
			return err
		}
		return errors.Join(probe(dir), mendTail(filepath.Join(dir, RecordsFile)))
	})
	if err != nil {
		return nil, nil, err
	}
	for _, rec := range run.Records {
		w.seq = max(w.seq, rec.Seq)
	}
	return w, run, nil
}

// open prepares the folder and opens its records for appending; on error the lock is released.
func open(dir string, lock *Lock, prepare func() error) (*Writer, error) {
	w := &Writer{Dir: dir, lock: lock}
	err := prepare()
	if err == nil {
		w.file, err = os.OpenFile(filepath.Join(dir, RecordsFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	}
	if err == nil {
		var info fs.FileInfo
		if info, err = w.file.Stat(); err == nil {
			w.size = info.Size()
		}
	}
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("open run: %w", err)
	}
	return w, nil
}

func start(dir string, env Env) error {
	if err := probe(dir); err != nil {
		return err
	}
	env.V = Version
	data, err := json.MarshalIndent(env, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", EnvFile, err)
	}
	return WriteWhole(filepath.Join(dir, EnvFile), append(data, '\n'))
}

// Append numbers records, writes each as one line, all in one call, and waits until they are on
// the disk. After an error the file ends where it ended before, so nothing half-written stands
// between whole records. Servers that took turns in a block are appended together: a block of
// which some servers are missing compares nobody with them.
func (w *Writer) Append(recs ...Record) error {
	var lines bytes.Buffer
	seq := w.seq
	for _, rec := range recs {
		seq++
		rec.V, rec.Seq = Version, seq
		line, err := json.Marshal(rec)
		if err != nil {
			return fmt.Errorf("encode record %d: %w", seq, err)
		}
		lines.Write(append(line, '\n'))
	}
	_, err := w.file.Write(lines.Bytes())
	if err == nil {
		err = w.file.Sync()
	}
	if err != nil {
		if cut := w.file.Truncate(w.size); cut != nil {
			err = errors.Join(err, cut)
		}
		return fmt.Errorf("append record %d: %w", seq, err)
	}
	w.size += int64(lines.Len())
	w.seq = seq
	return nil
}

// Close closes the records and gives the lock back. It may be called again.
func (w *Writer) Close() error {
	var err error
	if w.file != nil {
		err = w.file.Close()
		w.file = nil
	}
	if w.lock != nil {
		err = errors.Join(err, w.lock.Release())
		w.lock = nil
	}
	return err
}

// newRunDir makes a folder that did not exist: two runs of one second get two names.
func newRunDir(root string, env Env) (string, error) {
	name := env.Started.UTC().Format("20060102T150405Z") + "-" + env.Commit
	for n := 1; ; n++ {
		dir := filepath.Join(root, name)
		if n > 1 {
			dir = fmt.Sprintf("%s-%d", dir, n)
		}
		err := os.Mkdir(dir, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("make run folder: %w", err)
		}
		return dir, nil
	}
}

// probe writes and removes a file, so that a full or read-only disk is found before the load.
func probe(dir string) error {
	path := filepath.Join(dir, ".probe")
	err := writeSynced(path, make([]byte, probeSize))
	if rm := os.Remove(path); err == nil {
		err = rm
	}
	if err != nil {
		return fmt.Errorf("results cannot be written: %w", err)
	}
	return nil
}

// mendTail makes the file end with a whole line: a torn one is cut, a whole one that lost only
// its line feed gets it back.
func mendTail(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && (len(data) == 0 || data[len(data)-1] == '\n')) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mend records: %w", err)
	}
	whole := bytes.LastIndexByte(data, '\n') + 1
	if !json.Valid(data[whole:]) {
		if err := os.Truncate(path, int64(whole)); err != nil {
			return fmt.Errorf("cut torn record: %w", err)
		}
		return nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("mend records: %w", err)
	}
	_, err = file.Write([]byte{'\n'})
	return errors.Join(err, file.Sync(), file.Close())
}

// WriteWhole writes a file that appears whole or not at all, and survives a power cut.
func WriteWhole(path string, data []byte) error {
	tmp := path + ".tmp"
	err := writeSynced(tmp, data)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
		return fmt.Errorf("write %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

func writeSynced(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if _, err = file.Write(data); err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// SyncDir makes a rename or a new name durable. File systems that cannot sync a folder say EINVAL.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
