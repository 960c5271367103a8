package engine

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestQueueAgainstASlice plays random pushes, removals and pops on three queues over one slab.
func TestQueueAgainstASlice(t *testing.T) {
	const slab, steps = 20, 20_000
	links := make([]link, slab)
	queues := []queue{newQueue(links), newQueue(links), newQueue(links)}
	models := make([][]int32, len(queues))
	where := make([]int, slab) // 0: in none, else the queue plus one
	r := rand.New(rand.NewPCG(1, 2))
	for range steps {
		i := int32(r.IntN(slab))
		if q := where[i] - 1; q >= 0 {
			if r.IntN(2) == 0 {
				i = queues[q].pop()
				if i != models[q][0] {
					t.Fatalf("popped %d, want %d", i, models[q][0])
				}
			} else {
				queues[q].remove(i)
			}
			models[q] = slices.DeleteFunc(models[q], func(x int32) bool { return x == i })
			where[i] = 0
		} else {
			q = r.IntN(len(queues))
			queues[q].push(i)
			models[q] = append(models[q], i)
			where[i] = q + 1
		}
		for q := range queues {
			if got := contents(&queues[q]); !slices.Equal(got, models[q]) || queues[q].len != len(models[q]) {
				t.Fatalf("queue %d holds %v (len %d), want %v", q, got, queues[q].len, models[q])
			}
		}
	}
}

func contents(q *queue) (all []int32) {
	for i := q.head; i != none; i = q.links[i].next {
		all = append(all, i)
	}
	return all
}

func TestBacklogKeepsNumbersAndTimes(t *testing.T) {
	b := newBacklog(100)
	if len(b.due) != 128 {
		t.Fatalf("a ring for 100 has room for %d", len(b.due))
	}
	next := uint64(0)
	due := func(n uint64) int64 { return int64(n) * 10 }
	var model []uint64
	r := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		switch {
		case len(model) == 0 && r.IntN(3) == 0:
			b.skip()
			next++
		case !b.full() && r.IntN(2) == 0:
			b.add(due(next))
			model = append(model, next)
			next++
		case len(model) > 0:
			n, at := b.take()
			if n != model[0] || at != due(n) {
				t.Fatalf("took request %d due at %d, want %d", n, at, model[0])
			}
			model = model[1:]
		}
		if b.pending != len(model) || b.full() != (len(model) == 128) {
			t.Fatalf("%d wait, full %v; want %d", b.pending, b.full(), len(model))
		}
	}
}

func TestBacklogSaysWhatItOverwrites(t *testing.T) {
	b := newBacklog(4)
	for n := range uint64(10) {
		old, ok := b.overwritten()
		if ok != (n >= 4) || ok && old != n-4 {
			t.Errorf("before request %d: overwrites %d, %v", n, old, ok)
		}
		b.add(int64(n))
	}
}

func TestClockIsMonotonicTime(t *testing.T) {
	c, err := NewClock()
	if err != nil {
		t.Fatal(err)
	}
	last := c.Now()
	for range 1000 {
		now := c.Now()
		if now < last {
			t.Fatalf("the clock went back from %d to %d", last, now)
		}
		last = now
	}
}
