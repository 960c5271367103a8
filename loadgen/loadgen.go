// Package loadgen states the contract of the load generator: a Plan goes in, a Summary comes
// out, and Run is what lies between. The generator shares no code with the servers it measures:
// a bug in common would cancel out and never be seen.
//
//	Plan ─▶ Run ─▶ Summary
//	         │
//	         ├─ conns    what connections cost, and how they are opened
//	         ├─ engine   one event loop per thread: clock, connections, counting
//	         │   ├─ pace     when is request n due          (no clock)
//	         │   ├─ wire     what is sent, what must return (no socket)
//	         │   └─ latency  how long it took               (no sharing)
//	         └─ verdict  can the result be trusted
//
// Read next: this file, then engine (the loop), then verdict.go (the judgement).
package loadgen

import (
	"time"

	"iomodels/loadgen/drip"
)

// Plan is one load: what to send, to whom, on how many connections, and when. Its JSON form
// stands in every result, so that a result can be repeated from itself. The zero value of every
// field but Addr is a useful default: see WithDefaults.
type Plan struct {
	Addr   string `json:"addr"`           // HOST:PORT of the server
	Proto  string `json:"proto"`          // echo, http or frame
	Path   string `json:"path,omitempty"` // HTTP request target; empty: /
	Mix    string `json:"mix,omitempty"`  // or several, with weights: /:99,/delay/5:1
	Conns  int    `json:"conns"`          // active connections, over all loops
	Idle   int    `json:"idle"`           // further connections that are held and say nothing
	Size   int    `json:"size"`           // bytes per echo message, or per POST body
	Loops  int    `json:"loops"`          // event loops of a process, each a locked OS thread
	Procs  int    `json:"procs"`          // processes that share the load; 0: as descriptors demand
	Stamps int    `json:"stamps"`         // connections on which the kernel's clock is read, too
	Engine string `json:"engine"`         // epoll or uring; auto: whichever suits the load
	Seed   uint64 `json:"seed"`           // of every random choice

	Settle   time.Duration `json:"settle_ns"`   // all connections open and idle, before the warm-up
	Warmup   time.Duration `json:"warmup_ns"`   // load before the measured part, counted apart
	Duration time.Duration `json:"duration_ns"` // length of the measured part
	Timeout  time.Duration `json:"timeout_ns"`  // per request and per connect; also bounds the drain
	Interval time.Duration `json:"interval_ns"` // tick of the time series; 0: chosen from Duration

	Rate     float64   `json:"rate_per_s"`            // offered load, requests over all loops; 0: closed loop
	Steps    []float64 `json:"steps_per_s,omitempty"` // or several, each for an equal part of Duration
	Arrival  string    `json:"arrival"`               // closed, constant, poisson or burst:N
	Late     string    `json:"late"`                  // what becomes of a request that is late: send or skip
	Choice   string    `json:"choice"`                // which connection takes a due request: any-idle or pinned
	Pipeline int       `json:"pipeline"`              // requests in flight per connection
	Spin     string    `json:"spin"`                  // burn a processor to be on time: auto, on or off

	RequestsPerConn int     `json:"requests_per_conn"` // then a connection is replaced; 0: never
	RampPerS        float64 `json:"ramp_per_s"`        // connections opened per second; 0: no pace
	Sources         int     `json:"sources"`           // source addresses 127.0.0.2 ...; 0: as needed

	Drip      int     `json:"drip,omitempty"`             // further connections that upload slowly, uncounted
	DripRate  float64 `json:"drip_bytes_per_s,omitempty"` // of each of them
	DripBytes int     `json:"drip_bytes,omitempty"`       // of one such upload

	SharedCPU bool `json:"shared_cpu,omitempty"` // the server runs on the same processors, on purpose
}

// Summary is what one run measured. All times are nanoseconds, all counts are exact.
type Summary struct {
	Plan        Plan         `json:"plan"`
	ElapsedS    float64      `json:"elapsed_s"`       // the measured part, without warm-up
	RatePerS    float64      `json:"rate_per_s"`      // WindowOK per second of ElapsedS
	BytesIn     uint64       `json:"bytes_in"`        // received on the wire in the measured part
	BytesOut    uint64       `json:"bytes_out"`       // sent on the wire in the measured part
	WarmupOK    uint64       `json:"warmup_ok"`       // verified replies to requests due in the warm-up
	WindowOK    uint64       `json:"window_ok"`       // verified replies that came within ElapsedS
	Requests    Requests     `json:"requests"`        // conservation: see Requests
	Connections Connections  `json:"connections"`     // over the whole run
	Sessions    Sessions     `json:"sessions"`        // the same load as a balancer would be measured
	Response    Latency      `json:"response_ns"`     // from the intended send time to the last byte
	Service     Latency      `json:"service_ns"`      // from the actual send to the last byte
	Lag         Latency      `json:"lag_ns"`          // from the intended to the actual send
	Connect     Latency      `json:"connect_ns"`      // from opening the socket to the connection
	Kinds       []Kind       `json:"kinds,omitempty"` // of a mix: each kind of request apart
	Steps       []Step       `json:"steps,omitempty"` // of several offered rates: each apart
	Intervals   []Interval   `json:"intervals,omitempty"`
	Totals      Totals       `json:"totals"`  // whole run, to be held against the server's own counts
	Little      Little       `json:"little"`  // does the bookkeeping agree with itself?
	Network     Network      `json:"network"` // what the kernel counted, whole machine, whole run
	Memory      Memory       `json:"memory"`  // what the connections took
	Stamps      Stamps       `json:"stamps"`  // the generator's clock against the kernel's
	Verdict     string       `json:"verdict"` // valid, suspect or invalid
	Reasons     []string     `json:"reasons"` // why it is not valid, in words
	Cost        string       `json:"cost"`    // the verdict on counts and CPU per reply: waiting spoils speed only
	Generator   Generator    `json:"generator"`
	Interrupted bool         `json:"interrupted,omitempty"`
	Drip        *drip.Report `json:"drip,omitempty"`   // what became of the slow uploads beside the load
	Search      *Search      `json:"search,omitempty"` // of FindRate: this is the summary of its best probe
}

// Requests are the counts of the requests that were due in the measured part, and of whatever
// became of them until the end of the drain. Nothing is lost:
// Scheduled = Sent + Unsent, and Sent = OK + Timeouts + InFlight + the sum of Errors.
// Response holds OK, and as censored samples Unsent, Timeouts and InFlight.
type Requests struct {
	Scheduled uint64            `json:"scheduled"` // became due
	Sent      uint64            `json:"sent"`      // were given to a connection to be written
	OK        uint64            `json:"ok"`        // whole, verified replies
	Unsent    uint64            `json:"unsent"`    // found no free connection in time; censored
	Late      uint64            `json:"late"`      // of the sent ones, those sent more than 1 ms late
	Timeouts  uint64            `json:"timeouts"`  // no reply within Plan.Timeout; censored
	InFlight  uint64            `json:"in_flight"` // not answered when the drain ended; censored
	Errors    map[string]uint64 `json:"errors"`    // by class: reset, eof, wrong-body, status-5xx, ...
}

// Sessions are the three measures by which balancers and firewalls are compared: session rate,
// concurrent sessions and data rate (RFC 3511, sections 5.3, 5.2 and 5.6).
type Sessions struct {
	RatePerS   float64 `json:"session_rate_per_s"`    // connections opened per second of the measured part
	Concurrent int     `json:"concurrent_sessions"`   // connections open at once, at the peak
	BytesPerS  float64 `json:"data_rate_bytes_per_s"` // both directions, of the measured part
}

// Connections are the counts of the whole run.
type Connections struct {
	Target       int               `json:"target"` // active and idle ones
	Opened       uint64            `json:"opened"`
	Answered     uint64            `json:"answered"`       // of those, brought at least one verified reply
	OpenS        float64           `json:"open_s"`         // from the first connect until all were open
	Peak         int               `json:"peak"`           // open at once (several loops: sum of their peaks)
	Failed       map[string]uint64 `json:"failed"`         // by class: refused, timeout, ports, ...
	ClosedByPeer uint64            `json:"closed_by_peer"` // by FIN or RST, a request in flight or not
}

// Latency is a distribution. Curve holds the points of a percentile chart: it ends where the
// sample stops to support more (1 - 1/n).
type Latency struct {
	Count  uint64   `json:"count"`
	Mean   float64  `json:"mean"`
	P50    int64    `json:"p50"`
	P90    int64    `json:"p90"`
	P99    int64    `json:"p99"`
	P999   int64    `json:"p99_9"`
	P9999  int64    `json:"p99_99"`
	Max    int64    `json:"max"`
	Marked []string `json:"unsupported,omitempty"`  // percentiles above with too few samples behind them
	Bounds []string `json:"lower_bounds,omitempty"` // percentiles above that are at least this: see Censored
	// Censored samples are in Count: requests that timed out, were still in flight at the end, or
	// were never sent. How long they would have taken is known only from below.
	Censored uint64     `json:"censored,omitempty"`
	Curve    []Quantile `json:"curve,omitempty"`
}

// Quantile is one point of a percentile curve.
type Quantile struct {
	Q  float64 `json:"q"`  // 0 .. 1
	NS int64   `json:"ns"` // value at q
}

// Kind is one kind of request of a mix.
type Kind struct {
	Path     string  `json:"path"`
	Share    float64 `json:"share"` // of all requests, as planned
	Response Latency `json:"response_ns"`
	Service  Latency `json:"service_ns"`
}

// Step is one of several offered rates. Requests belong to the step in which they were due.
type Step struct {
	Offered  float64  `json:"offered_per_s"`
	RatePerS float64  `json:"rate_per_s"` // verified replies that came in the step, per second
	Requests Requests `json:"requests"`   // Late is not known of a step
	Response Latency  `json:"response_ns"`
	Service  Latency  `json:"service_ns"`
}

// Search is how the largest rate that keeps an objective was found.
type Search struct {
	Objective string  `json:"objective"`  // p99<5ms
	Kept      bool    `json:"kept"`       // by the lowest rate, at least
	RatePerS  float64 `json:"rate_per_s"` // the largest offered rate that kept it; 0: none did
	Limit     string  `json:"limit"`      // why the lowest rate that did not keep it did not
	Probes    []Probe `json:"probes"`     // in the order they were tried
}

// Probe is one rate that a search tried.
type Probe struct {
	Offered    float64 `json:"offered_per_s"`
	RatePerS   float64 `json:"rate_per_s"` // verified replies
	Percentile int64   `json:"percentile_ns"`
	Verdict    string  `json:"verdict"`
	Kept       bool    `json:"kept"`
	Why        string  `json:"why,omitempty"` // it was not kept
}

// Interval is one tick of the time series, from the first connect to the end of the drain.
type Interval struct {
	AtS    float64 `json:"at_s"`   // end of the tick, from the start of the run
	Phase  string  `json:"phase"`  // ramp (and settling), warmup, measure or drain
	OK     uint64  `json:"ok"`     // verified replies in the tick
	Errors uint64  `json:"errors"` // failed requests in the tick
	Opened uint64  `json:"opened"` // connections opened in the tick
	Open   int     `json:"open"`   // connections open at its end
	P50    int64   `json:"p50_ns"` // response time in the tick
	P99    int64   `json:"p99_ns"`
	MaxLag int64   `json:"max_lag_ns"`
}

// Totals are counts of the whole run, warm-up and drain included.
type Totals struct {
	OK       uint64 `json:"ok"`        // verified replies
	BytesIn  uint64 `json:"bytes_in"`  // received
	BytesOut uint64 `json:"bytes_out"` // sent
}

// Little holds the two sides of Little's law for the measured part: the mean number of requests
// in flight, integrated over time, and the rate of replies times their mean service time. They
// are counted independently of each other, so a wide gap means that something was miscounted,
// or that the load was not steady.
type Little struct {
	InFlight    float64 `json:"in_flight"`
	RateXTime   float64 `json:"rate_x_service"`
	ResidualPct float64 `json:"residual_pct"` // of InFlight
}

// Network is what the kernel counted while the run lasted: of the whole machine, so also what
// others did.
type Network struct {
	SynRetransmits  uint64 `json:"syn_retransmits"`  // each delayed a connect by a second or more
	ListenOverflows uint64 `json:"listen_overflows"` // connections that found the accept queue full
	ListenDrops     uint64 `json:"listen_drops"`     // SYNs dropped at a listener, for any reason
	TimeWait        uint64 `json:"time_wait"`        // sockets in TIME_WAIT when the run ended
}

// Stamps are clock readings of this program against the kernel's own stamps of the same bytes, on a
// sample of the connections. Service times contain both: they are the generator's own bias.
type Stamps struct {
	Connections int     `json:"connections"`           // in the sample; 0: not asked for
	Send        Latency `json:"send_ns"`               // from before the write to the kernel's stamp of it
	Receive     Latency `json:"receive_ns"`            // from the kernel's stamp of arrival to after the read
	Missing     uint64  `json:"missing"`               // writes and reads that the kernel did not stamp
	Unavailable string  `json:"unavailable,omitempty"` // why there are no stamps
}

// Memory is what the connections took. The kernel's part is the growth of its own objects (slab)
// and of TCP's buffers: of the whole machine, so also of what others did meanwhile.
type Memory struct {
	KernelOpen   uint64  `json:"kernel_open_bytes"`   // when all connections were open and idle
	KernelLoaded uint64  `json:"kernel_loaded_bytes"` // at the end of the measured part
	Ends         int     `json:"ends"`                // of the connections, on this machine: both on loopback
	PerEnd       float64 `json:"kernel_per_end"`      // KernelOpen; 0: too few connections to tell
	Generator    uint64  `json:"generator_bytes"`     // resident, all processes, at the end of the measured part
	PerConn      float64 `json:"generator_per_conn"`  // growth of the above since before the first connect
}

// Generator is what the run cost the generator itself, in the measured part: the basis of the
// verdict.
type Generator struct {
	CPUUserS    float64 `json:"cpu_user_s"`
	CPUSysS     float64 `json:"cpu_sys_s"`
	CPUS        float64 `json:"cpu_s"`         // both, from the scheduler's account of each thread: exact
	RunDelayS   float64 `json:"run_delay_s"`   // time its threads waited for a processor
	GCPauseS    float64 `json:"gc_pause_s"`    //
	GCs         uint32  `json:"gcs"`           // garbage collections
	StealS      float64 `json:"steal_s"`       // taken by the hypervisor, whole machine
	LoopCPUPct  float64 `json:"loop_cpu_pct"`  // CPU of the busiest loop, of ElapsedS
	RunDelayPct float64 `json:"run_delay_pct"` // RunDelayS of the loop that waited longest, of ElapsedS
	LateP99     int64   `json:"late_p99_ns"`   // how late loops noticed due requests: their own delay
	LateMax     int64   `json:"late_max_ns"`
	// StartNS and EndNS are CLOCK_MONOTONIC at the edges of the measured part: whoever reads
	// the server's counters can cut them to the same window.
	StartNS int64 `json:"start_ns"`
	EndNS   int64 `json:"end_ns"`
}
