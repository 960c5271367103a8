package deadline_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"iomodels/servers"
	"iomodels/servers/deadline"
	"iomodels/servers/proto"
)

var policy = deadline.Policy(servers.Timeouts{Idle: time.Second, Head: 2 * time.Second, Write: 3 * time.Second})

// in returns the tick at which limit is over when it began in tick now.
func in(now deadline.Tick, limit time.Duration) deadline.Tick { return deadline.After(now, limit) }

func TestPolicy(t *testing.T) {
	const now = 1000
	old := func(w deadline.Wait) deadline.Deadline { return deadline.Deadline{Due: now + 1, Wait: w} }
	for _, tc := range []struct {
		name     string
		was      deadline.Deadline
		phase    proto.Phase
		writing  bool
		answered bool
		want     deadline.Tick
	}{
		{"idle is renewed by each request", old(deadline.Request), proto.Idle, false, true, in(now, policy.Idle)},
		{"a head begins", old(deadline.Request), proto.Head, false, false, in(now, policy.Head)},
		{"a dribbled head is not renewed", old(deadline.Rest), proto.Head, false, false, now + 1},
		{"the next head of a pipeline is a new one", old(deadline.Rest), proto.Head, false, true, in(now, policy.Head)},
		{"a head after a body is a new one", old(deadline.Peer), proto.Head, false, false, in(now, policy.Head)},
		{"a body begins", old(deadline.Rest), proto.Body, false, false, in(now, policy.Write)},
		{"a body is renewed by each byte", old(deadline.Peer), proto.Body, false, false, in(now, policy.Write)},
		{"output is pending", old(deadline.Request), proto.Idle, true, true, in(now, policy.Write)},
		{"pending output matters before a head", old(deadline.Rest), proto.Head, true, true, in(now, policy.Write)},
		{"pending output is renewed by progress", old(deadline.Peer), proto.Idle, true, false, in(now, policy.Write)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := policy.Next(tc.was, now, deadline.Waiting(tc.phase, tc.writing), tc.answered)
			if got.Due != tc.want {
				t.Errorf("due at tick %d; want %d", got.Due, tc.want)
			}
		})
	}
}

func TestPolicyWithoutLimits(t *testing.T) {
	for _, w := range []deadline.Wait{deadline.None, deadline.Request, deadline.Rest, deadline.Peer} {
		if got := (deadline.Policy{}).Next(deadline.Deadline{}, 7, w, true); got.Due != deadline.Never {
			t.Errorf("wait %d without a limit is due at tick %d", w, got.Due)
		}
	}
	if got := policy.Next(deadline.Deadline{}, 7, deadline.None, false); got.Due != deadline.Never {
		t.Errorf("a connection that waits for our own handler is due at tick %d", got.Due)
	}
}

// However a moment lies within its tick, a time-out is never early and at most two ticks late.
func TestAfterIsNeverEarly(t *testing.T) {
	const step = deadline.Resolution / 10
	for start := time.Duration(0); start < 2*deadline.Resolution; start += step {
		for limit := step; limit < 3*deadline.Resolution; limit += step {
			due := time.Duration(deadline.After(deadline.At(start), limit)) * deadline.Resolution
			if late := due - (start + limit); late < 0 || late > 2*deadline.Resolution {
				t.Fatalf("limit %v from %v ends %v late", limit, start, late)
			}
		}
	}
}

func expire(table *deadline.Table, now deadline.Tick) (slots []int) {
	table.Expire(now, func(slot int) { slots = append(slots, slot) })
	return slots
}

func TestTableSilenceCostsNothing(t *testing.T) {
	table := deadline.NewTable(deadline.Policy{})
	table.Touch(5, 1, deadline.Request, false)
	if wait := table.Wait(0); wait >= 0 {
		t.Errorf("a table without deadlines lets its loop sleep only %v", wait)
	}
}

func TestTableWait(t *testing.T) {
	table := deadline.NewTable(policy)
	table.Set(3, 20)
	table.Set(1, 10)
	if got, want := table.Wait(4*deadline.Resolution), 6*deadline.Resolution; got != want {
		t.Errorf("Wait = %v; want %v, until the earliest deadline", got, want)
	}
	if got := table.Wait(11 * deadline.Resolution); got != 0 {
		t.Errorf("Wait = %v when a deadline is past; want 0", got)
	}
	table.Set(1, deadline.Never)
	expire(table, 10) // finds that the earliest has been cleared
	if got, want := table.Wait(0), 20*deadline.Resolution; got != want {
		t.Errorf("Wait = %v; want %v after the earliest deadline was cleared", got, want)
	}
}

func TestTableExpires(t *testing.T) {
	table := deadline.NewTable(policy)
	table.Set(0, 10)
	table.Set(7, 9)
	table.Set(4, 11)
	for _, step := range []struct {
		now  deadline.Tick
		want []int
	}{{8, nil}, {10, []int{0, 7}}, {10, nil}, {11, []int{4}}, {99, nil}} {
		if got := expire(table, step.now); !slices.Equal(got, step.want) {
			t.Errorf("tick %d: expired %v; want %v", step.now, got, step.want)
		}
	}
}

func TestTableMovedDeadlineDoesNotExpire(t *testing.T) {
	table := deadline.NewTable(policy)
	table.Touch(2, 0, deadline.Request, false)
	first := in(0, policy.Idle)
	table.Touch(2, first-1, deadline.Request, true)
	if got := expire(table, first); got != nil {
		t.Errorf("slots %v expired although they made progress", got)
	}
	if got := expire(table, in(first-1, policy.Idle)); !slices.Equal(got, []int{2}) {
		t.Errorf("expired %v; want slot 2 at its second deadline", got)
	}
}

func TestTableExpiredMayRearm(t *testing.T) {
	for _, slot := range []int{0, 1, 2} { // before, at, and after the expired slot; and a new one
		table := deadline.NewTable(policy)
		table.Set(1, 10)
		table.Set(2, deadline.Never)
		table.Expire(10, func(int) { table.Set(slot, 12); table.Set(9, 13) })
		if got, want := table.Wait(0), 12*deadline.Resolution; got != want {
			t.Errorf("slot %d set from the callback: Wait = %v; want %v", slot, got, want)
		}
		if got := expire(table, 13); !slices.Equal(got, []int{slot, 9}) {
			t.Errorf("expired %v; want slots %d and 9", got, slot)
		}
	}
}

// Against a model: a map of what was asked, looked at in every tick.
func TestTableAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	table := deadline.NewTable(policy)
	model := map[int]deadline.Tick{}
	for now := deadline.Tick(0); now < 3000; now++ {
		for range rng.IntN(4) {
			slot, due := rng.IntN(50), now+deadline.Tick(rng.IntN(40))
			table.Set(slot, due)
			model[slot] = due
		}
		var want []int
		for slot, due := range model {
			if due <= now {
				want = append(want, slot)
				delete(model, slot)
			}
		}
		slices.Sort(want)
		if got := expire(table, now); !slices.Equal(got, want) {
			t.Fatalf("tick %d: expired %v; want %v", now, got, want)
		}
	}
}

func TestAllocsPerRunTouch(t *testing.T) {
	table := deadline.NewTable(policy)
	table.Set(100, deadline.Never)
	now := deadline.Tick(0)
	n := testing.AllocsPerRun(1000, func() {
		now++
		table.Touch(100, now, deadline.Request, true)
		table.Expire(now, func(int) {})
	})
	if n != 0 {
		t.Errorf("%v allocations per request; want 0", n)
	}
}

func BenchmarkTouch(b *testing.B) {
	table := deadline.NewTable(policy)
	for b.Loop() {
		table.Touch(0, 1, deadline.Request, true)
	}
}

func BenchmarkSweep(b *testing.B) {
	table := deadline.NewTable(policy)
	table.Set(9999, deadline.Never)
	for b.Loop() {
		table.Set(0, 1) // in the past, so that Expire sweeps
		table.Expire(1, func(int) {})
	}
}

// Two connections: one is silent after the first byte of a request, the other goes on.
func Example() {
	limits := deadline.Policy(servers.Timeouts{Idle: time.Minute, Head: 100 * time.Millisecond})
	table := deadline.NewTable(limits)
	table.Touch(1, 0, deadline.Rest, false)
	table.Touch(2, 0, deadline.Rest, false)
	table.Touch(1, 1, deadline.Rest, false) // one byte more does not help
	table.Touch(2, 1, deadline.Request, true)
	table.Expire(deadline.After(0, 100*time.Millisecond), func(slot int) {
		fmt.Println("give up connection", slot)
	})
	// Output: give up connection 1
}

// TestTablePause: a worker that looks at every byte of a dribbled head must not renew its limit.
func TestTablePause(t *testing.T) {
	table := deadline.NewTable(policy)
	table.Touch(3, 100, deadline.Rest, false)
	due := in(100, policy.Head)
	for now := deadline.Tick(100); now < due; now++ {
		paused := table.Pause(3)
		table.Expire(due+1000, func(slot int) { t.Errorf("slot %d expired while it was paused", slot) })
		table.Resume(3, paused)
		table.Touch(3, now, deadline.Rest, false)
	}
	var expired []int
	table.Expire(due, func(slot int) { expired = append(expired, slot) })
	if !slices.Equal(expired, []int{3}) {
		t.Errorf("at its limit %v expired; want slot 3", expired)
	}
}

// A loop sleeps without end until somebody's time is limited, and then no longer than that.
func TestSleepByAClock(t *testing.T) {
	clock, table := deadline.StartClock(), deadline.NewTable(policy)
	if wait := table.Sleep(&clock); wait >= 0 {
		t.Errorf("nobody's time is limited, and a loop sleeps only %v", wait)
	}
	table.Touch(5, clock.Now(), deadline.Peer, false)
	if wait := table.Sleep(&clock); wait <= 0 || wait > policy.Write+2*deadline.Resolution {
		t.Errorf("it sleeps %v; want about %v", wait, policy.Write)
	}
	table.Set(5, 0)
	if wait := table.Sleep(&clock); wait != 0 {
		t.Errorf("somebody's time is over, and it sleeps %v", wait)
	}
	var over []int
	table.Awake(&clock, func(slot int) { over = append(over, slot) })
	if !slices.Equal(over, []int{5}) {
		t.Errorf("%v are told; want 5", over)
	}
}
