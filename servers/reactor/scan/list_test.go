package scan

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"iomodels/servers/reactor/demux"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// events collects everything of interest.
func events(l *List, most int) (fds []int32, generations []int32, all bool) {
	batch := make([]demux.Event, most)
	n, all := l.Collect(batch, func(p unix.PollFd) demux.Readiness { return demux.Readiness(uint16(p.Events)) })
	for _, ev := range batch[:n] {
		fds, generations = append(fds, ev.Fd), append(generations, ev.Pad)
	}
	return fds, generations, all
}

// TestListStarvesNobody: with more to tell than a batch holds, everybody is told in turn.
func TestListStarvesNobody(t *testing.T) {
	l, told := &List{}, map[int32]int{}
	for fd := range 10 {
		must(t, l.Control(demux.Add, fd, demux.Readable, 0))
	}
	for range 10 {
		fds, _, all := events(l, 3)
		if len(fds) != 3 || all {
			t.Fatalf("%d of 10 in a batch of 3; all: %v", len(fds), all)
		}
		for _, fd := range fds {
			told[fd]++
		}
	}
	for fd := range int32(10) {
		if told[fd] != 3 {
			t.Errorf("descriptor %d was told %d times of 30; want 3", fd, told[fd])
		}
	}
}

func TestListKnowsLevelsOnly(t *testing.T) {
	for _, r := range []demux.Readiness{demux.Edge, demux.Once} {
		if err := (&List{}).Control(demux.Add, 3, demux.Readable|r, 0); err == nil {
			t.Errorf("interest %#x was taken", r)
		}
	}
}

// TestListAgainstModel: whatever comes, changes and goes, the list holds what a map would.
func TestListAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	type entry struct {
		interest   demux.Readiness
		generation int32
	}
	l, want := &List{}, map[int32]entry{}
	for step := range 5000 {
		fd, e := int32(rng.IntN(40)), entry{demux.Readable, int32(step)}
		if rng.IntN(2) == 0 {
			e.interest = demux.Writable
		}
		switch old, there := want[fd]; {
		case !there:
			must(t, l.Control(demux.Add, int(fd), e.interest, uint32(e.generation)))
			want[fd] = e
		case rng.IntN(2) == 0:
			must(t, l.Control(demux.Modify, int(fd), e.interest, 0))
			want[fd] = entry{e.interest, old.generation}
		default:
			must(t, l.Control(demux.Delete, int(fd), 0, 0))
			delete(want, fd)
		}
		fds, generations, all := events(l, 100)
		if len(fds) != len(want) || !all {
			t.Fatalf("step %d: %d entries, want %d", step, len(fds), len(want))
		}
		for i, fd := range fds {
			if e := want[fd]; generations[i] != e.generation || demux.Readiness(l.Polls[l.places[fd]-1].Events) != e.interest {
				t.Fatalf("step %d: descriptor %d has the wrong entry; want %+v", step, fd, e)
			}
		}
	}
}
