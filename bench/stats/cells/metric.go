package cells

import (
	"slices"
	"strings"

	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/loadgen"
)

// Metric is one figure of a record: how it is called, written, computed and judged. Tables,
// charts, CSV and the glossary of the report all come from here.
type Metric struct {
	Name       string // column and CSV name
	Unit       Unit
	Per        string // what it is a figure of, for axis titles: "per request"
	Lower      bool   // a lower value is better
	Timed      bool   // speed or time, which a generator that had to wait spoils; cost is not
	Absent     string // why a measured record may not have it
	Definition string // for the reader of the report, one sentence
	// Of computes the figure; false: this record does not have it.
	Of func(record.Record) (float64, bool)
}

// Better says which way is better, for axis titles.
func (m Metric) Better() string {
	if m.Lower {
		return "lower is better"
	}
	return "higher is better"
}

// MinTail is how many samples of a block must lie beyond a percentile before it is reported.
const MinTail = record.MinTail

// Metrics lists every figure, in the order of the glossary.
func Metrics() []Metric {
	return slices.Concat(
		[]Metric{Throughput()}, latencies(), costs(), yardsticks(),
		[]Metric{UserMemory(), KernelMemory(), BaseMemory(), LoadMemory(), Threads()},
	)
}

// Throughput is verified replies per second.
func Throughput() Metric {
	return Metric{
		Name: "req/s", Unit: Rate, Timed: true,
		Definition: "Whole, verified replies per second of the measured window.",
		Of:         func(r record.Record) (float64, bool) { return r.Load.RatePerS, r.Load.ElapsedS > 0 },
	}
}

func latencies() []Metric {
	return []Metric{
		Response(0.50), Response(0.90), Response(0.99), Response(0.999), Connect(0.50), Connect(0.99),
	}
}

// Response is a percentile of the response time, from the intended send to the last byte.
func Response(q float64) Metric {
	return Metric{
		Name: PercentileName(q), Unit: Seconds, Lower: true, Timed: true,
		Absent: tooFew(q),
		Definition: "Response time that " + share(q) + " of the requests stay within, from the intended " +
			"send to the last byte of the reply; taken inside each block, reported where at least " +
			Count.Tick(MinTail) + " samples lie beyond it.",
		Of: func(r record.Record) (float64, bool) { return percentile(r.Load.Response, q) },
	}
}

// Connect is a percentile of the time from connect() to the connection.
func Connect(q float64) Metric {
	return Metric{
		Name: "connect " + PercentileName(q), Unit: Seconds, Lower: true, Timed: true,
		Absent: tooFew(q),
		Definition: "Time that " + share(q) + " of the connects stay within, from connect() to the " +
			"connection.",
		Of: func(r record.Record) (float64, bool) { return percentile(r.Load.Connect, q) },
	}
}

// PercentileName writes a quantile as people say it: p99.9.
func PercentileName(q float64) string { return "p" + strings.TrimSuffix(share(q), " %") }

// tooFew says why a percentile is missing.
func tooFew(q float64) string {
	return "fewer than " + Count.Tick(MinTail) + " samples beyond " + PercentileName(q)
}

// share writes a fraction as a percentage.
func share(q float64) string { return Ratio.Tick(round(100*q, 6)) + " %" }

func percentile(l loadgen.Latency, q float64) (float64, bool) {
	at := map[float64]int64{0.50: l.P50, 0.90: l.P90, 0.99: l.P99, 0.999: l.P999, 0.9999: l.P9999}
	return float64(at[q]) / 1e9, stats.Supports(l.Count, q, MinTail)
}

func costs() []Metric {
	return []Metric{ServerCPU(), ServerUser(), ServerSystem(), Syscalls(), Switches()}
}

// perRequest divides a total of the measured window by the verified replies in it.
func perRequest(of func(record.Record) (float64, bool)) func(record.Record) (float64, bool) {
	return func(r record.Record) (float64, bool) {
		total, ok := of(r)
		if n := r.Replies(); ok && n > 0 {
			return total / float64(n), true
		}
		return 0, false
	}
}

// ServerCPU is the server's CPU time per verified reply.
func ServerCPU() Metric {
	return Metric{
		Name: "CPU/req", Unit: Seconds, Per: "per request", Lower: true,
		Definition: "CPU time of all threads of the server in the measured window (schedstat), per " +
			"verified reply. Time that the kernel spends for the server outside its threads is not in it.",
		Of: perRequest(func(r record.Record) (float64, bool) { return r.Server.CPUS, r.Server.CPUS > 0 }),
	}
}

// ServerUser is the user part of ServerCPU.
func ServerUser() Metric {
	return Metric{
		Name: "user/req", Unit: Seconds, Per: "per request", Lower: true,
		Definition: "The part of CPU/req spent in the program and its runtime; the split comes from " +
			"clock ticks.",
		Of: perRequest(func(r record.Record) (float64, bool) { return r.Server.CPUUserS, r.Server.CPUS > 0 }),
	}
}

// ServerSystem is the system part of ServerCPU.
func ServerSystem() Metric {
	return Metric{
		Name: "sys/req", Unit: Seconds, Per: "per request", Lower: true,
		Definition: "The part of CPU/req spent in the kernel on behalf of the server's threads.",
		Of: perRequest(func(r record.Record) (float64, bool) {
			return r.Server.CPUSysS, r.Server.CPUS > 0
		}),
	}
}

// Syscalls is the server's system calls per verified reply.
func Syscalls() Metric {
	return Metric{
		Name: "syscalls/req", Unit: Ratio, Per: "per request", Lower: true,
		Absent: "system calls could not be counted",
		Definition: "System calls that the server entered per verified reply. Counting costs time, so it " +
			"is done in the warm-up and not while time is measured; it needs permission to use perf " +
			"events.",
		Of: record.Record.SyscallsPerRequest,
	}
}

// Switches is the server's context switches per verified reply.
func Switches() Metric {
	return Metric{
		Name: "switches/req", Unit: Ratio, Per: "per request", Lower: true,
		Definition: "Context switches of the server's threads, voluntary and not, per verified reply.",
		Of: perRequest(func(r record.Record) (float64, bool) {
			return float64(r.Server.Voluntary + r.Server.Involuntary), r.Server.CPUS > 0
		}),
	}
}

func yardsticks() []Metric { return []Metric{Norm(), GeneratorCPU(), TotalCPU()} }

// Norm is the server's CPU over the generator's in the same window.
func Norm() Metric {
	return Metric{
		Name: "norm", Unit: Ratio, Lower: true,
		Definition: "CPU time of the server over CPU time of the generator in the same window. The " +
			"generator does the same work against every server, so it is a yardstick that saw the same " +
			"speed of the machine; differences come out smaller than they are, never larger.",
		Of: func(r record.Record) (float64, bool) { n := r.Norm(); return n, n > 0 },
	}
}

// GeneratorCPU is the generator's CPU time per verified reply.
func GeneratorCPU() Metric {
	return Metric{
		Name: "generator CPU/req", Unit: Seconds, Per: "per request", Lower: true,
		Definition: "CPU time of the load generator in the same window, per verified reply.",
		Of: perRequest(func(r record.Record) (float64, bool) {
			return r.Load.Generator.CPUS, r.Load.Generator.CPUS > 0
		}),
	}
}

// TotalCPU is the CPU time of both sides per verified reply.
func TotalCPU() Metric {
	return Metric{
		Name: "total CPU/req", Unit: Seconds, Per: "per request", Lower: true,
		Definition: "CPU time of server and generator together, per verified reply: the cross-check of " +
			"norm, which is blind to a server that makes its client dearer.",
		Of: perRequest(func(r record.Record) (float64, bool) {
			return r.Server.CPUS + r.Load.Generator.CPUS, r.Server.CPUS > 0 && r.Load.Generator.CPUS > 0
		}),
	}
}

// Threads is the server's threads at the end of the window.
func Threads() Metric {
	return Metric{
		Name: "threads", Unit: Count, Lower: true,
		Definition: "Operating-system threads of the server at the end of the measured window.",
		Of: func(r record.Record) (float64, bool) {
			return float64(r.Server.Threads), r.Server.Threads > 0
		},
	}
}
