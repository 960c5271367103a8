package guard_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"iomodels/servers/deadline"
	"iomodels/servers/guard"
	"iomodels/servers/proto"
)

func TestCrowd(t *testing.T) {
	shut := map[int]int{}
	var crowd *guard.Crowd[int]
	crowd = guard.NewCrowd(2, func(c int) {
		shut[c]++
		if crowd.Leave(c) {
			t.Errorf("%d was ended while it was in", c)
		}
	})
	if !crowd.Enter(1) || !crowd.Enter(2) || crowd.Enter(3) || !crowd.Full() {
		t.Error("the limit of two is not kept")
	}
	crowd.Add(4) // it was not full when the library asked
	if others := crowd.CloseIf(func(c int) bool { return c == 2 }); others != 2 || shut[2] != 1 || crowd.Has(2) {
		t.Errorf("%d others, shut %v; want 2 others without number 2", others, shut)
	}
	grace, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	asked := 0
	crowd.Settle(grace, func(c int) bool { asked++; return c == 1 || asked > 4 }) // 4 owes something for a while
	if shut[1] != 1 || shut[4] != 1 || grace.Err() != nil {
		t.Errorf("after settling %v were shut", shut)
	}
	if crowd.Enter(5) {
		t.Error("it is stopping, and lets somebody in")
	}
}

func TestCrowdWatch(t *testing.T) {
	gone := make(chan string, 3)
	crowd := guard.NewCrowd(0, func(c string) { gone <- c })
	crowd.Enter("late")
	crowd.Enter("in time")
	end := crowd.Watch(func(c string, _ deadline.Tick) bool { return c == "late" })
	if first := <-gone; first != "late" {
		t.Errorf("%q was ended", first)
	}
	end()
	if last := <-gone; last != "in time" {
		t.Errorf("%q was ended at the end", last)
	}
	crowd.Add("too late") // taken by a library before the end, brought after it
	if crowd.Has("too late") || <-gone != "too late" {
		t.Error("what came after the end is kept, and nobody looks after it")
	}
}

// talker is a session of which only the phase is asked.
type talker struct{ phase proto.Phase }

func (talker) Feed(out, _ []byte) ([]byte, proto.Verdict) { return out, proto.Continue }
func (s talker) Phase() proto.Phase                       { return s.phase }

// TestProgress plays what a connection does between looks that are a tick apart. The limits are
// two ticks, and After adds one, so a deadline is the third look after the one that set it.
func TestProgress(t *testing.T) {
	policy := deadline.Policy{Head: 2 * deadline.Resolution, Write: 2 * deadline.Resolution}
	const looks = 8
	for _, c := range []struct {
		name    string
		between func(p *guard.Progress, tick int) (queued int)
		overdue bool
	}{
		{"silent, and may be", func(*guard.Progress, int) int { return 0 }, false},
		{"a head that dribbles in", func(p *guard.Progress, _ int) int { p.Fed(talker{proto.Head}, 0); return 0 }, true},
		{"heads, each answered", func(p *guard.Progress, _ int) int { p.Fed(talker{proto.Head}, 5); return 0 }, false},
		{"a body that arrives", func(p *guard.Progress, _ int) int { p.Fed(talker{proto.Body}, 0); return 0 }, false},
		{"sends and does not read", func(p *guard.Progress, tick int) int { p.Fed(talker{}, 100); return 100 * (tick + 1) }, true},
		{"reads slowly", func(p *guard.Progress, tick int) int {
			if tick == 0 {
				p.Fed(talker{}, 100)
			}
			return 100 - tick
		}, false},
		{"waits for a handler", func(p *guard.Progress, _ int) int { p.Busy, p.Phase = true, proto.Head; return 0 }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p guard.Progress
			overdue := false
			for tick := range looks {
				queued := c.between(&p, tick)
				overdue = p.Overdue(policy, deadline.Tick(tick), queued) || overdue
			}
			if overdue != c.overdue {
				t.Errorf("overdue: %v; want %v", overdue, c.overdue)
			}
		})
	}
}

func TestLog(t *testing.T) {
	var text bytes.Buffer
	log := guard.Log{To: slog.New(slog.NewTextHandler(&text, nil)), Name: "gnet"}
	log.Debugf("not wanted")
	if _, err := log.Write([]byte("2026/01/02 GNET: first\n")); err != nil {
		t.Fatal(err)
	}
	log.Errorf("second %d", 2)
	log.Infof("third")
	if got := text.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"gnet: first"`) {
		t.Errorf("within a second it passed on\n%s", got)
	}
	if got := log.LastError(); got != "second 2" {
		t.Errorf("last error %q", got)
	}
}
