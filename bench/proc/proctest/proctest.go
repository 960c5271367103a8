// Package proctest plays netserve and netload, so that whatever drives the two programs is
// tested with real processes, real signals and real deaths, without a load test.
//
// A test binary becomes both programs: its TestMain calls Main first, and Install links the
// binary under their names into a folder. What a fake server does is chosen by the model it is
// asked for; what a fake generator does by the number of connections.
package proctest

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/bench/record"
	"iomodels/loadgen"
)

// The models of the fake server. Good ones differ in name only.
const (
	Alpha       = "alpha"
	Beta        = "beta"
	OneProtocol = "onlyhttp"    // speaks http only
	Refused     = "refused"     // listed as not available
	Surprise    = "surprise"    // listed as available, exits 3 when started
	Mute        = "mute"        // never says that it is ready
	Broken      = "broken"      // ends at once, with a word on standard error
	Mortal      = "mortal"      // dies in mid-cell, with a word on standard error
	Deaf        = "deaf"        // does not hear SIGTERM
	Grumpy      = "grumpy"      // ends with exit code 1 on SIGTERM
	LastWords   = "last words:" // what the dying say
)

// The numbers of connections that make the fake generator misbehave.
const (
	HangConns    = 666 // never ends
	SilentConns  = 667 // reports no verified reply
	RefusesConns = 668 // exits 2 with a word on standard error
	InvalidConns = 669 // exits 3 with a summary
	WrongConns   = 670 // prints what is not JSON
	KilledConns  = 671 // is killed in mid-run
)

// Main plays a program if the binary was started under its name; otherwise it returns.
func Main() {
	switch filepath.Base(os.Args[0]) {
	case "netserve":
		os.Exit(serve(os.Args[1:]))
	case "netload":
		os.Exit(load(os.Args[1:]))
	}
}

// Install links the running test binary as netserve and netload into a new folder.
func Install(t *testing.T) (dir string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	t.Setenv("GORACE", "atexit_sleep_ms=0") // or each fake would take a second to end
	for _, name := range []string{"netserve", "netload"} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func models() []record.ModelInfo {
	var out []record.ModelInfo
	for _, name := range []string{Alpha, Beta, OneProtocol, Refused, Surprise, Mute, Broken, Mortal, Deaf, Grumpy} {
		info := record.ModelInfo{Name: name, Family: "reactor", Summary: "a fake", Available: name != Refused}
		if !info.Available {
			info.Reason = "the kernel said no"
		}
		if name == OneProtocol {
			info.Protocols = []string{"http"}
		}
		out = append(out, info)
	}
	return out
}

func serve(args []string) int {
	flags := flag.NewFlagSet("netserve", flag.ContinueOnError)
	model := flags.String("model", "", "")
	proto := flags.String("proto", "", "")
	flags.String("addr", "", "")
	list := flags.Bool("list", false, "")
	flags.Bool("json", false, "")
	if flags.Parse(args) != nil {
		return 2
	}
	if *list {
		json.NewEncoder(os.Stdout).Encode(models())
		return 0
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	var death <-chan time.Time
	switch *model {
	case Surprise:
		fmt.Fprintln(os.Stderr, LastWords, "this machine cannot")
		return 3
	case Broken:
		fmt.Fprintln(os.Stderr, LastWords, "address already in use")
		return 1
	case Mute:
		fmt.Fprintln(os.Stderr, LastWords, "waiting for nothing")
		<-stop
		return 0
	case Mortal:
		death = time.After(40 * time.Millisecond)
	case Deaf:
		signal.Ignore(syscall.SIGTERM)
	}
	fmt.Printf("{\"ready\":\"127.0.0.1:1\",\"model\":%q,\"proto\":%q,\"pid\":%d}\n", *model, *proto, os.Getpid())
	select {
	case <-death:
		fmt.Fprintln(os.Stderr, LastWords, "out of luck")
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case <-stop:
	}
	if *model == Grumpy {
		fmt.Fprintln(os.Stderr, LastWords, "leave me alone")
		return 1
	}
	return 0
}

func load(args []string) int {
	flags := flag.NewFlagSet("netload", flag.ContinueOnError)
	conns := flags.Int("conns", 1, "")
	window := flags.Duration("duration", 0, "")
	warmup := flags.Duration("warmup", 0, "")
	settle := flags.Duration("settle", 0, "")
	for _, name := range []string{
		"addr", "proto", "engine", "path", "idle", "size", "arrival", "rate", "ramp", "pipeline",
		"requests-per-conn", "timeout", "seed", "loops", "interval",
	} {
		flags.String(name, "", "")
	}
	flags.Bool("json", false, "")
	flags.Bool("phases", false, "")
	flags.Bool("shared-cpu", false, "")
	if flags.Parse(args) != nil {
		return 2
	}
	fmt.Fprintln(os.Stderr, "a line for people")
	switch *conns {
	case HangConns:
		select {}
	case RefusesConns:
		fmt.Fprintln(os.Stderr, LastWords, "no such flag")
		return 2
	case KilledConns:
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case WrongConns:
		fmt.Println("not JSON")
		return 0
	}
	sum := run(*conns, *settle, *warmup, *window)
	json.NewEncoder(os.Stdout).Encode(sum)
	if sum.Verdict == "invalid" {
		return 3
	}
	return 0
}

// run goes through the phases in their time, and invents the figures.
func run(conns int, settle, warmup, window time.Duration) loadgen.Summary {
	const ok = 1000
	say := func(phase string, ok int) int64 {
		var ts unix.Timespec
		unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
		fmt.Fprintf(os.Stderr, "{\"phase\":%q,\"at_ns\":%d,\"ok\":%d}\n", phase, ts.Nano(), ok)
		return ts.Nano()
	}
	say("connected", 0)
	time.Sleep(settle)
	say("warmup", 0)
	time.Sleep(warmup)
	start := say("measure", ok)
	time.Sleep(window)
	end := say("drain", 2*ok)
	say("done", 2*ok)
	sum := loadgen.Summary{
		Plan: loadgen.Plan{Conns: conns}, ElapsedS: window.Seconds(), RatePerS: ok / window.Seconds(),
		Requests:  loadgen.Requests{Scheduled: ok, Sent: ok, OK: ok, Errors: map[string]uint64{}},
		Verdict:   "valid",
		Generator: loadgen.Generator{CPUS: window.Seconds() / 2, StartNS: start, EndNS: end},
	}
	sum.Response.P99 = 1e6
	switch conns {
	case InvalidConns:
		sum.Verdict, sum.Reasons = "invalid", []string{"too slow"}
	case SilentConns:
		sum.Requests.OK, sum.Requests.Errors = 0, map[string]uint64{"reset": ok}
	}
	return sum
}

// Children lists the processes that were started from dir and still run, by process id.
func Children(dir string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		file, err := os.Open("/proc/" + e.Name() + "/cmdline")
		if err != nil {
			continue // ended meanwhile
		}
		line, err := io.ReadAll(file)
		file.Close()
		if err == nil && len(line) > len(dir) && string(line[:len(dir)]) == dir {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
