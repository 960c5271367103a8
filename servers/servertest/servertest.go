// Package servertest is the contract of a model, as tests.
//
// A model calls it from one test of its own:
//
//	func TestModel(t *testing.T) { servertest.Run(t, reactor.Model()) }
//
// Run starts the real model in this process, on loopback, once per case and protocol, plays
// peers of every temper against it, and stops it again. A case is a named row of a table with
// one line that says what is being promised; its code returns an error instead of failing the
// test, because the same code serves two ends: for a model of ours an error is a failure, for
// a foreign library it may be a known limit, declared in servers.Model.KnownLimits with its
// reason, run all the same, and reported, never skipped in silence.
//
// After every case two more things are judged under names of their own: "stop" (Serve
// returned nil, in time), "leaks" (no descriptor and no goroutine stayed behind).
//
// No case asserts that something is fast. Cases that need time to pass assert order ("the
// fast one answered while the slow one was pending") or wait for a state until a deadline.
package servertest

import (
	"testing"
	"time"

	"iomodels/servers"
	"iomodels/servers/proto"
)

// caseTime bounds one case, stop and leak check apart; a case that takes it all hangs. It is
// far beyond what a case needs, because the machine may be busy with something else.
const caseTime = 30 * time.Second

// knownTime bounds a case that the model declares it cannot pass: how it fails may be a hang.
const knownTime = 4 * time.Second

// Case is one clause of the contract.
type Case struct {
	Name        string // as in servers.KnownLimit.Case
	Explanation string // what is promised, in one line
	Proto       string // the protocol it speaks; "": runs with echo and with HTTP
	// Config adapts the server's configuration; nil keeps the defaults.
	Config func(*servers.Config)
	// Run plays the peer; nil or an error that says what the server did.
	Run func(*Env) error
}

// Cases returns the contract, in the order in which it is run.
func Cases() []Case {
	var cases []Case
	cases = append(cases, echoCases()...)
	cases = append(cases, httpCases()...)
	cases = append(cases, bodyCases()...)
	cases = append(cases, frameCases()...)
	cases = append(cases, connCases()...)
	cases = append(cases, hostileCases()...)
	cases = append(cases, timeoutCases()...)
	return append(cases, stopCases()...)
}

// The clauses that are judged after every case.
const (
	stopClause  = "stop"  // Serve returns nil within its grace period after ctx is done
	leaksClause = "leaks" // no descriptor and no goroutine stays behind
)

// Run tests that m fulfils the contract.
func Run(t *testing.T, m servers.Model) {
	t.Helper()
	if serveAsChild(t, m) {
		return // this process is the server of a case that runs in another: see descriptors
	}
	if m.Available != nil {
		if err := m.Available(); err != nil {
			t.Skipf("%s is not available here: %v", m.Name, err)
		}
	}
	checkDeclaration(t, m)
	for _, p := range proto.Names() {
		if !m.Speaks(p) {
			continue
		}
		warmUp(t, m, p)
		for _, c := range Cases() {
			if c.asks(p) {
				t.Run(p+"/"+c.Name, func(t *testing.T) { runCase(t, m, c, p) })
			}
		}
	}
}

// checkDeclaration refuses a model whose own description is wrong.
func checkDeclaration(t *testing.T, m servers.Model) {
	t.Helper()
	if m.Name == "" || m.Summary == "" || m.Family == "" || m.Serve == nil {
		t.Fatalf("model %+q lacks a name, a summary, a family or Serve", m.Name)
	}
	if (m.Card.Loops == "") || (m.Card.Buffers == "") || (m.Card.Parser == "") || (m.Card.Handler == "") {
		t.Errorf("%s: the fairness card has empty fields: %+v", m.Name, m.Card)
	}
	if len(m.KnownLimits) > 0 && m.Family != servers.Library {
		t.Errorf("%s declares known limits; only a library, which cannot be mended from outside, may", m.Name)
	}
	known := map[string]bool{stopClause: true, leaksClause: true}
	for _, c := range Cases() {
		known[c.Name] = true
	}
	for _, l := range m.KnownLimits {
		if !known[l.Case] || l.Reason == "" {
			t.Errorf("%s: known limit %q: no such case, or no reason", m.Name, l.Case)
		}
	}
}

// warmUp serves one connection and stops, so that what a library starts once per process
// (pollers, worker pools, epoll descriptors) exists before anything is counted. What it
// starts again for every Serve and leaves behind is still found.
func warmUp(t *testing.T, m servers.Model, protoName string) {
	t.Helper()
	e, err := newEnv(t, m, Case{}, protoName)
	if err != nil {
		t.Fatalf("%s: start: %v", m.Name, err)
	}
	if err := e.served(); err != nil {
		t.Errorf("%s: the first connection: %v", m.Name, err)
	}
	e.close()
	if err := e.awaitStop(); err != nil {
		t.Errorf("%s: stop: %v", m.Name, err)
	}
}

func runCase(t *testing.T, m servers.Model, c Case, protoName string) {
	t.Log(c.Explanation)
	before := takeInventory()
	e, err := newEnv(t, m, c, protoName)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	if reasonFor(m, c.Name) != "" {
		e.Deadline = time.Now().Add(knownTime)
	}
	judge(t, m, c.Name, c.Run(e))
	e.close()
	judge(t, m, stopClause, e.awaitStop())
	judge(t, m, leaksClause, before.awaitEqual())
}

// judge turns the outcome of a clause into the verdict on the model.
func judge(t *testing.T, m servers.Model, clause string, err error) {
	t.Helper()
	if reason := reasonFor(m, clause); reason != "" {
		if err != nil {
			t.Logf("known limit: %s: %s (here: %v)", clause, reason, err)
		} else if clause != stopClause && clause != leaksClause {
			t.Logf("known limit did not show this time: %s: %s", clause, reason)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", clause, err)
	}
}

// reasonFor returns why m cannot pass a clause; "" if it does not say so.
func reasonFor(m servers.Model, clause string) string {
	for _, l := range m.KnownLimits {
		if l.Case == clause {
			return l.Reason
		}
	}
	return ""
}

// asks reports whether the case is played with the named protocol.
func (c Case) asks(protocol string) bool {
	return c.Proto == protocol || c.Proto == "" && protocol != "frame"
}
