package cells

import "iomodels/bench/record"

// held is how many connections were open when memory was taken.
func held(r record.Record) float64 { return float64(r.Cell.Conns + r.Cell.Idle) }

// perConnection divides the growth of memory by the connections that caused it.
func perConnection(of func(record.Usage) (grown int64, taken bool)) func(record.Record) (float64, bool) {
	return func(r record.Record) (float64, bool) {
		grown, taken := of(r.Server)
		return float64(grown) / max(held(r), 1), taken && held(r) > 0
	}
}

// UserMemory is the server's own memory per idle connection.
func UserMemory() Metric {
	return Metric{
		Name: "B/conn", Unit: Bytes, Per: "per idle connection", Lower: true,
		Absent: "memory was not taken",
		Definition: "Growth of the server's resident memory (anonymous: heap, stacks and buffers, not the " +
			"program's own pages) from before the first connection to all connections open and idle, per " +
			"connection. Memory of the kernel is not in it.",
		Of: perConnection(func(u record.Usage) (int64, bool) {
			if u.AnonIdle > 0 {
				return u.AnonIdle - u.AnonBase, true
			}
			return u.RSSIdle - u.RSSBase, u.RSSIdle > 0 // a run from before they were told apart
		}),
	}
}

// KernelMemory is the kernel's memory per connection, of both ends.
func KernelMemory() Metric {
	return Metric{
		Name: "kernel B/conn", Unit: Bytes, Per: "per idle connection", Lower: true,
		Definition: "Growth of the kernel's memory (slab, TCP buffers, kernel stacks, page tables) with the " +
			"connections open, per connection. It is taken from the whole machine, so the generator's " +
			"end of each connection is in it too.",
		Of: perConnection(func(u record.Usage) (int64, bool) { return u.KernelIdle, u.KernelIdle > 0 }),
	}
}

// StackMemory is the part of KernelMemory that threads cost.
func StackMemory() Metric {
	return Metric{
		Name: "kernel stack B/conn", Unit: Bytes, Per: "per idle connection", Lower: true,
		Definition: "The part of kernel B/conn that threads cost: their kernel stacks, and page tables.",
		Of:         perConnection(func(u record.Usage) (int64, bool) { return u.StackIdle, u.StackIdle > 0 }),
	}
}

// BaseMemory is the server's own memory before the first connection.
func BaseMemory() Metric {
	return Metric{
		Name: "B at start", Unit: Bytes, Lower: true, Absent: "memory was not taken",
		Definition: "The server's resident anonymous memory before the first connection: the runtime, and " +
			"whatever a model sets up once for all connections.",
		Of: func(r record.Record) (float64, bool) { return float64(r.Server.AnonBase), r.Server.AnonBase > 0 },
	}
}

// LoadMemory is what the server's own memory grows by when idle connections begin to work.
func LoadMemory() Metric {
	return Metric{
		Name: "B under load", Unit: Bytes, Lower: true, Absent: "memory was not taken",
		Definition: "Growth of the server's resident anonymous memory from all connections idle to the end of " +
			"the window, in all: buffers that connections share (a pool, the read buffer of a loop) or that " +
			"each takes while it works.",
		Of: func(r record.Record) (float64, bool) {
			u := r.Server
			return max(float64(u.AnonPeak-u.AnonIdle), 0), u.AnonPeak > 0 && u.AnonIdle > 0
		},
	}
}
