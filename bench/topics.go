package bench

import "fmt"

// The groups below are about one question each and vary one thing each. They belong to profiles
// of their own, since their answers need models and axes that the default comparison has not.

// familyGroups hold the active load and let the idle connections grow: what is asked about is
// whether a wait costs by the ready connections, or by all of them.
func familyGroups() []Group {
	var groups []Group
	for _, idle := range []int{0, 900, 9900} {
		groups = append(groups, Group{
			Workload: Mixed, Topology: Shared, Protos: []string{"echo"}, Conns: []int{100}, Idle: idle,
			Blocks: 5, Timing: ms(100, 150, 300),
		})
	}
	return groups
}

// The blocking requests: how long their handlers block, and how many handler workers a server
// with offloaded handlers has for them.
const (
	stallMS = 200
	workers = 16
)

// handlerGroups ask what handlers do to the models: who waits while one blocks, what the quick
// requests feel when few block, and from which length on the handler is all that matters. The
// idle sweep stands with them, since it needs the same fixed offered load.
func handlerGroups() []Group {
	var groups []Group
	add := func(g Group, models []string, offload int) {
		g.Topology, g.Protos, g.Models, g.Offload = Split, []string{"http"}, models, offload
		groups = append(groups, g)
	}
	inline := []string{
		"reactor", "reactor-et", "reactor-leader", "poll", "spin", "proactor", "proactor-emulated", "gnet",
	}
	stall := Group{
		Workload: Stall, Conns: []int{1}, Beside: fmt.Sprintf("/delay/%d", stallMS),
		Blocks: 2, Timing: ms(0, 0, 650),
	}
	add(stall, nil, 0)
	add(stall, inline, workers)

	block := Group{
		Workload: Blocking, Conns: []int{64}, Mix: "/:99,/delay/5:1", Rates: []float64{4000},
		Blocks: 4, Timing: ms(20, 200, 1000),
	}
	add(block, []string{"goroutine", "thread", "reactor", "reactor-pool", "proactor", "gnet", "netpoll"}, 0)
	add(block, []string{"reactor", "proactor"}, workers)

	for _, active := range []int{10000, 5000, 1000, 100} {
		add(Group{
			Workload: Idlers, Conns: []int{active}, Idle: 10000 - active, Rates: []float64{8000},
			Blocks: 2, Timing: ms(100, 200, 500),
		}, []string{"goroutine", "thread", "reactor", "poll", "proactor", "gnet"}, 0)
	}

	add(Group{
		Workload: Handler, Conns: []int{64}, Paths: []string{"/burn/0", "/burn/100", "/burn/1000", "/burn/10000"},
		Rates: []float64{60}, Blocks: 3, Timing: ms(20, 100, 1500),
	}, []string{"goroutine", "thread", "reactor", "proactor", "gnet", "nethttp"}, 0)
	return groups
}
