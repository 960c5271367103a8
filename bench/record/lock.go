package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// LockFile stands beside the run folders: two runs at once would disturb each other.
const LockFile = ".lock"

// Lock is held by one run at a time. The kernel drops it when its owner dies, however it dies,
// so there is no stale lock to remove by hand.
type Lock struct{ file *os.File }

// HeldError says who holds the lock.
type HeldError struct{ Path, Holder string }

func (e *HeldError) Error() string {
	return fmt.Sprintf("another run is going on (%s, lock %s): wait for it or stop it", e.Holder, e.Path)
}

// AcquireLock takes the lock of the folder that holds the run folders, or returns *HeldError.
func AcquireLock(root string) (*Lock, error) {
	path := filepath.Join(root, LockFile)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock results: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		holder := readHolder(file)
		file.Close()
		return nil, &HeldError{Path: path, Holder: holder}
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, os.NewSyscallError("flock", err))
	}
	if err := writeHolder(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &Lock{file}, nil
}

// Release gives the lock back. The file stays: removing it would let two runs each hold a lock
// on a file of the same name.
func (l *Lock) Release() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("release lock: %w", err)
	}
	return nil
}

func writeHolder(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := fmt.Fprintf(file, "pid %d\n", os.Getpid())
	return err
}

func readHolder(file *os.File) string {
	data, err := io.ReadAll(io.LimitReader(file, 64))
	if holder := strings.TrimSpace(string(data)); err == nil && holder != "" {
		return holder
	}
	return "pid unknown"
}
