package experiment

import (
	"fmt"
	"slices"
	"strings"

	"iomodels/bench/record"
)

// Limits are the bounds of this machine that forbid a cell. Zero means not known.
type Limits struct {
	Nofile  uint64 // descriptors per process, the hard limit
	Threads uint64 // threads a process may have
}

// margin is what a process needs beside its connections: standard streams, listeners, epoll and
// wake-up descriptors, the runtime's threads.
const margin = 64

// threaded is the model whose connections are threads.
const threaded = "thread"

// Preflight returns the function that says, before anything starts, why a cell cannot run
// here, and what to do about it; "" means that it can.
func Preflight(models []record.ModelInfo, limits Limits) func(record.Cell) string {
	return func(c record.Cell) string {
		i := slices.IndexFunc(models, func(m record.ModelInfo) bool { return m.Name == c.Model })
		if i < 0 {
			return fmt.Sprintf("netserve has no model %q", c.Model)
		}
		model := models[i]
		if !model.Available {
			return fmt.Sprintf("model %s cannot run here: %s", c.Model, model.Reason)
		}
		if len(model.Protocols) > 0 && !slices.Contains(model.Protocols, c.Proto) {
			return fmt.Sprintf("model %s speaks %s, not %s", c.Model, strings.Join(model.Protocols, " and "), c.Proto)
		}
		conns := c.Conns + c.Idle
		if why := beyond(conns, limits.Nofile, "open files in each process",
			"ulimit -Hn %d as root, or LimitNOFILE=%d in the unit"); why != "" {
			return why
		}
		if c.Model == threaded {
			return beyond(conns, limits.Threads, "threads",
				"raise kernel.threads-max, kernel.pid_max, ulimit -u and the cgroup's pids.max to %d")
		}
		return ""
	}
}

// beyond says that conns connections need more of something than the machine gives.
func beyond(conns int, limit uint64, what, fix string) string {
	need := uint64(conns) + margin
	if limit == 0 || need <= limit {
		return ""
	}
	text := fmt.Sprintf("%d connections need %d %s; the limit is %d. Fix: %s.",
		conns, need, what, limit, strings.ReplaceAll(fix, "%d", fmt.Sprint(need)))
	if limit > margin {
		text += fmt.Sprintf(" %d connections would work", limit-margin)
	}
	return text
}
