package lesson

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"iomodels/bench/lab"
	"iomodels/bench/trace"
)

// fromLab makes a run of a row of the failure lab: both variants, and the claim must tell them
// apart. The values are faulty, fixed, bound, and the facts of both, faulty_NAME and fixed_NAME.
func fromLab(f int) func(context.Context, *lab.Env) (Data, error) {
	return func(ctx context.Context, env *lab.Env) (Data, error) {
		row := lab.Rows()[f-1]
		r := lab.Run(ctx, env, row)
		if r.Skipped != "" {
			return Data{}, &lab.UnavailableError{Why: r.Skipped}
		}
		for _, trial := range []lab.Trial{r.Faulty, r.Fixed} {
			if trial.Error != "" {
				return Data{}, fmt.Errorf("%s: %s", trial.Variant, trial.Error)
			}
		}
		d := Data{
			Values: map[string]float64{"faulty": r.Faulty.Value, "fixed": r.Fixed.Value, "bound": row.Claim.Bound},
			Figure: Figure{Title: row.Claim.What, Axis: row.Claim.Unit, Bars: []Bar{
				{Label: r.Faulty.Variant, Value: r.Faulty.Value},
				{Label: r.Fixed.Variant, Value: r.Fixed.Value},
			}},
		}
		for name, value := range r.Faulty.Facts {
			d.Values["faulty_"+name] = value
		}
		for name, value := range r.Fixed.Facts {
			d.Values["fixed_"+name] = value
		}
		return d, nil
	}
}

// The load of a trace.
const (
	quietRequests = 3
	burstRequests = 16
)

// capture traces models, one after the other, and adds to the values what a request took:
// MODEL_calls in silence, of which MODEL_reads; MODEL_threads that took part at least, and
// MODEL_threads_most; MODEL_burst_calls in a burst. Dashes in names become "_".
func capture(ctx context.Context, env *lab.Env, models []string, values map[string]float64) (
	traces []*trace.Trace, untraced string, err error,
) {
	for _, model := range models {
		t, err := trace.Capture(ctx, trace.Plan{
			Program: cmp.Or(env.Probed, env.Netserve), Model: model, Proto: "echo", Args: []string{"--loops", "1"},
			Quiet: quietRequests, Burst: burstRequests, Full: true,
		})
		if err != nil {
			return nil, "", err
		}
		if why := t.Header.Missing[trace.Syscall]; why != "" { // nothing could be counted
			return nil, why, nil
		}
		tell(t, strings.ReplaceAll(model, "-", "_"), values)
		traces = append(traces, t)
	}
	return traces, "", nil
}

func tell(t *trace.Trace, name string, values map[string]float64) {
	fewest, least, most := 0, 0, 0
	for i, sequence := range t.Sequences(trace.MarkSend) {
		calls, reads := 0, 0
		threads := map[string]bool{}
		for _, step := range sequence {
			if step.Name == "epoll_wait" && step.Result == "0" {
				continue // a look that found nothing: how many there are is the tracer's doing
			}
			calls++
			threads[step.Lane] = true
			if strings.HasPrefix(step.Name, "re") { // read, readv, recvfrom
				reads++
			}
		}
		if i == 0 || calls < fewest {
			fewest = calls
			values[name+"_reads"] = float64(reads)
		}
		if i == 0 || len(threads) < least {
			least = len(threads)
		}
		most = max(most, len(threads))
	}
	values[name+"_calls"] = float64(fewest)
	values[name+"_threads"] = float64(least)
	values[name+"_threads_most"] = float64(most)
	for _, calls := range t.Calls(trace.MarkBurst) {
		values[name+"_burst_calls"] = float64(calls.Total()) / burstRequests
	}
}
