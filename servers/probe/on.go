//go:build probe

package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/trace"
	"strconv"
)

// On says whether this program has probes.
const On = true

// Watched runs main in an execution trace, if $IOMODELS_PROBE says where it shall be.
func Watched(main func() int) (exitCode int) {
	stop, err := start(os.Getenv(Dir))
	if err != nil {
		fmt.Fprintf(os.Stderr, "no execution trace: %v\n", err)
		return 1
	}
	exitCode = main()
	if err := stop(); err != nil {
		fmt.Fprintf(os.Stderr, "the execution trace is cut short: %v\n", err)
	}
	return exitCode
}

// start begins the trace of this process in dir; stop ends it.
func start(dir string) (stop func() error, err error) {
	if dir == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(filepath.Join(dir, strconv.Itoa(os.Getpid())+".trace"))
	if err != nil {
		return nil, err
	}
	if err := trace.Start(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() error {
		trace.Stop()
		return file.Close()
	}, nil
}

// Note notes a step on a descriptor (-1: on none).
func Note(step Step, fd, number int, what string) {
	if trace.IsEnabled() {
		trace.Log(context.Background(), Category, fmt.Sprintf("%s %d %d %s", step, fd, number, what))
	}
}
