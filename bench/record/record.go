// Package record defines the one data format of the suite: a Record per finished cell, a
// JSON line each, appended and synced, so that a kill at any moment loses at most the cell
// that was running. Everything else (tables, charts, reports, benchmark text) is derived.
package record

import (
	"time"

	"iomodels/loadgen"
)

// Version is the schema of Record; readers refuse a newer one by name.
const Version = 1

// Cell is one point of the matrix: one server under one load. Two records with equal cells
// and different blocks are repetitions of one measurement.
type Cell struct {
	Model    string  `json:"model"`
	Proto    string  `json:"proto"`
	Workload string  `json:"workload"` // closed, open, short, ramp, ...: see Matrix
	Topology string  `json:"topology"` // split: a CPU each; shared: both on one CPU
	Conns    int     `json:"conns"`
	Idle     int     `json:"idle,omitempty"`
	Size     int     `json:"size"`
	Pipeline int     `json:"pipeline,omitempty"`
	Path     string  `json:"path,omitempty"`
	Rate     float64 `json:"rate,omitempty"`    // offered load, requests per second; 0: closed loop
	Offload  int     `json:"offload,omitempty"` // handler workers of the server; 0: as the model is
	Mix      string  `json:"mix,omitempty"`     // several paths with weights, in place of Path
	// Beside is a path that one more connection asks for all the time, answer after answer, from a
	// generator of its own, whose requests are not in the figures.
	Beside string `json:"beside,omitempty"`
	// Arm tells two servers of one model in the same blocks apart: "" and Twin.
	Arm string `json:"arm,omitempty"`
}

// Twin is the arm of a second server of the baseline. Between the two no difference can be
// real, so the interval of their ratio is the noise floor of everything measured with them.
const Twin = "twin"

// Record is one finished cell: measured, skipped or failed.
type Record struct {
	V        int             `json:"v"`
	Seq      int             `json:"seq"` // order within the run; clocks may step, this does not
	Cell     Cell            `json:"cell"`
	Block    int             `json:"block"`             // repetition number; within a block the order is random
	Attempt  int             `json:"attempt,omitempty"` // at a headline, from 0; all but the last were given up
	Started  time.Time       `json:"started"`
	TookS    float64         `json:"took_s"`
	Load     loadgen.Summary `json:"load"`
	Server   Usage           `json:"server"`
	Skipped  string          `json:"skipped,omitempty"` // why this machine cannot run the cell, and the remedy
	Failed   string          `json:"failed,omitempty"`  // what broke, with the end of the server's stderr
	Warnings []string        `json:"warnings,omitempty"`
	Command  []string        `json:"command,omitempty"` // the netload command line, to repeat the cell by hand
	Machine  Machine         `json:"machine"`           // what else went on in the measured window
	// Slices are the turns of this server in a block in which servers take turns; Load and Server
	// are then those of all slices together. Empty: one window.
	Slices []Slice `json:"slices,omitempty"`
	// ProbeS is how long a fixed piece of work took before and after the block, in seconds.
	ProbeS []float64 `json:"probe_s,omitempty"`
}

// Slice is a short piece of load on one server, between the turns of others.
type Slice struct {
	At      int     `json:"at"`       // place in the order of its block, from 0
	Seconds float64 `json:"s"`        // length of the measured part
	OK      uint64  `json:"ok"`       // verified replies in it
	ServerS float64 `json:"server_s"` // CPU time of the server
	ClientS float64 `json:"client_s"` // CPU time of the generator: the yardstick
	P50     int64   `json:"p50_ns"`   // response time
	P99     int64   `json:"p99_ns"`
	Machine Machine `json:"machine"` // of the try that was kept
}

// Norm is server CPU over generator CPU; 0 if there is none.
func (s Slice) Norm() float64 {
	if s.ClientS == 0 {
		return 0
	}
	return s.ServerS / s.ClientS
}

// Machine is what disturbed a measurement. It is judged blind to the outcome: a cell is
// repeated for what stands here, never for what its figures say.
type Machine struct {
	ForeignCPU float64 `json:"foreign_cpu"` // CPUs busy for neither server nor generator, mean over the window
	StealS     float64 `json:"steal_s"`     // CPU time taken by the hypervisor, summed over the CPUs
	MemStallS  float64 `json:"mem_stall_s"` // pressure stall "some" of memory; 0 where the kernel has no PSI
	IOStallS   float64 `json:"io_stall_s"`  // the same of the disks
	Tries      int     `json:"tries"`       // measurements made of this cell; the last, or the calmest, was kept
}

// Usage is what the server process cost in the measured window.
type Usage struct {
	CPUS        float64 `json:"cpu_s"`         // run time of all threads, dead ones included, exact to 1 ns
	CPUUserS    float64 `json:"cpu_user_s"`    // the user part of it (by clock tick, scaled to CPUS)
	CPUSysS     float64 `json:"cpu_sys_s"`     // the system part of it
	Voluntary   uint64  `json:"ctx_voluntary"` // context switches: the thread went to sleep
	Involuntary uint64  `json:"ctx_involuntary"`
	Threads     int     `json:"threads"`  // at the end of the window
	RSSBase     int64   `json:"rss_base"` // bytes resident before the first connection
	RSSPeak     int64   `json:"rss_peak"` // bytes resident at the end of the window
	RSSIdle     int64   `json:"rss_idle"` // bytes resident with all connections open and idle; 0: not taken
	// AnonBase, AnonIdle and AnonPeak are the anonymous part of these three: heap, stacks and
	// buffers without the program itself, whose pages come in as its code is first run.
	AnonBase int64 `json:"anon_base,omitempty"`
	AnonIdle int64 `json:"anon_idle,omitempty"`
	AnonPeak int64 `json:"anon_peak,omitempty"`
	// KernelIdle is the growth of kernel memory (slab, kernel stacks, page tables, TCP buffers)
	// with the connections open: of the whole machine, so both ends of every connection are in it.
	KernelIdle int64 `json:"kernel_idle"`
	// StackIdle is the part of it that threads cost: kernel stacks and page tables.
	StackIdle int64 `json:"stack_idle,omitempty"`
	// Syscalls entered in the window, extrapolated from the warm-up by the number of replies:
	// counting costs time, so it is off while time is measured. -1: not allowed to count here.
	Syscalls float64 `json:"syscalls"`
	ExitCode int     `json:"exit_code"`
	StopS    float64 `json:"stop_s"` // SIGTERM to exit
}

// Env describes the machine and the code of a run; it stands once per run in env.json.
type Env struct {
	V          int               `json:"v"`
	Commit     string            `json:"commit"`
	Dirty      bool              `json:"dirty"`
	Command    []string          `json:"command"`
	Profile    string            `json:"profile"`
	Seed       uint64            `json:"seed"`
	Started    time.Time         `json:"started"`
	Kernel     string            `json:"kernel"`
	CPU        string            `json:"cpu"`
	CPUs       int               `json:"cpus"`
	MemoryMB   int               `json:"memory_mb"`
	Go         string            `json:"go"`
	Congestion string            `json:"congestion"`
	Nofile     uint64            `json:"nofile"`
	Limits     map[string]string `json:"limits"`   // somaxconn, port range, perf paranoia, io_uring, ...
	Modules    map[string]string `json:"modules"`  // versions of the libraries under test
	Models     []ModelInfo       `json:"models"`   // as netserve --list --json printed them
	Plan       []Cell            `json:"plan"`     // every cell of the run, so a resume knows what is missing
	Blocks     int               `json:"blocks"`   // the most repetitions of any cell
	Repeats    []int             `json:"repeats"`  // repetitions of each cell of Plan, in the same order
	Host       string            `json:"host"`     // a digest: tells two machines apart without naming them
	Binaries   map[string]string `json:"binaries"` // digests of the programs: the commit does not show a dirty tree
	Config     Config            `json:"config"`
	// Identity is the kind of machine, in readings that stay the same while it does.
	Identity map[string]string `json:"identity,omitempty"`
}

// Config is what the user chose for a run beside profile and seed.
type Config struct {
	Models     []string `json:"models,omitempty"`    // only these; empty: all
	Workloads  []string `json:"workloads,omitempty"` // only these; empty: all
	ServerCPUs []int    `json:"server_cpus"`         // topology split: the server's side
	LoadCPUs   []int    `json:"load_cpus"`           // topology split: the generator's side
	SharedCPUs []int    `json:"shared_cpus"`         // topology shared: both
	Baseline   string   `json:"baseline,omitempty"`  // model that ratios refer to, and whose twin was measured
	BudgetS    float64  `json:"budget_s,omitempty"`  // time that the headlines may take, in seconds
}

// ModelInfo is one row of netserve --list --json.
type ModelInfo struct {
	Name        string            `json:"name"`
	Family      string            `json:"family"`
	VariantOf   string            `json:"variant_of,omitempty"` // the model it varies; in no default plan
	Summary     string            `json:"summary"`
	Notify      string            `json:"notify,omitempty"` // how the result of an operation is announced
	Wait        string            `json:"wait,omitempty"`   // what the caller does meanwhile
	Protocols   []string          `json:"protocols"`
	Available   bool              `json:"available"`
	Reason      string            `json:"reason,omitempty"`
	Card        map[string]string `json:"card,omitempty"`
	KnownLimits []KnownLimit      `json:"known_limits,omitempty"`
}

// KnownLimit is a contract case that a library cannot pass, and why.
type KnownLimit struct {
	Case   string `json:"case"`
	Reason string `json:"reason"`
}

// OK reports whether the record holds a measurement.
func (r Record) OK() bool { return r.Skipped == "" && r.Failed == "" }

// Replies is the number of verified replies received in the measured window, whenever their
// requests were sent: what CPU time and system calls of that window are divided by.
func (r Record) Replies() uint64 {
	if r.Load.WindowOK > 0 {
		return r.Load.WindowOK
	}
	return r.Load.Requests.OK
}

// SyscallsPerRequest is the number of system calls the server entered per verified reply, and
// whether it could be counted.
func (r Record) SyscallsPerRequest() (float64, bool) {
	if r.Replies() == 0 || r.Server.Syscalls < 0 {
		return 0, false
	}
	return r.Server.Syscalls / float64(r.Replies()), true
}

// CPUPerRequest is the server's CPU time per verified reply in seconds; 0 if there was none.
func (r Record) CPUPerRequest() float64 {
	if r.Replies() == 0 {
		return 0
	}
	return r.Server.CPUS / float64(r.Replies())
}

// Norm is server CPU over generator CPU in the same window. The generator does the same work
// against every server, so it is a yardstick that saw the same speed of the machine: ratios
// of Norm between two models repeat to about 1 % where absolute times do not repeat to 15 %.
func (r Record) Norm() float64 {
	if r.Load.Generator.CPUS == 0 {
		return 0
	}
	return r.Server.CPUS / r.Load.Generator.CPUS
}
