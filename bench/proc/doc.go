// Package proc runs the programs of an experiment and reads what they cost.
//
// A Child is one process, pinned to its CPUs before it executes its first instruction, never
// outliving the process that started it, and always stopped by its own process id. Server and
// Load add what netserve and netload say on their standard streams. The readers (CPU, Memory,
// Switches, Machine, Counter) are cheap enough to be taken at the edges of a short window.
//
//	netbench ──start, pinned──▶ netserve ──"ready" line──▶ netbench
//	netbench ──start, pinned──▶ netload  ──phase lines───▶ netbench: samples the server
//	                            netload  ──one summary───▶ netbench
//	netbench ──SIGTERM────────▶ netserve ──exit──────────▶ netbench
//
// Why one operating-system thread per child: affinity, perf counters and the parent-death
// signal all belong to a thread, not to a process. The thread that starts a child takes on
// the child's affinity, opens the counters the child will inherit, and must live as long as
// the child, or the kernel would take the thread's end for the parent's death. So each child
// gets a thread that does nothing else, and that ends with it.
package proc
