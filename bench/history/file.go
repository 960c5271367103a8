package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"iomodels/bench/record"
)

// File is a history as read from the disk.
type File struct {
	Lines    []Line   // in the order of the file
	Warnings []string // what was skipped, each naming file and line
}

// Read reads a history; a file that does not exist is an empty one. What cannot be read is
// named in Warnings and skipped: a line damaged years ago must not cost the others.
func Read(path string) (File, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return File{}, nil
	}
	if err != nil {
		return File{}, fmt.Errorf("read history: %w", err)
	}
	return parse(path, data), nil
}

func parse(path string, data []byte) (f File) {
	for n := 1; len(data) > 0; n++ {
		text, rest, whole := bytes.Cut(data, []byte{'\n'})
		data = rest
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		line, err := decode(text)
		switch {
		case err == nil:
			f.Lines = append(f.Lines, line)
		case !whole:
			f.Warnings = append(f.Warnings, fmt.Sprintf("%s:%d: torn last line skipped", path, n))
		default:
			f.Warnings = append(f.Warnings, fmt.Sprintf("%s:%d: skipped: %v", path, n, err))
		}
	}
	return f
}

// decode looks at the version first: a newer line may not even fit our types.
func decode(text []byte) (Line, error) {
	var head struct {
		V int `json:"v"`
	}
	var line Line
	if err := json.Unmarshal(text, &head); err != nil {
		return line, fmt.Errorf("unreadable: %w", err)
	}
	if head.V > Version {
		return line, fmt.Errorf("schema version %d is newer than %d: use the suite that wrote it", head.V, Version)
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return line, fmt.Errorf("unreadable: %w", err)
	}
	if line.V < 1 || line.Class == "" || line.Commit == "" {
		return line, errors.New("unreadable: it has no version, class or commit")
	}
	return line, nil
}

// TwiceError says that a campaign is in the history already.
type TwiceError struct{ Path, Commit string }

func (e *TwiceError) Error() string {
	return fmt.Sprintf("%s holds this campaign of commit %s already", e.Path, e.Commit)
}

// Append adds a line and waits until it is on the disk. The bytes that are there stay as they
// are, whatever they are: after a torn line it starts a new one. Two that append at once wait
// for each other; the same campaign twice is *TwiceError.
func Append(path string, line Line) error {
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("append to history: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("append to history: %w", err)
	}
	if err := appendTo(file, path, line, text); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil { // and with it the lock
		return fmt.Errorf("append to history: %w", err)
	}
	return record.SyncDir(filepath.Dir(path)) // the name may be new
}

func appendTo(file *os.File, path string, line Line, text []byte) error {
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", path, os.NewSyscallError("flock", err))
	}
	have, err := io.ReadAll(file)
	if err != nil {
		return fmt.Errorf("append to history: %w", err)
	}
	for _, old := range parse(path, have).Lines {
		if old.Commit == line.Commit && old.Class == line.Class && old.Measured.Equal(line.Measured) {
			return &TwiceError{path, line.Commit}
		}
	}
	if len(have) > 0 && have[len(have)-1] != '\n' {
		text = append([]byte{'\n'}, text...)
	}
	_, err = file.Write(append(text, '\n'))
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		if cut := file.Truncate(int64(len(have))); cut != nil {
			err = errors.Join(err, cut)
		}
		return fmt.Errorf("append to %s: %w", path, err)
	}
	return nil
}
