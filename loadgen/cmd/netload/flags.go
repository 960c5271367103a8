package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"iomodels/loadgen"
)

// options are the command line: a plan, and where the result goes.
type options struct {
	plan     loadgen.Plan
	json     bool
	phases   bool
	progress bool
	tied     bool
	hgrm     string
	csv      string
	slo      string
}

func (o *options) register(f *pflag.FlagSet) {
	p := &o.plan
	f.SortFlags = false
	f.StringVar(&p.Addr, "addr", "", "`address` of the server, HOST:PORT")
	f.StringVar(&p.Proto, "proto", "echo", "`protocol`: echo, http or frame")
	f.StringVar(&p.Path, "path", "", "HTTP request `target` (default /); /echo gets a POST of --size bytes")
	f.StringVar(&p.Mix, "mix", "", "or several targets with `weights`: /:99,/delay/5:1")
	count(f, &p.Conns, "conns", 1, "connections that carry requests")
	count(f, &p.Size, "size", 64, "bytes per echo message, payload of a frame, or POST body")
	f.DurationVar(&p.Duration, "duration", 10*time.Second, "length of the measured part")
	f.DurationVar(&p.Warmup, "warmup", 0, "load before the measured part, counted apart")
	rate(f, &p.Rate, "rate", "requests per second, all connections together; 0: closed loop")
	f.StringVar(&p.Arrival, "arrival", "",
		"`process`: closed, constant, poisson or burst:N (default closed; with --rate: constant)")
	f.Var(rates{&p.Steps}, "steps", "or several, each for an equal part of --duration: 10k,20k,40k")
	f.StringVar(&o.slo, "slo", "",
		"search for the largest rate that keeps an `objective`, p99<5ms, from --rate on; runs --duration each")
	f.StringVar(&p.Late, "late", loadgen.LateSend,
		"what becomes of a late `request`: send at once, or skip (unsent after 1ms)")
	f.StringVar(&p.Choice, "choice", loadgen.ChoiceAnyIdle,
		"`connection` that sends a due request: any-idle or pinned")
	count(f, &p.Pipeline, "pipeline", 1, "requests in flight per connection")
	count(f, &p.RequestsPerConn, "requests-per-conn", 0, "then a connection is replaced; 0: never")
	count(f, &p.Idle, "idle", 0, "further connections that are held and say nothing")
	count(f, &p.Drip, "drip", 0, "further connections that upload slowly all the time; they are in no count")
	rate(f, &p.DripRate, "drip-rate", "`bytes` per second of each of them (default 10)")
	count(f, &p.DripBytes, "drip-bytes", 0, "of one slow upload (default 16384)")
	rate(f, &p.RampPerS, "ramp", "connections opened per second; 0: as fast as they come")
	f.DurationVar(&p.Settle, "settle", 0, "hold all connections open and idle before the warm-up")
	f.DurationVar(&p.Timeout, "timeout", 5*time.Second, "per request, per connect, and for the drain")
	count(f, &p.Sources, "sources", 0, "source addresses 127.0.0.2 ...; 0: as many as the plan needs")
	count(f, &p.Loops, "loops", 1, "event loops of a process, each a thread")
	count(f, &p.Procs, "procs", 0, "processes that share the load; 0: as many as descriptors demand")
	count(f, &p.Stamps, "stamps", 0,
		"connections on which the kernel stamps the bytes, too: shows this program's own bias")
	f.StringVar(&p.Engine, "engine", loadgen.Engines()[0],
		"`transport`: "+strings.Join(loadgen.Engines(), ", ")+"; auto: uring for closed loops of small requests on\n"+
			"lasting connections, where io_uring is to be had; else epoll")
	f.StringVar(&p.Spin, "spin", loadgen.SpinAuto,
		"`when` to burn a processor to be on time: auto, on or off")
	f.Uint64Var(&p.Seed, "seed", 1, "of every random choice")
	f.BoolVar(&p.SharedCPU, "shared-cpu", false, "the server runs on the same processors on purpose: say so")
	f.DurationVar(&p.Interval, "interval", 0, "tick of the time series; 0: chosen from --duration")
	f.BoolVar(&o.json, "json", false, "print the result as one JSON object")
	f.StringVar(&o.hgrm, "hgrm", "", "write the response times to `FILE`, for HdrHistogram plotters")
	f.StringVar(&o.csv, "csv", "", "write the time series to `FILE`")
	f.BoolVar(&o.progress, "progress", false, "live line on stderr even if that is no terminal")
	f.BoolVar(&o.phases, "phases", false, "print a JSON line on stderr when a phase begins")
	f.BoolVar(&o.tied, "die-with-parent", false, "be killed when the thread that started netload ends")
}

// complete finds what the flags cannot express.
func (o *options) complete(f *pflag.FlagSet) error {
	for _, name := range []string{"conns", "size", "pipeline", "loops", "duration", "timeout"} {
		flag := f.Lookup(name)
		if value := flag.Value.String(); flag.Changed && (value == "0" || value == "0s") {
			return fmt.Errorf("--%s is 0: want more", name)
		}
	}
	if flag := f.Lookup("rate"); flag.Changed && o.plan.Rate == 0 {
		return errors.New("--rate is 0: want more, or leave it out for a closed loop")
	}
	_, err := o.plan.WithDefaults()
	if o.slo != "" {
		_, errSLO := loadgen.ParseObjective(o.slo)
		return errors.Join(errSLO, err)
	}
	return err
}

// dieWithParent asks the kernel to kill this process when the thread that started it ends, so
// that a killed benchmark leaves no load behind.
func dieWithParent() error {
	parent := os.Getppid()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl PR_SET_PDEATHSIG", err)
	}
	if os.Getppid() != parent {
		return errors.New("--die-with-parent: the parent is gone already")
	}
	return nil
}

// number is a flag that understands 10k, 2.5m and 5k/s.
type number struct {
	set  func(float64) error
	text func() string
	kind string
}

func (n number) String() string {
	if n.text == nil { // pflag asks a zero value
		return ""
	}
	return n.text()
}

func (n number) Type() string { return n.kind }

func (n number) Set(s string) error {
	v, err := parseNumber(s)
	if err != nil {
		return err
	}
	return n.set(v)
}

// parseNumber reads 200, 10k, 2m or 5k/s.
func parseNumber(s string) (float64, error) {
	digits, factor := strings.TrimSuffix(s, "/s"), 1.0
	for suffix, f := range map[string]float64{"k": 1e3, "K": 1e3, "m": 1e6, "M": 1e6} {
		if cut, ok := strings.CutSuffix(digits, suffix); ok {
			digits, factor = cut, f
		}
	}
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, errors.New("want a number such as 200, 10k or 2m")
	}
	return v * factor, nil
}

// rates is a flag that understands 10k,20k,40k.
type rates struct{ to *[]float64 }

func (rates) Type() string { return "N,N" }

func (r rates) String() string {
	if r.to == nil { // pflag asks a zero value
		return ""
	}
	var words []string
	for _, v := range *r.to {
		words = append(words, strconv.FormatFloat(v, 'f', -1, 64))
	}
	return strings.Join(words, ",")
}

func (r rates) Set(s string) error {
	*r.to = nil
	for word := range strings.SplitSeq(s, ",") {
		v, err := parseNumber(word)
		if err != nil {
			return fmt.Errorf("%q: %w", word, err)
		}
		*r.to = append(*r.to, v)
	}
	return nil
}

func count(f *pflag.FlagSet, to *int, name string, value int, usage string) {
	*to = value
	f.Var(number{
		kind: "N", text: func() string { return strconv.Itoa(*to) },
		set: func(v float64) error {
			if v < 0 || v > math.MaxInt32 || v != math.Trunc(v) {
				return errors.New("want a whole number, 0 or more")
			}
			*to = int(v)
			return nil
		},
	}, name, usage)
}

func rate(f *pflag.FlagSet, to *float64, name, usage string) {
	f.Var(number{
		kind: "N", text: func() string { return strconv.FormatFloat(*to, 'g', -1, 64) },
		set: func(v float64) error {
			if v < 0 {
				return errors.New("want 0 or more")
			}
			*to = v
			return nil
		},
	}, name, usage)
}

// didYouMean adds the nearest flag to the complaint about an unknown one.
func didYouMean(f *pflag.FlagSet, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return err
	}
	best, distance := "", max(2, len(name)/2)+1
	f.VisitAll(func(flag *pflag.Flag) {
		if d := editDistance(name, flag.Name); d < distance {
			best, distance = flag.Name, d
		}
	})
	if best == "" {
		return fmt.Errorf("%w (see --help)", err)
	}
	return fmt.Errorf("%w: did you mean --%s?", err, best)
}

// editDistance counts the insertions, deletions and replacements that turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = slices.Min([]int{cost, row[j] + 1, row[j+1] + 1})
		}
	}
	return row[len(b)]
}
