package deadline

import "testing"

func TestLate(t *testing.T) {
	p := Policy{Idle: 10 * Resolution, Head: 20 * Resolution, Write: 30 * Resolution}
	type look struct {
		now             Tick
		wait            Wait
		moved, answered bool
		due             bool
	}
	for name, looks := range map[string][]look{
		"silence counts from the first look": {
			{now: 100, wait: Request}, {now: 110, wait: Request}, {now: 111, wait: Request, due: true},
		},
		"what moved before a look counts from that look": {
			{now: 100, wait: Request},
			{now: 109, wait: Request, moved: true},
			{now: 119, wait: Request},
			{now: 120, wait: Request, due: true},
		},
		"a head is bounded as a whole": {
			{now: 100, wait: Rest},
			{now: 110, wait: Rest, moved: true},
			{now: 121, wait: Rest, moved: true, due: true},
		},
		"the head after an answer is a new one": {
			{now: 100, wait: Rest},
			{now: 110, wait: Rest, moved: true, answered: true},
			{now: 121, wait: Rest, moved: true},
		},
		"another wait, another deadline": {
			{now: 100, wait: Request},
			{now: 105, wait: Peer},
			{now: 111, wait: Peer},
			{now: 136, wait: Peer, due: true},
		},
		"a handler may take its time": {
			{now: 100, wait: None}, {now: 100_000, wait: None}, {now: 100_000, wait: Request},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var l Late
			for i, k := range looks {
				if due := l.Look(p, k.now, k.wait, k.moved, k.answered); due != k.due {
					t.Errorf("look %d, at %d: due is %v; want %v", i, k.now, due, k.due)
				}
			}
		})
	}
	var l Late
	if l.Look(Policy{}, 0, Request, false, false) || l.Look(Policy{}, 1<<20, Request, false, false) {
		t.Error("without a limit nothing is ever due")
	}
}
