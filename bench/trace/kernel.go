package trace

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The kernel's own view of io_uring: tracepoints, read from an instance of tracefs that is ours
// alone. Only root may; elsewhere the header says that the layer is missing, and why.

// tracingDir is where tracefs is mounted.
const tracingDir = "/sys/kernel/tracing"

// kernelEvents are the tracepoints: an operation is submitted, has nothing to do yet and polls, is
// told that it can go on, and has completed.
func kernelEvents() []string {
	return []string{"io_uring_submit_req", "io_uring_poll_arm", "io_uring_task_add", "io_uring_complete"}
}

// kernelTracer is an instance of tracefs.
type kernelTracer struct{ dir string }

// traceKernel begins to record.
func traceKernel() (*kernelTracer, error) {
	dir, err := os.MkdirTemp(filepath.Join(tracingDir, "instances"), "iomodels-")
	if err != nil {
		return nil, fmt.Errorf("make an instance of tracefs: %w", err)
	}
	k := &kernelTracer{dir}
	settings := [][2]string{{"trace_clock", "mono"}, {"buffer_size_kb", "2048"}}
	for _, e := range kernelEvents() {
		settings = append(settings, [2]string{filepath.Join("events/io_uring", e, "enable"), "1"})
	}
	for _, s := range settings {
		if err := os.WriteFile(filepath.Join(dir, s[0]), []byte(s[1]), 0o600); err != nil {
			return nil, errors.Join(fmt.Errorf("set up tracefs: %w", err), k.close())
		}
	}
	return k, nil
}

// close removes the instance; the kernel keeps the directory as long as it is in use.
func (k *kernelTracer) close() error {
	if err := os.Remove(k.dir); err != nil {
		return fmt.Errorf("remove the instance of tracefs: %w", err)
	}
	return nil
}

// events returns what was recorded of the rings of some threads, and ends the recording. Others on
// the machine may have rings, too.
func (k *kernelTracer) events(ours map[int]bool) (out []Event, err error) {
	file, err := os.Open(filepath.Join(k.dir, "trace"))
	if err != nil {
		return nil, errors.Join(err, k.close())
	}
	var all []kernelLine
	rings := map[string]bool{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		l, ok := parseKernelLine(lines.Text())
		if !ok {
			continue
		}
		if ours[l.event.TID] && l.ring != "" && l.event.Verb == "submit_req" {
			rings[l.ring] = true
		}
		all = append(all, l)
	}
	file.Close()
	for _, l := range all {
		if rings[l.ring] {
			out = append(out, l.event)
		}
	}
	return out, k.close()
}

type kernelLine struct {
	event Event
	ring  string
}

// parseKernelLine reads a line of tracefs:
//
//	netserve-4711  [001] ...1.  99.123456: io_uring_poll_arm: ring 0000aa, req .., opcode RECV, mask ..
//
// Times are cut to a microsecond, so an event may seem to come that much too early.
func parseKernelLine(line string) (l kernelLine, ok bool) {
	head, rest, ok := strings.Cut(line, ": io_uring_")
	name, text, ok2 := strings.Cut(rest, ": ")
	fields := strings.Fields(head)
	if !ok || !ok2 || len(fields) < 3 {
		return l, false
	}
	task := fields[0]
	for _, f := range fields[1:] { // a task's name may have blanks
		if strings.HasPrefix(f, "[") {
			break
		}
		task = f
	}
	tid, err := strconv.Atoi(task[strings.LastIndex(task, "-")+1:])
	seconds, micros, ok := strings.Cut(fields[len(fields)-1], ".")
	s, err2 := strconv.ParseInt(seconds, 10, 64)
	us, err3 := strconv.ParseInt(micros, 10, 64)
	if err != nil || err2 != nil || err3 != nil || !ok {
		return l, false
	}
	l.event = Event{At: (s*1e6 + us) * 1e3, Layer: Kernel, Verb: name, TID: tid}
	l.ring = after(text, "ring ")
	l.event.Name = strings.TrimSpace(name + " " + after(text, "opcode "))
	if result, err := strconv.ParseInt(after(text, "result "), 10, 64); err == nil {
		l.event.Ret = result
	}
	return l, true
}

// after returns the word behind a word, without the comma.
func after(text, word string) string {
	_, rest, found := strings.Cut(text, word)
	if !found {
		return ""
	}
	rest, _, _ = strings.Cut(rest, " ")
	return strings.TrimSuffix(rest, ",")
}
