package loadgen

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"iomodels/loadgen/engine"
	"iomodels/loadgen/pace"
	"iomodels/loadgen/wire"
)

// The ways requests become due, and the ways a due request finds its connection.
const (
	ArrivalClosed   = "closed"   // when the reply before has come: as many at once as there are places
	ArrivalConstant = "constant" // evenly spaced
	ArrivalPoisson  = "poisson"  // independently, as many users make them
	ArrivalBurst    = "burst"    // burst:N, N at a time

	ChoiceAnyIdle = "any-idle" // the connection that has been free for longest
	ChoicePinned  = "pinned"   // connection n mod conns, for request n: a stall blocks its own users only
)

// What becomes of a request that could not be sent when it was due, because no connection was
// free or the generator itself was late. Either way its user waited, which is in the response
// times: a request that is skipped is a censored sample.
const (
	LateSend = "send" // it is sent as soon as possible, until Timeout
	LateSkip = "skip" // after a millisecond it is not sent any more, and counted as unsent

	lateAfter = time.Millisecond
)

// EngineAuto is the default of Plan.Engine: the transport that suits the load.
const EngineAuto = "auto"

// When a loop may burn processor time to be on time.
const (
	SpinAuto = "auto" // if the processors this program may use are more than it and a server need
	SpinOn   = "on"
	SpinOff  = "off"
)

// The bounds of a plan; beyond them it is a typing error.
const (
	maxPipeline = 1024
	maxLoops    = 256
	maxProcs    = 256
	maxMessage  = 1 << 30
	maxBins     = 64 // steps times kinds: each has histograms of its own
)

// WithDefaults returns the plan with every zero field filled in, or an error that names the
// field that makes no sense.
func (p Plan) WithDefaults() (Plan, error) {
	setDefault(&p.Proto, "echo")
	setDefault(&p.Engine, EngineAuto)
	setDefault(&p.Choice, ChoiceAnyIdle)
	setDefault(&p.Spin, SpinAuto)
	setDefault(&p.Late, LateSend)
	setDefault(&p.Conns, 1)
	setDefault(&p.Size, 64)
	setDefault(&p.Duration, 10*time.Second)
	setDefault(&p.Timeout, 5*time.Second)
	setDefault(&p.Pipeline, 1)
	setDefault(&p.Loops, 1)
	setDefault(&p.Seed, 1)
	setDefault(&p.Interval, niceInterval(p.Duration))
	if p.Proto == "http" && p.Mix == "" {
		setDefault(&p.Path, "/")
	}
	if p.Drip > 0 {
		setDefault(&p.DripRate, 10)
		setDefault(&p.DripBytes, 16<<10)
	}
	if p.Rate > 0 || len(p.Steps) > 0 {
		setDefault(&p.Arrival, ArrivalConstant)
	}
	setDefault(&p.Arrival, ArrivalClosed)
	return p, p.check()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// niceInterval gives a series at least ten points, and a long run one point a second.
func niceInterval(d time.Duration) time.Duration {
	for _, tick := range []time.Duration{time.Second, 500 * time.Millisecond, 200 * time.Millisecond} {
		if d >= 20*tick {
			return tick
		}
	}
	return 100 * time.Millisecond
}

// check finds what no run could honour. Each message names the flag.
func (p Plan) check() error {
	for name, n := range map[string]int{
		"conns": p.Conns, "size": p.Size, "pipeline": p.Pipeline, "loops": p.Loops,
	} {
		if n < 1 {
			return fmt.Errorf("--%s is %d: want 1 or more", name, n)
		}
	}
	for name, n := range map[string]float64{
		"idle": float64(p.Idle), "requests-per-conn": float64(p.RequestsPerConn),
		"sources": float64(p.Sources), "procs": float64(p.Procs), "stamps": float64(p.Stamps), "rate": p.Rate, "ramp": p.RampPerS,
		"drip": float64(p.Drip), "drip-rate": p.DripRate, "drip-bytes": float64(p.DripBytes),
		"warmup": p.Warmup.Seconds(), "settle": p.Settle.Seconds(),
	} {
		if !(n >= 0) {
			return fmt.Errorf("--%s is %v: want 0 or more", name, n)
		}
	}
	for name, d := range map[string]time.Duration{
		"duration": p.Duration, "timeout": p.Timeout, "interval": p.Interval,
	} {
		if d < time.Millisecond {
			return fmt.Errorf("--%s is %v: want 1ms or more", name, d)
		}
	}
	switch {
	case p.Addr == "":
		return errors.New("--addr is missing: want HOST:PORT of the server")
	case !slices.Contains(wire.Protos(), p.Proto):
		return fmt.Errorf("--proto is %q: want one of: %s", p.Proto, strings.Join(wire.Protos(), ", "))
	case p.Proto != "http" && p.Path+p.Mix != "":
		return errors.New("--path and --mix need --proto http")
	case p.Path != "" && p.Mix != "":
		return errors.New("--path and --mix exclude each other")
	case p.Pipeline > maxPipeline:
		return fmt.Errorf("--pipeline is %d: want %d or less", p.Pipeline, maxPipeline)
	case p.Loops > min(maxLoops, p.Conns):
		return fmt.Errorf("--loops is %d: want %d or less, and no more than --conns", p.Loops, maxLoops)
	case p.Stamps > 0 && p.Engine == engine.Uring:
		return fmt.Errorf("--stamps needs --engine %s: of sends that a ring carries out there is no clock"+
			" reading to compare", engine.Epoll)
	case p.Procs > maxProcs:
		return fmt.Errorf("--procs is %d: want %d or less", p.Procs, maxProcs)
	case max(p.Size, p.DripBytes) > maxMessage:
		return fmt.Errorf("--size is %d and --drip-bytes %d: want %d or less", p.Size, p.DripBytes, maxMessage)
	case p.Spin != SpinAuto && p.Spin != SpinOn && p.Spin != SpinOff:
		return fmt.Errorf("--spin is %q: want %s, %s or %s", p.Spin, SpinAuto, SpinOn, SpinOff)
	case p.Late != LateSend && p.Late != LateSkip:
		return fmt.Errorf("--late is %q: want %s or %s", p.Late, LateSend, LateSkip)
	case p.Choice != ChoiceAnyIdle && p.Choice != ChoicePinned:
		return fmt.Errorf("--choice is %q: want %s or %s", p.Choice, ChoiceAnyIdle, ChoicePinned)
	}
	_, err := p.mix()
	return errors.Join(p.checkEngine(), p.checkArrival(), p.checkSteps(), err)
}

func (p Plan) checkEngine() error {
	if !slices.Contains(Engines(), p.Engine) {
		return fmt.Errorf("--engine is %q: want one of: %s", p.Engine, strings.Join(Engines(), ", "))
	}
	return nil
}

func (p Plan) checkArrival() error {
	kind, _, err := p.arrival()
	switch {
	case err != nil:
		return err
	case kind == ArrivalClosed && p.peak() > 0:
		return errors.New("--arrival closed has no --rate: a closed loop sends when a reply has come")
	case kind == ArrivalClosed && p.Late == LateSkip:
		return errors.New("--late skip needs --rate: in a closed loop nothing is due at a time")
	case kind != ArrivalClosed && p.peak() == 0:
		return fmt.Errorf("--arrival %s needs --rate", p.Arrival)
	case kind == ArrivalClosed && p.Choice == ChoicePinned:
		return errors.New("--choice pinned needs --rate: a closed loop has no request without a connection")
	}
	return nil
}

func (p Plan) checkSteps() error {
	if len(p.Steps) == 0 {
		return nil
	}
	if p.Rate > 0 {
		return errors.New("--steps and --rate exclude each other")
	}
	for _, r := range p.Steps {
		if !(r > 0) || math.IsInf(r, 0) {
			return fmt.Errorf("--steps has a rate of %v: want more than 0", r)
		}
	}
	if p.stepEach() < time.Millisecond {
		return fmt.Errorf("--steps: %d steps in %v: want 1ms or more for each", len(p.Steps), p.Duration)
	}
	if m, err := p.mix(); err == nil && len(p.Steps)*len(m.paths) > maxBins {
		return fmt.Errorf("--steps: %d steps of %d kinds of requests: want %d or less in all", len(p.Steps),
			len(m.paths), maxBins)
	}
	return nil
}

// steps is how many parts the measured part has.
func (p Plan) steps() int { return max(len(p.Steps), 1) }

// stepEach is how long each of them is.
func (p Plan) stepEach() time.Duration { return p.Duration / time.Duration(p.steps()) }

// peak is the highest rate that is offered.
func (p Plan) peak() float64 {
	if len(p.Steps) > 0 {
		return slices.Max(p.Steps)
	}
	return p.Rate
}

// profile is the offered rate over time, from the beginning of the warm-up, which has the rate
// of the first step.
func (p Plan) profile() pace.Profile {
	if len(p.Steps) > 0 {
		return pace.Steps(p.Warmup, p.stepEach(), p.Steps...)
	}
	return pace.Constant(p.Rate)
}

// patience is how late a request may be sent.
func (p Plan) patience() time.Duration {
	if p.Late == LateSkip {
		return min(lateAfter, p.Timeout)
	}
	return p.Timeout
}

// arrival splits Arrival into its kind and the size of a burst.
func (p Plan) arrival() (kind string, burst int, err error) {
	kind, size, sized := strings.Cut(p.Arrival, ":")
	switch kind {
	case ArrivalClosed, ArrivalConstant, ArrivalPoisson:
		if !sized {
			return kind, 0, nil
		}
	case ArrivalBurst:
		if n, err := strconv.Atoi(size); err == nil && n > 0 {
			return kind, n, nil
		}
		return "", 0, fmt.Errorf("--arrival is %q: want burst:N with N of 1 or more", p.Arrival)
	}
	return "", 0, fmt.Errorf("--arrival is %q: want closed, constant, poisson or burst:N", p.Arrival)
}

// schedule is the part of the plan's schedule that one loop keeps.
func (p Plan) schedule(share pace.Share) pace.Schedule {
	profile := p.profile()
	switch kind, burst, _ := p.arrival(); kind {
	case ArrivalConstant:
		return pace.Even(profile, share)
	case ArrivalPoisson:
		return pace.Poisson(profile, p.Seed, share)
	case ArrivalBurst:
		return pace.Burst(profile, burst, share)
	}
	return pace.Closed()
}

// open reports whether requests are due at times of their own.
func (p Plan) open() bool { return p.Arrival != ArrivalClosed }

// Engines are the values Plan.Engine may have; the first is the default.
func Engines() []string { return append([]string{EngineAuto}, engine.Engines()...) }
