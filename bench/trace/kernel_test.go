package trace

import "testing"

func TestParseKernelLine(t *testing.T) {
	for _, tc := range []struct {
		name, line string
		want       Event
		ring       string
	}{
		{
			"polls", "        netserve-4711    [001] ...1.   99.123456: io_uring_poll_arm: ring 0000aa, req 0000bb, " +
				"user_data 0x1, opcode RECV, mask 0x1, events 0x2",
			Event{At: 99123456000, TID: 4711, Verb: "poll_arm", Name: "poll_arm RECV"},
			"0000aa",
		},
		{
			"completes", " a name-12 [000] d..2. 5.000001: io_uring_complete: ring 0000aa, req 0000bb, user_data 0x1, " +
				"result 64, cflags 0x6",
			Event{At: 5000001000, TID: 12, Verb: "complete", Name: "complete", Ret: 64},
			"0000aa",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, ok := parseKernelLine(tc.line)
			e := l.event
			if !ok || l.ring != tc.ring || e.At != tc.want.At || e.TID != tc.want.TID || e.Verb != tc.want.Verb ||
				e.Name != tc.want.Name || e.Ret != tc.want.Ret || e.Layer != Kernel {
				t.Errorf("got %+v of ring %q; want %+v of %q", e, l.ring, tc.want, tc.ring)
			}
		})
	}
	for _, line := range []string{"", "# tracer: nop", "netserve-1 [0] 1.0: sched_switch: prev", "x [0] 1: io_uring_complete: ring 1"} {
		if _, ok := parseKernelLine(line); ok {
			t.Errorf("%q was taken for an event", line)
		}
	}
}
