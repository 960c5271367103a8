package cells

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"iomodels/bench/record"
)

// The workloads and topologies that have a chart or a table of their own. Others are
// tabulated under their own name.
const (
	Closed = "closed" // as many requests in flight as connections: the ceiling
	Open   = "open"   // a fixed offered load, timed from the intended send
	Short  = "short"  // a connection per few requests
	Mixed  = "mixed"  // few active connections among many that are open and silent

	Stall    = "stall"    // a quick request while another connection's handler blocks
	Blocking = "blocking" // a fixed offered load, of which few requests block their handler
	Idlers   = "idlers"   // a fixed offered load on fewer and fewer of many open connections
	Handler  = "handler"  // a fixed offered load whose handlers compute for a while

	ManyMany = "q-mm" // the quadrants: connections, then requests
	FewMany  = "q-cm"
	ManyFew  = "q-mc"
	FewFew   = "q-cc"

	Split  = "split"  // server and generator on a CPU each
	Shared = "shared" // both on one CPU: the sharpest measure of cost
)

// Scenario is what a table or chart has in common: everything of a cell except the model, the
// number of connections and the offered load.
type Scenario struct {
	Proto, Workload, Topology string
	Idle, Size, Pipeline      int
	Path, Mix, Beside         string
}

// ScenarioOf returns the scenario of a cell.
func ScenarioOf(c record.Cell) Scenario {
	return Scenario{c.Proto, c.Workload, c.Topology, c.Idle, c.Size, c.Pipeline, c.Path, c.Mix, c.Beside}
}

func (s Scenario) compare(o Scenario) int {
	return cmp.Or(
		cmp.Compare(s.Proto, o.Proto),
		cmp.Compare(s.Workload, o.Workload),
		-cmp.Compare(s.Topology, o.Topology), // split before shared
		cmp.Compare(s.Idle, o.Idle),
		cmp.Compare(s.Size, o.Size),
		cmp.Compare(s.Pipeline, o.Pipeline),
		cmp.Compare(handlerTime(s.Path), handlerTime(o.Path)),
		cmp.Compare(s.Path, o.Path),
		cmp.Compare(s.Mix, o.Mix),
		cmp.Compare(s.Beside, o.Beside),
	)
}

// String says what the load was, in words: "echo, closed loop, 64 B, a CPU each".
func (s Scenario) String() string {
	parts := []string{ProtoName(s.Proto), workloadName(s.Workload)}
	if s.Path != "" {
		parts = append(parts, "GET "+s.Path)
	}
	if s.Mix != "" {
		parts = append(parts, "GET "+mixWords(s.Mix))
	}
	if s.Beside != "" {
		parts = append(parts, "beside GET "+s.Beside+" on another connection")
	}
	if s.Size > 0 {
		parts = append(parts, Bytes.Tick(float64(s.Size)))
	}
	if s.Pipeline > 1 {
		parts = append(parts, fmt.Sprintf("pipeline %d", s.Pipeline))
	}
	if s.Idle > 0 {
		parts = append(parts, fmt.Sprintf("%s idle connections beside", Count.Tick(float64(s.Idle))))
	}
	return strings.Join(append(parts, topologyName(s.Topology)), ", ")
}

// mixWords writes a mix as people would: "/ (99) and /delay/5 (1)".
func mixWords(mix string) string {
	kinds := strings.Split(mix, ",")
	for i, kind := range kinds {
		if colon := strings.LastIndexByte(kind, ':'); colon >= 0 {
			kinds[i] = fmt.Sprintf("%s (%s)", kind[:colon], kind[colon+1:])
		}
	}
	return strings.Join(kinds, " and ")
}

// Place says which cell it is, without its model: the scenario, connections and offered load.
func Place(c record.Cell) string {
	text := ScenarioOf(c).String() + ", " + Connections(c.Conns)
	if c.Rate > 0 {
		text += ", " + Rate.Tick(c.Rate) + " req/s offered"
	}
	return text
}

// Connections writes a number of connections: "1 connection", "10k connections".
func Connections(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return Count.Tick(float64(n)) + " connections"
}

// ProtoName is the protocol as people write it.
func ProtoName(proto string) string {
	if proto == "http" {
		return "HTTP/1.1"
	}
	return proto
}

func workloadName(w string) string {
	names := map[string]string{
		Closed: "closed loop", Open: "open loop", Short: "short connections",
		Mixed: "few active connections among many silent ones",
		Stall: "a quick request, closed loop", Blocking: "open loop, few requests block",
		Idlers: "open loop on some of the connections", Handler: "open loop with handlers that compute",
		ManyMany: "many connections, many requests", FewMany: "few connections, many requests",
		ManyFew: "many connections, few requests", FewFew: "few connections, few requests",
	}
	return cmp.Or(names[w], w)
}

func topologyName(t string) string {
	switch t {
	case Split:
		return "server and generator on a CPU each"
	case Shared:
		return "server and generator on the same CPU"
	}
	return t
}

// Scenarios returns the scenarios of a workload, protocol and topology, the one with most
// groups first: that is the headline, others are variations of it. An empty topology means
// any.
func (s *Set) Scenarios(workload, proto, topology string) []Scenario {
	size := map[Scenario]int{}
	var out []Scenario
	for _, g := range s.groups {
		sc := ScenarioOf(g.Cell)
		if sc.Workload != workload || sc.Proto != proto || (topology != "" && sc.Topology != topology) {
			continue
		}
		if size[sc] == 0 {
			out = append(out, sc)
		}
		size[sc]++
	}
	slices.SortStableFunc(out, func(a, b Scenario) int {
		return cmp.Or(cmp.Compare(size[b], size[a]), a.compare(b))
	})
	return out
}

// AllScenarios returns every scenario of a protocol, in the order of the groups.
func (s *Set) AllScenarios(proto string) []Scenario {
	var out []Scenario
	for _, g := range s.groups {
		if sc := ScenarioOf(g.Cell); sc.Proto == proto && !slices.Contains(out, sc) {
			out = append(out, sc)
		}
	}
	return out
}

// Headline is the first of Scenarios, false if there is none.
func (s *Set) Headline(workload, proto, topology string) (Scenario, bool) {
	all := s.Scenarios(workload, proto, topology)
	if len(all) == 0 {
		return Scenario{}, false
	}
	return all[0], true
}

// In returns the groups of a scenario.
func (s *Set) In(sc Scenario) []*Group {
	return s.Groups(func(c record.Cell) bool { return ScenarioOf(c) == sc })
}

// Protos lists the protocols of the run: echo, then http, then others by name.
func (s *Set) Protos() []string {
	var out []string
	for _, g := range s.groups {
		out = append(out, g.Cell.Proto)
	}
	slices.Sort(out) // echo sorts before http
	return slices.Compact(out)
}
