package lab

import (
	"context"
	"fmt"
	"strings"
)

func f20() Row {
	return Row{
		F: 20, Name: "nobody says that the loop hangs",
		Tried: fmt.Sprintf("one loop, one GET /delay/%d; then the server's standard error is read",
			hangMillis),
		Idea: "A handler that takes too long will be found in the profile.",
		See:  "Latency that comes and goes, while processor time, memory and the log are as always.",
		Why: "A handler that waits uses no processor time, and no counter of the loop moves: its " +
			"metrics are taken by the thread that hangs.",
		Fix: "A watchdog beside the loops looks whether each still moves, and the loop says what held " +
			"it, with the request. It costs a store per turn.",
		Safe:   "reactor, proactor and their variants have one; thread and goroutine need none",
		Claim:  Claim{"lines that name the handler", AtLeast, 1, ""},
		Faulty: Variant{"gnet, a loop without a watchdog", namesCulprit("gnet")},
		Fixed:  Variant{"reactor, with one", namesCulprit("reactor")},
	}
}

// hangMillis is longer than what a watchdog may overlook.
const hangMillis = 400

// namesCulprit returns how many lines of the log name the request that held the loop.
func namesCulprit(model string) func(context.Context, *Env) (Outcome, error) {
	return func(ctx context.Context, env *Env) (Outcome, error) {
		server, err := env.Serve(ctx, model, "http", "--loops", "1")
		if err != nil {
			return Outcome{}, err
		}
		defer server.Stop(stopWithin)
		c, err := dialHTTP(ctx, server.Addr)
		if err != nil {
			return Outcome{}, err
		}
		defer c.Close()
		path := fmt.Sprintf("/delay/%d", hangMillis)
		if _, err := c.get(path); err != nil {
			return Outcome{}, err
		}
		c.Close()
		server.Stop(stopWithin) // its log is complete then
		named := 0
		for line := range strings.Lines(server.Tail()) {
			if strings.Contains(line, path) {
				named++
			}
		}
		return Outcome{Value: float64(named)}, nil
	}
}
