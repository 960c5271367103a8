package survival

// known lists what a library cannot survive beyond what its model declares to servertest, with
// the reason. A model of our own is in it only with what it exists to show.
var known = []struct{ model, fault, reason string }{
	{"nethttp", "limit-request-line", netHead},
	{"nethttp", "limit-header-bytes", netHead},
	{"nethttp", "limit-header-count", netHead},
	{"fasthttp", "limit-request-line", fastHead},
	{"fasthttp", "limit-header-bytes", fastHead},
	{"fasthttp", "limit-header-count", fastHead},
	{"fasthttp-tuned", "limit-request-line", fastHead},
	{"fasthttp-tuned", "limit-header-bytes", fastHead},
	{"fasthttp-tuned", "limit-header-count", fastHead},
	{"poll", "slow-crowd", pollScans},
}

const (
	netHead = "net/http bounds the head as a whole, line and fields together, and adds 4 KiB " +
		"(Server.MaxHeaderBytes); it does not count fields"
	fastHead = "fasthttp bounds the head as a whole, by its read buffer (Server.ReadBufferSize, here " +
		"--read-size); it does not count fields"
)

// pollScans is the lesson of the model, and no accident: the other demultiplexers exist for it.
const pollScans = "poll(2) takes the whole list of descriptors in and looks at each, for every event: " +
	"4,000 that are slow cost a normal client many times its quiet p99; memory stays bounded"

// reasonFor returns why m cannot survive f; "" if it does not say so.
func (m Model) reasonFor(f Fault) string {
	for _, c := range f.Cases {
		for _, l := range m.KnownLimits {
			if l.Case == c {
				return l.Reason
			}
		}
	}
	for _, k := range known {
		if k.model == m.Name && k.fault == f.Name {
			return k.reason
		}
	}
	return ""
}
