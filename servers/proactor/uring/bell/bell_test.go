package bell

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBellRingsOnceUntilHeard(t *testing.T) {
	var b Bell
	if err := b.Hang(); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(b.Ring)
	}
	all.Wait()
	if n, err := unix.Read(b.FD, b.Count[:]); n != 8 || err != nil || b.Count != b.one {
		t.Errorf("read %d, %v, count %v; want one ring", n, err, b.Count)
	}
	b.Heard()
	b.Ring()
	if n, err := unix.Read(b.FD, b.Count[:]); n != 8 || err != nil {
		t.Errorf("read %d, %v; want it to ring again", n, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.Heard()
	b.Ring() // harmless
}
