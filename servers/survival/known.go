package survival

// known lists what a library cannot survive beyond what its model declares to servertest, with
// the reason. A model of our own is in it with what it exists to show, and with what remains of a
// crowd where the runtime or a table keeps it on purpose.
var known = []struct {
	model, fault string
	miss         string  // the bound that is missed; "": whatever it is
	most         float64 // how far, in the unit of the miss; 0: no matter
	reason       string
}{
	{"nethttp", "limit-request-line", "", 0, netHead},
	{"nethttp", "limit-header-bytes", "", 0, netHead},
	{"nethttp", "limit-header-count", "", 0, netHead},
	{"fasthttp", "limit-request-line", "", 0, fastHead},
	{"fasthttp", "limit-header-bytes", "", 0, fastHead},
	{"fasthttp", "limit-header-count", "", 0, fastHead},
	{"fasthttp-tuned", "limit-request-line", "", 0, fastHead},
	{"fasthttp-tuned", "limit-header-bytes", "", 0, fastHead},
	{"fasthttp-tuned", "limit-header-count", "", 0, fastHead},
	{"nethttp-tuned", "limit-request-line", "", 0, netHead},
	{"nethttp-tuned", "limit-header-bytes", "", 0, netHead},
	{"nethttp-tuned", "limit-header-count", "", 0, netHead},
	{"goroutine", "crowd-leaves", missedRemainder, 1.6, runtimeKeeps},
	{"prefork", "crowd-leaves", missedRemainder, 1.6, runtimeKeeps},
	{"thread", "crowd-leaves", missedRemainder, 1.6, runtimeKeeps},
	{"reactor", "crowd-leaves", missedRemainder, 0.2, tablesKeep},
	{"reactor-et", "crowd-leaves", missedRemainder, 0.2, tablesKeep},
	{"reactor-pool", "crowd-leaves", missedRemainder, 0.4, tablesKeep},
	{"reactor-leader", "crowd-leaves", missedRemainder, 0.4, tablesKeep},
	{"poll", "crowd-leaves", missedRemainder, 0.2, tablesKeep},
	{"spin", "crowd-leaves", missedRemainder, 0.2, tablesKeep},
	{"proactor", "crowd-leaves", missedRemainder, 0.3, slabsKeep},
	{"proactor-emulated", "crowd-leaves", missedRemainder, 0.3, slabsKeep},
	{"gnet", "crowd-leaves", missedRemainder, 0.2, collectorKeeps},
	{"gnet-tuned", "crowd-leaves", missedRemainder, 0.2, collectorKeeps},
	{"netpoll", "crowd-leaves", missedRemainder, 2.5, netpollKeeps},
	{"netpoll", "crowd-leaves", missedGrowth, 8, netpollGrows},
	{"netpoll-tuned", "crowd-leaves", missedRemainder, 2.5, netpollKeeps},
	{"netpoll-tuned", "crowd-leaves", missedGrowth, 8, netpollGrows},
	{"fasthttp", "crowd-leaves", missedRemainder, 2, runtimeKeeps},
	{"fasthttp-tuned", "crowd-leaves", missedRemainder, 2, runtimeKeeps},
	{"nethttp", "crowd-leaves", missedRemainder, 2, runtimeKeeps},
	{"nethttp-tuned", "crowd-leaves", missedRemainder, 2, runtimeKeeps},
	{"poll", "slow-crowd", missedP99, 0, pollScans},
	{"spin", "slow-crowd", missedP99, 0, spinAsks},
}

const (
	netHead = "net/http bounds the head as a whole, line and fields together, and adds 4 KiB " +
		"(Server.MaxHeaderBytes); it does not count fields"
	fastHead = "fasthttp bounds the head as a whole, by its read buffer (Server.ReadBufferSize, here " +
		"--read-size); it does not count fields"
)

// pollScans and spinAsks are the lesson of their models, and no accident: the other
// demultiplexers exist for it.
const (
	pollScans = "poll(2) takes the whole list of descriptors in and looks at each, for every event: " +
		"4,000 that are slow cost a normal client many times its quiet p99; memory stays bounded"
	spinAsks = "nobody tells it who is ready, so it asks each of 4,000 that are slow before a normal client's turn " +
		"comes again; memory stays bounded"
)

// What of a crowd is not given back, by the classes of runtime/metrics and the sizes of what lives.
const (
	runtimeKeeps = "the Go runtime never frees the record of a goroutine (480 B) or of a descriptor that it waits for " +
		"(512 B, runtime/netpoll.go, pollCache: a late event may still point to it), nor those of the spans of a heap " +
		"that was larger; the next crowd uses them again"
	tablesKeep = "a loop's table of descriptors keeps what tells an event of a number's former owner from one of its " +
		"next (24 B for each number and loop); the rest is the collector's tables and stacks that were needed at one " +
		"time; the next crowd uses them again"
	slabsKeep = "a proactor keeps its tables and slabs, and the exchanges that were needed at one time: an operation that is " +
		"still to complete may name a slot; the rest is the collector's tables; the next crowd uses them again"
	collectorKeeps = "the tables by which the runtime's collector finds its way in a heap that was larger stay " +
		"(/memory/classes/metadata/other), and stacks of goroutines; the next crowd uses them again"
	netpollGrows = "its pollers double that list whenever more events come at a time than ever before, which is chance in " +
		"each crowd, up to a bound"
	netpollKeeps = "netpoll's pollers grow a list of events with a crowd (poll_default_linux.go, Reset: 1.4 KiB for each " +
		"that came at a time) and free nothing of it, nor what a descriptor was registered with (fd_operator_cache.go); " +
		"and the runtime keeps the records of goroutines and of the heap's spans; the next crowd uses them again"
)
