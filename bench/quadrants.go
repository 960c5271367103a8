package bench

// The quadrants: many or few connections, each times many or few requests. Every service stands
// in one of them, and each asks something else of an I/O model. The names stand in records.
const (
	ManyMany = "q-mm" // massive connections, massive requests: a crowd that all wants something at once
	FewMany  = "q-cm" // constant connections, massive requests: the middle of a system, pipelined
	ManyFew  = "q-mc" // massive connections, constant requests: a portal, a push service
	FewFew   = "q-cc" // constant connections, constant requests: a tool inside a company
)

// quadrantGroups measure every model in each quadrant, at one representative load. A massive rate
// is as much as the server gives; a constant one is offered, whether or not it is served, and is
// just large enough that a block has a 99th percentile.
func quadrantGroups() []Group {
	http := []string{"http"}
	return []Group{
		{
			Workload: ManyMany, Topology: Split, Protos: http, Conns: []int{10000}, RampPerS: 10000,
			Blocks: 5, Timing: ms(200, 400, 800),
		},
		{
			Workload: FewMany, Topology: Split, Protos: http, Conns: []int{64}, Pipelines: []int{16},
			Blocks: 5, Timing: ms(20, 200, 500),
		},
		{
			Workload: ManyFew, Topology: Split, Protos: http, Conns: []int{100}, Idle: 9900, RampPerS: 10000,
			Rates: []float64{4000}, Blocks: 5, Timing: ms(200, 200, 1000),
		},
		{
			Workload: FewFew, Topology: Split, Protos: http, Conns: []int{64}, Rates: []float64{4000},
			Blocks: 5, Timing: ms(20, 200, 1000),
		},
	}
}
