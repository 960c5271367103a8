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
	Rate     float64 `json:"rate,omitempty"` // offered load, requests per second; 0: closed loop
}

// Record is one finished cell: measured, skipped or failed.
type Record struct {
	V        int             `json:"v"`
	Seq      int             `json:"seq"` // order within the run; clocks may step, this does not
	Cell     Cell            `json:"cell"`
	Block    int             `json:"block"` // repetition number; within a block the order is random
	Started  time.Time       `json:"started"`
	TookS    float64         `json:"took_s"`
	Load     loadgen.Summary `json:"load"`
	Server   Usage           `json:"server"`
	Skipped  string          `json:"skipped,omitempty"` // why this machine cannot run the cell, and the remedy
	Failed   string          `json:"failed,omitempty"`  // what broke, with the end of the server's stderr
	Warnings []string        `json:"warnings,omitempty"`
	Command  []string        `json:"command,omitempty"` // the netload command line, to repeat the cell by hand
}

// Usage is what the server process cost in the measured window.
type Usage struct {
	CPUS        float64 `json:"cpu_s"`         // schedstat run time of all threads, exact to 1 ns
	CPUUserS    float64 `json:"cpu_user_s"`    // the user part of it (10 ms ticks, scaled to CPUS)
	CPUSysS     float64 `json:"cpu_sys_s"`     // the system part of it
	Voluntary   uint64  `json:"ctx_voluntary"` // context switches: the thread went to sleep
	Involuntary uint64  `json:"ctx_involuntary"`
	Threads     int     `json:"threads"`     // at the end of the window
	RSSBase     int64   `json:"rss_base"`    // bytes resident before the first connection
	RSSPeak     int64   `json:"rss_peak"`    // bytes resident at the end of the window
	RSSIdle     int64   `json:"rss_idle"`    // bytes resident with all connections open and idle; 0: not taken
	KernelIdle  int64   `json:"kernel_idle"` // growth of kernel slab with the connections open, machine-wide, both ends
	Syscalls    float64 `json:"syscalls"`    // entered in the window; -1: not allowed to count here
	ExitCode    int     `json:"exit_code"`
	StopS       float64 `json:"stop_s"` // SIGTERM to exit
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
	Limits     map[string]string `json:"limits"`  // somaxconn, port range, perf paranoia, io_uring, ...
	Modules    map[string]string `json:"modules"` // versions of the libraries under test
	Models     []ModelInfo       `json:"models"`  // as netserve --list --json printed them
	Plan       []Cell            `json:"plan"`    // the cells of one block, so a resume knows what is missing
	Blocks     int               `json:"blocks"`
}

// ModelInfo is one row of netserve --list --json.
type ModelInfo struct {
	Name        string            `json:"name"`
	Family      string            `json:"family"`
	Summary     string            `json:"summary"`
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

// CPUPerRequest is the server's CPU time per verified reply in seconds; 0 if there was none.
func (r Record) CPUPerRequest() float64 {
	if r.Load.Requests.OK == 0 {
		return 0
	}
	return r.Server.CPUS / float64(r.Load.Requests.OK)
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
