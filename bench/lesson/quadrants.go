package lesson

import (
	"context"
	"slices"
	"time"

	"iomodels/bench/lab"
	"iomodels/bench/proc"
)

const (
	manySilent  = 2000 // connections of the one quadrant
	fewRequests = 300  // of the other, one after another
)

// twoQuadrants measures what decides in two of the four quadrants: memory, where many connections
// ask little, and response time, where few do.
func twoQuadrants(ctx context.Context, env *lab.Env) (Data, error) {
	v := values{"conns": manySilent}
	for _, model := range []string{"goroutine", "thread", "reactor"} {
		kib, quick, err := quadrantsOf(ctx, env, model)
		if err != nil {
			return Data{}, err
		}
		v[model+"_kib"], v[model+"_us"] = kib, float64(quick.Nanoseconds())/1000
	}
	v["memory_ratio"] = v["goroutine_kib"] / v["reactor_kib"]
	v["time_ratio"] = max(v["goroutine_us"]/v["reactor_us"], v["reactor_us"]/v["goroutine_us"])
	return Data{Values: v}, nil
}

// quadrantsOf returns the memory of a silent connection, and the response time of a lone one: a tenth
// of its requests were quicker, for what disturbs only adds.
func quadrantsOf(ctx context.Context, env *lab.Env, model string) (kib float64, quick time.Duration, err error) {
	server, err := env.Serve(ctx, model, "echo")
	if err != nil {
		return 0, 0, err
	}
	defer server.Stop(5 * time.Second)
	one, err := hold(ctx, server.Addr, 1)
	defer closeConns(one)
	if err != nil {
		return 0, 0, err
	}
	var took []time.Duration
	for range fewRequests {
		begin := time.Now()
		if err := echo(one[0]); err != nil {
			return 0, 0, err
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	before, err := proc.ReadMemory(server.PIDs...)
	if err != nil {
		return 0, 0, err
	}
	many, err := hold(ctx, server.Addr, manySilent)
	defer closeConns(many)
	if err != nil {
		return 0, 0, err
	}
	after, err := proc.ReadMemory(server.PIDs...)
	if err != nil {
		return 0, 0, err
	}
	// Memory comes in pages, and some were there before: what is less is not told from nothing.
	kib = max(float64(after.Anon-before.Anon)/1024/manySilent, 0.01)
	return kib, took[len(took)/10], nil
}
