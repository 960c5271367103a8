package selftest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/loadgen"
	"iomodels/loadgen/conns"
	"iomodels/loadgen/oracle"
)

func connections() []Experiment {
	return []Experiment{
		{
			Number: 23, Name: "Connects", run: connects,
			Shows: "connections are opened at the pace that was asked for, and a full accept queue shows" +
				" as what it is: one second, the kernel's timer",
			Setup: "10,000 connections at 2,000/s; then 8 connections to a listener with a backlog of 1" +
				" that begins to accept after 0.5 s",
		},
		{
			Number: 24, Name: "Ports", Quick: true, run: ports,
			Shows: "the limit is per source, destination and port, and its end has a class of its own",
			Setup: "4 local ports, 2 source addresses, 2 listeners, 17 connects",
		},
		{
			Number: 25, Name: "Descriptor table", run: descriptorTable,
			Shows: "why the generator grows its descriptor table beforehand: each doubling stalls a" +
				" socket call",
			Setup: "5,000 sockets opened in a fresh process with several threads, with and without" +
				" growing first; median of 3 processes each",
		},
		{
			Number: 26, Name: "Churn", Quick: true, run: churn,
			Shows: "connections are replaced after exactly as many requests as asked for, and by closing" +
				" first",
			Setup: "10 requests per connection, 100,000 requests at 20,000/s on 10 places, pinned",
		},
	}
}

func connects(t *Trial) error {
	const n, rate = 10_000, 2000.0
	_, r, err := t.known(oracle.Spec{}, loadgen.Plan{
		Conns: 1, Idle: n - 1, RampPerS: rate, Duration: 200 * time.Millisecond, Rate: 100,
	})
	if err != nil {
		return err
	}
	t.exactly("accepted", n, r.Accepted)
	// The first is opened at 0 and the last (n-1)/r later.
	t.within("from the first accept to the last", " s", (n-1)/rate, 2, float64(r.Accepts[1]-r.Accepts[0])/1e9,
		noise{})
	return t.fullAcceptQueue()
}

func (t *Trial) fullAcceptQueue() error {
	const places, queued = 8, 2 // the kernel queues one more than the backlog
	h, err := t.oracle(oracle.Spec{Backlog: 1, Hold: true})
	if err != nil {
		return err
	}
	accepted := make(chan error, 1)
	go func() {
		time.Sleep(500 * time.Millisecond)
		accepted <- h.Accept()
	}()
	m, err := t.load(h, loadgen.Plan{Conns: places, Duration: 200 * time.Millisecond, Rate: 100})
	if err := joinErrors(err, <-accepted); err != nil {
		return err
	}
	connect := m.Histograms.Connect
	t.near("backlog 1: slowest connect", " s", 1, 0.05, float64(connect.Max())/1e9,
		noise{q: 1, times: passes, unit: 1e9})
	slow := 0
	for i := range places {
		if connect.Quantile(float64(i+1)/places) > int64(900*time.Millisecond) {
			slow++
		}
	}
	t.exactly("backlog 1: connects that took a second", places-queued, uint64(slow))
	t.holds("backlog 1: SYNs sent again", "6 or more", fmt.Sprint(m.Network.SynRetransmits),
		m.Network.SynRetransmits >= places-queued)
	return nil
}

func ports(t *Trial) error {
	const perSource, sources, tries = 4, 2, 1000
	h, err := t.oracle(oracle.Spec{Ports: 2})
	if err != nil {
		return err
	}
	limits, err := conns.ReadLimits()
	if err != nil {
		return err
	}
	want := perSource * sources * len(h.Addrs)
	best, next := 0, conns.None
	for range tries { // others may hold some of the ports: look for four that are free
		low := limits.PortLow + rand.IntN(limits.Ports()-perSource)
		opened, failure, err := dialOut(h.Addrs, low, perSource, sources, want+1)
		if err != nil {
			return err
		}
		if opened > best {
			best, next = opened, failure
		}
		if best >= want {
			break
		}
	}
	t.exactly("connections", uint64(want), uint64(best))
	t.holds("the next connect", conns.Ports.String(), next.String(), next == conns.Ports)
	kernel, err := conns.ReadKernel()
	if c := &t.checks[0]; best < want && kernel.TimeWait > uint64(limits.Ports())/2 {
		c.Status = NotMet
		c.Reason = fmt.Sprintf("other programs keep %d sockets in TIME_WAIT; of %d ranges of 4 ports none"+
			" was free", kernel.TimeWait, tries)
	}
	return err
}

// dialOut opens at most n connections, in turn to each address, until one fails, and resets them
// all: closed otherwise, they would keep their ports.
func dialOut(addrs []string, low, ports, sources, n int) (opened int, failed conns.Failure, err error) {
	var dialers []*conns.Dialer
	for _, addr := range addrs {
		target, err := conns.Resolve(addr)
		if err != nil {
			return 0, failed, err
		}
		d := conns.NewDialer(target, sources, 0)
		d.NarrowPorts(low, ports)
		dialers = append(dialers, d)
	}
	for opened < n {
		fd, _, failure := dialers[opened%len(dialers)].Dial()
		if failure != conns.None {
			return opened, failure, nil
		}
		opened++
		defer func() {
			reset := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			err = joinErrors(err, reset, unix.Close(fd))
		}()
	}
	return opened, failed, nil
}

func churn(t *Trial) error {
	const rate, each, places = 20_000, 10, 10
	n := uint64(t.rounds(100_000))
	h, err := t.oracle(oracle.Spec{Log: int(n)})
	if err != nil {
		return err
	}
	m, err := t.load(h, loadgen.Plan{
		Conns: places, Rate: rate, RequestsPerConn: each, Choice: loadgen.ChoicePinned,
		Duration: time.Duration(n) * time.Second / rate, Timeout: 20 * time.Second,
	})
	if err != nil {
		return err
	}
	waiting, err := timeWait(h.Addrs[0])
	if err != nil {
		return err
	}
	r, err := h.Report()
	if err != nil {
		return err
	}
	t.exactly("ok", n, m.Requests.OK)
	t.exactly("connections with exactly 10 requests", n/each, r.Carried[each])
	others := uint64(0)
	for requests, connections := range r.Carried {
		if requests != each && requests > 0 {
			others += connections
		}
	}
	t.exactly("connections with another number", 0, others)
	t.exactly("opened = accepted", r.Accepted, m.Connections.Opened)
	// Whoever closes first keeps the port in TIME_WAIT. The kernel may use some again at once.
	t.within("sockets in TIME_WAIT to the oracle", "", float64(n/each), 2, float64(waiting), noise{})
	return nil
}

// timeWait counts the sockets in TIME_WAIT to an address of 127.0.0.1.
func timeWait(addr string) (n int, err error) {
	const state = "06"
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, fmt.Errorf("read the socket table: %w", err)
	}
	port, err := strconv.Atoi(addr[strings.LastIndexByte(addr, ':')+1:])
	if err != nil {
		return 0, fmt.Errorf("address %q: %w", addr, err)
	}
	remote := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > 3 && strings.HasSuffix(fields[2], remote) && fields[3] == state {
			n++
		}
	}
	return n, nil
}
