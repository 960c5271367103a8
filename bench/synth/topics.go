package synth

import (
	"fmt"

	"iomodels/bench/record"
)

// topics lists the cells of one block of the profiles family and handlers.
func topics(c character) []record.Cell {
	var cells []record.Cell
	for _, idle := range []int{0, 900, 9900} {
		cells = append(cells, record.Cell{
			Model: c.name, Proto: "echo", Workload: "mixed", Topology: "shared", Conns: 100, Idle: idle, Size: 64,
		})
	}
	http := record.Cell{Model: c.name, Proto: "http", Topology: "split", Conns: 64}
	stall, mixed := http, http
	stall.Workload, stall.Conns, stall.Beside = "stall", 1, "/delay/200"
	mixed.Workload, mixed.Mix, mixed.Rate = "blocking", "/:99,/delay/5:1", 4000
	cells = append(cells, stall, mixed)
	if c.family == "reactor" {
		mixed.Offload = 16
		cells = append(cells, mixed)
	}
	for _, active := range []int{10000, 1000, 100} {
		idlers := http
		idlers.Workload, idlers.Conns, idlers.Idle, idlers.Rate = "idlers", active, 10000-active, 8000
		cells = append(cells, idlers)
	}
	for _, us := range []int{0, 100, 10000} {
		handler := http
		handler.Workload, handler.Path, handler.Rate = "handler", fmt.Sprintf("/burn/%d", us), 60
		cells = append(cells, handler)
	}
	return cells
}

// strain adds what a topic asks for to the CPU time of a request, in microseconds.
func strain(c character, cell record.Cell, user, sys float64) (float64, float64) {
	var burn float64
	if n, _ := fmt.Sscanf(cell.Path, "/burn/%g", &burn); n == 1 {
		user += burn
	}
	if c.name == "thread" { // stands in for a model that scans its connections
		sys += float64(cell.Idle) / 100
	}
	return user, sys
}
