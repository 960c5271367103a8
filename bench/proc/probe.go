package proc

import (
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// The fixed piece of work: user code that stays in the cache, and calls that move bytes through
// the kernel, about half of each, as a server has.
const (
	probePieces = 5   // the fastest counts: it is the one that nobody interrupted
	probeHashes = 40  // of probeBytes
	probeSends  = 600 // through a socket pair, to and fro
	probeBytes  = 16 << 10
)

// Probe times a fixed piece of work on one CPU: a stand-in for the speed of a processor whose
// clock cannot be read. It takes some ten milliseconds.
func Probe(cpu int) (time.Duration, error) {
	type outcome struct {
		best time.Duration
		err  error
	}
	done := make(chan outcome)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its affinity
		best, err := probe(cpu)
		done <- outcome{best, err}
	}()
	out := <-done
	if out.err != nil {
		return 0, fmt.Errorf("probe CPU %d: %w", cpu, out.err)
	}
	return out.best, nil
}

func probe(cpu int) (time.Duration, error) {
	if err := pinThread([]int{cpu}); err != nil {
		return 0, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	best := time.Duration(0)
	block := make([]byte, probeBytes)
	for range probePieces {
		begin := Monotonic()
		for range probeHashes {
			sum := sha256.Sum256(block)
			copy(block, sum[:])
		}
		for i := range probeSends {
			if _, err := unix.Write(pair[i%2], block[:64]); err != nil {
				return 0, os.NewSyscallError("write", err)
			}
			if _, err := unix.Read(pair[1-i%2], block[:64]); err != nil {
				return 0, os.NewSyscallError("read", err)
			}
		}
		if took := Monotonic() - begin; best == 0 || took < best {
			best = took
		}
	}
	return best, nil
}
