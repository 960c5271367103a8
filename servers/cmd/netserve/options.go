package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"iomodels/servers"
	"iomodels/servers/proto"
)

// options are the flags, checked.
type options struct {
	flags  *flag.FlagSet
	groups []group

	list, json    bool
	vectors       bool
	verbose       bool
	dieWithParent bool
	procs         int // worker processes; 0: none, this one serves
	workerOf      int // the pid of the master, if this is a worker
	model         servers.Model
	proto         string
	cfg           servers.Config // without Protocol, Ready and Log
	limits        proto.Limits
}

// group is some flags under one heading of --help.
type group struct {
	title string
	names []string
}

var errHelp = flag.ErrHelp

// parse reads the command line. The error is for the user; options is never nil.
func parse(args []string, models []servers.Model) (*options, error) {
	o := &options{flags: flag.NewFlagSet("netserve", flag.ContinueOnError)}
	o.flags.SetOutput(io.Discard)
	modelName := o.define()
	if err := o.flags.Parse(args); err != nil {
		return o, o.didYouMean(err)
	}
	switch {
	case o.flags.NArg() > 0:
		return o, fmt.Errorf("%q is no flag: flags begin with --", o.flags.Arg(0))
	case o.json && !o.list:
		return o, errors.New("--json belongs to --list")
	case o.list || o.vectors:
		return o, nil
	}
	return o, o.check(*modelName, models)
}

// define defines the flags, in the groups in which --help shows them.
func (o *options) define() (modelName *string) {
	f := o.flags
	start := func(title string) { o.groups = append(o.groups, group{title: title}) }
	add := func(name string) {
		g := &o.groups[len(o.groups)-1]
		g.names = append(g.names, name)
	}
	number := func(v *int, name, usage string) {
		f.Var((*numberFlag)(v), name, usage)
		add(name)
	}
	duration := func(v *time.Duration, def time.Duration, name, usage string) {
		f.DurationVar(v, name, def, usage)
		add(name)
	}
	boolean := func(v *bool, name, usage string) { f.BoolVar(v, name, false, usage); add(name) }

	start("What to serve")
	modelName = f.String("model", "", "`name` of the I/O model; --list shows them")
	f.StringVar(&o.proto, "proto", "echo", "`protocol`: "+strings.Join(proto.Names(), ", "))
	f.StringVar(&o.cfg.Addr, "addr", "127.0.0.1:0", "`host:port` to listen on; port 0 lets the kernel choose")
	for _, name := range []string{"model", "proto", "addr"} {
		add(name)
	}
	start("How")
	number(&o.cfg.Loops, "loops", "event loops; 0: one per CPU this process may use")
	number(&o.cfg.Offload, "offload", "handler workers; 0: handlers run where the bytes were read")
	o.cfg.ReadSize = servers.DefaultReadSize
	number(&o.cfg.ReadSize, "read-size", "bytes asked for by one read")
	f.Var((*listFlag)(&o.cfg.Without), "without", "`features` of the model to leave out, to measure them: a,b")
	add("without")
	number(&o.procs, "procs", "worker processes that share the address, each with all of these; 0: none")
	f.Var((*numberFlag)(&o.workerOf), "worker-of", "(internal) the `pid` of the master of this worker")
	start("Bounds (of HTTP, but for the first and the last; 0: none allowed)")
	number(&o.cfg.MaxConns, "max-conns", "connections beyond this are refused; 0: no bound")
	o.limits = proto.Limits{
		RequestLine: proto.DefaultRequestLine, HeaderBytes: proto.DefaultHeaderBytes,
		Headers: proto.DefaultHeaders, Body: proto.DefaultBody, Frame: proto.DefaultFrame,
	}
	number(&o.limits.RequestLine, "max-request-line", "bytes of a request line")
	number(&o.limits.HeaderBytes, "max-header-bytes", "bytes of all header fields of a request")
	number(&o.limits.Headers, "max-headers", "header fields of a request")
	number(&o.limits.Body, "max-body", "bytes of a request body")
	number(&o.limits.Frame, "max-frame", "bytes of a frame's payload (--proto frame)")
	start("Time (0: no bound)")
	duration(&o.cfg.Timeouts.Idle, 0, "idle-timeout", "nothing asked and nothing owed")
	duration(&o.cfg.Timeouts.Head, 10*time.Second, "head-timeout", "from the first byte of a head to its last")
	duration(&o.cfg.Timeouts.Write, 30*time.Second, "write-timeout", "output pending, or a body, without progress")
	duration(&o.cfg.Grace, 2*time.Second, "grace", "to finish what is in flight at stop")
	start("Other")
	boolean(&o.list, "list", "list the models and end")
	boolean(&o.json, "json", "with --list: as JSON")
	boolean(&o.vectors, "vectors", "print the HTTP test vectors as JSON and end")
	boolean(&o.dieWithParent, "die-with-parent", "stop when the parent process dies")
	boolean(&o.verbose, "verbose", "log what is usual, too")
	return modelName
}

// check turns flags into a configuration, or says what is wrong with them.
func (o *options) check(modelName string, models []servers.Model) error {
	if modelName == "" {
		return errors.New("--model is missing: --list shows the models")
	}
	var names []string
	for _, m := range models {
		names = append(names, m.Name)
		if m.Name == modelName {
			o.model = m
		}
	}
	switch {
	case o.model.Name == "":
		return unknown("model", modelName, names)
	case !slices.Contains(proto.Names(), o.proto):
		return unknown("protocol", o.proto, proto.Names())
	case !o.model.Speaks(o.proto):
		return fmt.Errorf("%s does not serve %s, only %s", modelName, o.proto, strings.Join(o.model.Protocols, ", "))
	case o.cfg.ReadSize == 0:
		return errors.New("--read-size is 0: want 1 or more")
	}
	for _, feature := range o.cfg.Without {
		if !slices.Contains(o.model.Features, feature) {
			return o.noFeature(feature)
		}
	}
	host, port, err := net.SplitHostPort(o.cfg.Addr)
	if err != nil {
		return fmt.Errorf("--addr %q: want host:port, as in 127.0.0.1:8080", o.cfg.Addr)
	}
	if o.procs > procsMax {
		return fmt.Errorf("--procs is %d: want at most %d", o.procs, procsMax)
	}
	if o.procs == 0 && o.model.Prefork {
		o.procs = runtime.GOMAXPROCS(0)
	}
	if host == "" { // loopback unless told otherwise; whoever wants the world says 0.0.0.0
		host = "127.0.0.1"
	}
	o.cfg.Addr = net.JoinHostPort(host, port)
	return o.checkTimes()
}

func (o *options) noFeature(name string) error {
	if len(o.model.Features) == 0 {
		return fmt.Errorf("--without %s: model %s has nothing that it could do without", name, o.model.Name)
	}
	return unknown("feature", name, o.model.Features)
}

// checkTimes maps the 0 of the command line, "none", to that of the configuration.
func (o *options) checkTimes() error {
	t := &o.cfg.Timeouts
	for name, d := range map[string]*time.Duration{
		"idle-timeout": &t.Idle, "head-timeout": &t.Head, "write-timeout": &t.Write, "grace": &o.cfg.Grace,
	} {
		if *d < 0 {
			return fmt.Errorf("--%s is %v: want 0 or more", name, *d)
		}
		if *d == 0 {
			*d = -1
		}
	}
	l := &o.limits
	for _, n := range []*int{&l.RequestLine, &l.HeaderBytes, &l.Headers, &l.Body, &l.Frame} {
		if *n == 0 {
			*n = -1
		}
	}
	return nil
}

func (o *options) logger(w io.Writer) *slog.Logger {
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// parent is the process with which this one shall die; 0: none.
func (o *options) parent() int {
	switch {
	case o.workerOf != 0:
		return o.workerOf
	case o.dieWithParent:
		return os.Getppid()
	}
	return 0
}

// procsMax is against a slip of the finger: each process is a Go runtime.
const procsMax = 1024

// listFlag is names separated by commas.
type listFlag []string

func (l *listFlag) String() string { return strings.Join(*l, ",") }

// Set replaces the list, as every other flag replaces its value.
func (l *listFlag) Set(s string) error {
	*l = strings.Split(s, ",")
	return nil
}

// numberFlag is a count, with the suffixes people use for counts.
type numberFlag int

func (n *numberFlag) String() string { return strconv.Itoa(int(*n)) }

// Set takes 10000, 10k or 1m.
func (n *numberFlag) Set(s string) error {
	digits, unit := s, 1
	for suffix, value := range map[string]int{"k": 1_000, "m": 1_000_000} {
		if d, ok := strings.CutSuffix(strings.ToLower(s), suffix); ok {
			digits, unit = d, value
		}
	}
	v, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || v*uint64(unit) > 1<<31-1 {
		return errors.New("want a number from 0 to 2147m, such as 10000, 10k or 1m")
	}
	*n = numberFlag(v * uint64(unit))
	return nil
}

// help prints the manual: examples first, for most readers need nothing else.
func (o *options) help(w io.Writer) {
	fmt.Fprint(w, `netserve --model goroutine --proto http --addr :8080   serve HTTP; try curl http://127.0.0.1:8080/
netserve --model reactor --loops 1 --max-conns 10k     serve echo on a free port, with one event loop
netserve --list                                        the models, and which of them run here

Serves echo (RFC 862), HTTP/1.1 or length-prefixed frames on one I/O model. When it accepts, one
JSON line on standard output says where. SIGTERM or SIGINT stops it; a second one at once.
HTTP: GET / | POST /echo | GET /bytes/N | GET /delay/MS | GET /burn/US
`)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range o.groups {
		fmt.Fprintf(tw, "\n%s\n", g.title)
		for _, name := range g.names {
			f := o.flags.Lookup(name)
			kind, usage := flag.UnquoteUsage(f)
			if kind == "value" {
				kind = "n"
			}
			if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
				usage += " (" + f.DefValue + ")"
			}
			fmt.Fprintf(tw, "  --%s %s\t%s\n", name, kind, usage)
		}
	}
	tw.Flush()
	fmt.Fprint(w, `
Numbers may end in k or m. Exit: 0 stopped, 1 could not serve, 2 usage, 3 model not available here.
`)
}
