package selftest

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"iomodels/loadgen"
	"iomodels/loadgen/oracle"
)

func nothingLost() []Experiment {
	return []Experiment{
		{
			Number: 14, Name: "Conservation", Quick: true, run: conservation,
			Shows: "every request and byte is accounted for, and the server counted the same",
			Setup: "closed, open, pinned, churning and HTTP loads of 1 s; an overload (2 connections," +
				" ten replies held for 50 ms and no more, 500/s, time-out 0.3 s) and one whose every 50th" +
				" request is never answered; requests, replies, samples and bytes, against each other and" +
				" against the oracle's counts",
		},
		{
			Number: 15, Name: "Faults by class", Quick: true, run: faults,
			Shows: "each failure is counted in its class, and none among the replies",
			Setup: "HTTP; request i of 1,000 has fate i mod 10: RST, FIN, half a reply, garbage, wrong" +
				" byte, 500, 404, silence, right, right; 250/s, time-out 1 s; and a port where nobody" +
				" listens",
		},
		{
			Number: 16, Name: "Time-outs", Quick: true, run: timeouts,
			Shows: "a time-out is a sample of which a lower bound is known, counted once",
			Setup: "each 1,000th of 10,000 requests is never answered; 5,000/s, time-out 1 s",
		},
		{
			Number: 17, Name: "Silence at the end", Quick: true, run: silenceAtTheEnd,
			Shows: "what is unanswered at the end is not forgotten, and percentiles that it reaches are" +
				" marked",
			Setup: "the oracle answers the first half of the requests and nothing more; 500/s for 4 s on" +
				" 1,100 connections, time-out 2.5 s",
		},
	}
}

func conservation(t *Trial) error {
	const size = 100
	for _, c := range []struct {
		name string
		plan loadgen.Plan
		spec oracle.Spec
	}{
		{"closed", loadgen.Plan{Conns: 8}, oracle.Spec{}},
		{"open", loadgen.Plan{Conns: 8, Rate: 2000}, oracle.Spec{}},
		{"pinned", loadgen.Plan{Conns: 8, Rate: 2000, Choice: loadgen.ChoicePinned}, oracle.Spec{}},
		{"churn", loadgen.Plan{Conns: 8, Rate: 2000, RequestsPerConn: 7}, oracle.Spec{}},
		{"HTTP", loadgen.Plan{Conns: 8, Rate: 2000, Proto: "http"}, oracle.Spec{}},
		{
			"overload",
			loadgen.Plan{Conns: 2, Rate: 500, Timeout: 300 * time.Millisecond},
			// It ends in silence: a reply on its way when the run ends would count on one side only.
			oracle.Spec{Rule: oracle.Fixed(50 * time.Millisecond), Fates: firstOnly(10, 1000)},
		},
		{
			"black hole",
			loadgen.Plan{Conns: 100, Rate: 2000, Timeout: 300 * time.Millisecond},
			oracle.Spec{Fates: append(slices.Repeat([]string{oracle.Answer}, 49), oracle.Silence)},
		},
	} {
		c.plan.Size, c.plan.Duration, c.spec.Size = size, t.seconds(1), size
		m, r, err := t.known(c.spec, c.plan)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		t.conserves(c.name, m, r)
	}
	return nil
}

// conserves checks one run against what the oracle counted: one check of many equations.
func (t *Trial) conserves(name string, m measurement, r oracle.Report) {
	q := m.Requests
	answered := q.OK + q.Timeouts + q.InFlight
	for _, n := range q.Errors {
		answered += n
	}
	equations := []struct {
		what        string
		left, right uint64
	}{
		{"scheduled = sent + unsent", q.Scheduled, q.Sent + q.Unsent},
		{"sent = what became of it", q.Sent, answered},
		{"samples = ok + censored", m.Histograms.Response.Count(), q.OK + q.Timeouts + q.InFlight + q.Unsent},
		{"sent = read by the oracle", q.Sent, r.Requests},
		{"ok = answered by the oracle", q.OK, r.Replies},
		{"unanswered = not answered by the oracle", q.Timeouts + q.InFlight, r.Requests - r.Replies},
		{"bytes out = bytes the oracle read", m.Totals.BytesOut, r.BytesIn},
		{"bytes in = bytes the oracle sent", m.Totals.BytesIn, r.BytesOut},
	}
	if m.Plan.Proto == "echo" {
		size := uint64(m.Plan.Size)
		equations = append(equations, struct {
			what        string
			left, right uint64
		}{"bytes in = ok x size", m.Totals.BytesIn, q.OK * size})
	}
	var wrong []string
	for _, e := range equations {
		if e.left != e.right {
			wrong = append(wrong, fmt.Sprintf("%s: %d, %d", e.what, e.left, e.right))
		}
	}
	got := fmt.Sprintf("all, of %d requests: %d ok, %d unanswered, %d unsent", q.Scheduled, q.OK,
		q.Timeouts+q.InFlight, q.Unsent)
	if len(wrong) > 0 {
		got = strings.Join(wrong, "; ")
	}
	t.holds(name, fmt.Sprintf("%d equations hold", len(equations)), got, len(wrong) == 0)
	t.checks[len(t.checks)-1].Tolerance = "exact"
}

func faults(t *Trial) error {
	const rate = 250
	n := uint64(t.rounds(100)) * 10 // of each class a tenth
	fates := []string{
		oracle.Reset, oracle.Fin, oracle.Half, oracle.Garbage, oracle.Wrong, oracle.Error500, oracle.Error404,
		oracle.Silence, oracle.Answer, oracle.Answer,
	}
	m, r, err := t.known(oracle.Spec{Fates: fates}, loadgen.Plan{
		Proto: "http", Conns: 64, Rate: rate, Duration: time.Duration(n) * time.Second / rate,
		Timeout: time.Second,
	})
	if err != nil {
		return err
	}
	q := m.Requests
	for _, c := range []struct{ class, fate string }{
		{"reset", oracle.Reset},
		{"eof", oracle.Fin},
		{"truncated", oracle.Half},
		{"malformed", oracle.Garbage},
		{"wrong-body", oracle.Wrong},
		{"status-5xx", oracle.Error500},
		{"status-4xx", oracle.Error404},
	} {
		got, done := q.Errors[c.class], r.Fates[c.fate]
		t.holds(c.class, fmt.Sprint(n/10), fmt.Sprintf("%d, oracle %d", got, done),
			got == n/10 && done == n/10)
		t.checks[len(t.checks)-1].Tolerance = "exact"
	}
	t.exactly("timeout", n/10, q.Timeouts)
	t.exactly("ok", 2*n/10, q.OK)
	t.exactly("other classes", 7, uint64(len(q.Errors)))
	t.exactly("samples of service time = ok", q.OK, m.Histograms.Service.Count())
	t.exactly("samples of response time = ok + time-outs", q.OK+q.Timeouts, m.Histograms.Response.Count())
	t.holds("verdict", loadgen.Invalid, m.Verdict, m.Verdict == loadgen.Invalid)
	return t.nobodyListens()
}

// nobodyListens: a port that was free a moment ago refuses connections.
func (t *Trial) nobodyListens() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("find a free port: %w", err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return fmt.Errorf("free a port: %w", err)
	}
	_, err = t.load(nil, loadgen.Plan{Addr: addr, Duration: 100 * time.Millisecond})
	said := fmt.Sprint(err)
	t.holds("nobody listens", "refused", said, strings.Contains(said, "refused"))
	t.checks[len(t.checks)-1].Measured = strings.ReplaceAll(said, addr, "ADDR")
	return nil
}

func timeouts(t *Trial) error {
	const n, rate, conns = 10_000, 5000, 64
	limit := time.Second
	m, r, err := t.known(
		oracle.Spec{Fates: append(slices.Repeat([]string{oracle.Answer}, 999), oracle.Silence)},
		loadgen.Plan{Conns: conns, Rate: rate, Duration: n / rate * time.Second, Timeout: limit})
	if err != nil {
		return err
	}
	t.exactly("time-outs", n/1000, m.Requests.Timeouts)
	t.exactly("ok", n-n/1000, m.Requests.OK)
	t.exactly("requests the oracle left unanswered", n/1000, r.Fates[oracle.Silence])
	p9995 := m.Histograms.Response.Quantile(0.9995)
	t.holds("p99.95", "1 s or more", duration(p9995), p9995 >= int64(limit))
	t.holds("percentiles marked as lower bounds", "p99_99", strings.Join(m.Response.Bounds, " "),
		slices.Equal(m.Response.Bounds, []string{"p99_99"}))
	t.exactly("censored samples", n/1000, m.Response.Censored)
	t.exactly("connections closed by the oracle", 0, m.Connections.ClosedByPeer)
	// A connection with a time-out is closed, and replaced while the run lasts: half of them
	// time out after its end.
	t.near("connections opened", "", conns+n/1000, n/1000, float64(m.Connections.Opened), noise{})
	t.most("longest answered request", " ms", 500, ms(float64(m.Histograms.Service.Max())),
		noise{q: 1, times: passes, unit: 1e6})
	return nil
}

func silenceAtTheEnd(t *Trial) error {
	const rate = 500
	length := max(t.seconds(4), time.Second)
	limit := length/2 + 500*time.Millisecond
	// The silence begins with a request and not at a time: nobody's lateness decides who meets it.
	all := int(rate * length.Seconds())
	m, r, err := t.known(oracle.Spec{Fates: firstOnly(all/2, all)}, loadgen.Plan{
		Conns: 1100, Rate: rate, Duration: length, Timeout: limit,
	})
	if err != nil {
		return err
	}
	q := m.Requests
	silent := uint64(all - all/2)
	t.exactly("requests the oracle left unanswered", silent, r.Fates[oracle.Silence])
	t.exactly("unanswered = what the oracle left unanswered", silent, q.Timeouts+q.InFlight)
	t.exactly("scheduled = ok + unanswered", q.Scheduled, q.OK+q.Timeouts+q.InFlight)
	t.exactly("censored samples", silent, m.Response.Censored)
	p90 := m.Histograms.Response.Quantile(0.9)
	t.holds("p90", "at least the time-out, "+limit.String(), duration(p90), p90 >= int64(limit))
	marked := strings.Join(m.Response.Bounds, " ")
	t.holds("percentiles marked as lower bounds", "p90, p99 and beyond", marked,
		strings.Contains(marked, "p90 p99 "))
	// The rate is what was answered in the scheduled window, and the window does not shrink to
	// the time in which there were answers.
	t.within("replies per second", "", float64(q.OK)/length.Seconds(), 0.5, m.RatePerS, noise{})
	t.holds("verdict", loadgen.Invalid, m.Verdict, m.Verdict == loadgen.Invalid)
	return nil
}

// firstOnly are the fates of all requests, of which the first n are answered.
func firstOnly(n, all int) []string {
	return slices.Concat(slices.Repeat([]string{oracle.Answer}, n), slices.Repeat([]string{oracle.Silence}, all-n))
}
