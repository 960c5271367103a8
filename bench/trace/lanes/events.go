package lanes

import (
	"fmt"
	"slices"
	"strings"

	"iomodels/bench/trace"
)

// add takes in an event of the scene.
func (b *builder) add(i int, e trace.Event) {
	b.watcher.see(e)
	switch {
	case b.skip(e):
		b.quietly(e)
		return
	case b.merged[i]:
		return
	}
	switch e.Layer {
	case trace.Client:
		b.client(e)
	case trace.Syscall:
		b.call(i, e)
	case trace.Probe:
		b.probe(i, e)
	case trace.Go:
		b.scheduler(i, e)
	case trace.Kernel:
		e.Stack = b.stacks[e.TID] // of the call in which the kernel does so, if it is one of ours
		b.box(e, b.lanes["kernel"], "inside", "%s", b.inside(e))
	}
	if len(b.Rows) > 0 {
		b.Rows[len(b.Rows)-1].State = b.watcher.state()
	}
}

// inside words what a tracepoint of the kernel tells. What makes an operation go on is the client's
// own send, on the client's thread.
func (b *builder) inside(e trace.Event) string {
	_, op, _ := strings.Cut(e.Name, " ")
	switch e.Verb {
	case "submit_req":
		return "takes " + op
	case "poll_arm":
		return op + ": polls"
	case "task_add":
		if _, ours := b.lanes[fmt.Sprintf("tid%d", e.TID)]; !ours {
			return op + ": client wakes"
		}
		return op + ": woken"
	case "complete":
		return fmt.Sprintf("complete: %d", e.Ret)
	}
	return e.Name
}

// quietly notes what the runtime does for itself, beside the row that is the last.
func (b *builder) quietly(e trace.Event) {
	if len(b.Rows) == 0 || e.Layer != trace.Syscall || e.Verb != trace.Enter {
		return
	}
	row := &b.Rows[len(b.Rows)-1]
	row.Noise = append(row.Noise, e.Name)
}

// next returns the place of the next event that gets a row, -1 if there is none.
func (b *builder) next(i int) int {
	for j := i + 1; j < len(b.events); j++ {
		if !b.skip(b.events[j]) {
			return j
		}
	}
	return -1
}

func (b *builder) client(e trace.Event) {
	lane, wire := b.lanes["client"], b.lanes["wire"]
	switch e.Name {
	case trace.MarkConnect:
		b.word(wire, b.box(e, lane, "ask", "connects"), "SYN ▶")
	case trace.MarkSend:
		b.word(wire, b.box(e, lane, "ask", "asks"), "%d B ▶", e.Ret)
	case trace.MarkBurst:
		b.word(wire, b.box(e, lane, "ask", "%d ask", b.Header.Burst), "%d × %d B ▶", b.Header.Burst, e.Ret)
	case trace.MarkAnswered:
		b.box(e, lane, "done", "answered")
	}
}

// call draws a system call: on one row if nothing else happens meanwhile.
func (b *builder) call(i int, e trace.Event) {
	lane := b.thread(e.TID)
	if e.Verb == trace.Exit {
		e.Stack = b.stacks[e.TID] // who has asked is who is answered
		b.back(e, lane, b.row(e))
		return
	}
	b.stacks[e.TID] = e.Stack
	row := b.row(e)
	taken := e.Name == "io_uring_enter" && b.unsent > 0
	if taken {
		b.word(b.lanes["kernel"], row, "◀ takes %d B", b.unsent)
		b.word(b.lanes["wire"], row, "◀ %d B", b.unsent)
		b.unsent = 0
	}
	b.calls[e.TID] = b.item(Item{
		Lane: lane, Verb: verbOfCall(e.Name), Label: b.callLabel(e), From: row, To: row, On: e.On,
	})
	if j := b.next(i); j >= 0 && b.events[j].TID == e.TID && b.events[j].Verb == trace.Exit {
		b.merged[j] = true
		b.watcher.see(b.events[j])
		b.back(b.events[j], lane, row)
		return
	}
	if b.Items[b.calls[e.TID]].Verb.Name == "wait" && !taken {
		b.word(b.lanes["kernel"], row, "%s sleeps", b.Lanes[lane].Name)
	}
}

// back draws the return of a call.
func (b *builder) back(e trace.Event, lane, row int) {
	result := e.Err
	if result == "" {
		result = fmt.Sprint(e.Ret)
	}
	at, known := b.calls[e.TID]
	if !known {
		at = b.item(Item{Lane: lane, Verb: verbOfCall(e.Name), Label: b.callLabel(e), From: -1, On: e.On})
	}
	delete(b.calls, e.TID)
	i := &b.Items[at]
	i.To = row
	if e.Name != "io_uring_enter" || e.Err != "" {
		i.Label += " = " + result
	}
	i.Vain = e.Err != "" || e.Ret == 0 && i.Verb.Name == "wait" && e.Name != "io_uring_enter"
	b.conclude(e, *i, row)
}

// conclude says what the kernel must have done, from what a call returned.
func (b *builder) conclude(e trace.Event, i Item, row int) {
	kernel, wire := b.lanes["kernel"], b.lanes["wire"]
	switch {
	case e.Err == "EAGAIN" && i.Verb.Name == "read":
		b.word(kernel, row, "nothing there ▶")
	case e.Err == "EAGAIN" && i.Verb.Name == "accept":
		b.word(kernel, row, "nobody there ▶")
	case e.Err != "" || !strings.HasPrefix(i.On, "conn") && i.Verb.Name != "wait" && i.Verb.Name != "accept":
	case i.Verb.Name == "read" && e.Ret > 0:
		b.word(kernel, row, "copies %d B ▶", e.Ret)
	case i.Verb.Name == "send" && e.Ret > 0:
		b.word(kernel, row, "◀ copies %d B", e.Ret)
		b.word(wire, row, "◀ %d B", e.Ret)
	case i.Verb.Name == "wait" && e.Ret > 0 && e.Name != "io_uring_enter":
		b.word(kernel, row, "%d ready ▶", e.Ret)
	case i.Verb.Name == "accept":
		b.word(kernel, row, "a connection ▶")
	}
}

// callLabel is what a call is about.
func (b *builder) callLabel(e trace.Event) string {
	name := strings.TrimPrefix(strings.Replace(e.Name, "epoll_pwait", "epoll_wait", 1), "io_")
	switch {
	case e.Name == "io_uring_enter" && len(e.Args) > 1 && e.Args[1] > 0:
		return fmt.Sprintf("%s: submits %d", name, e.Args[1])
	case e.Name == "io_uring_enter":
		return name + ": waits"
	case e.Name == "epoll_ctl" && e.With != "":
		return fmt.Sprintf("%s(%s)", name, b.thing(e.With))
	case e.On == "set":
		return name + "(all)"
	}
	return fmt.Sprintf("%s(%s)", name, b.thing(e.On))
}

// probe draws what a model says of itself.
func (b *builder) probe(i int, e trace.Event) {
	lane := b.goroutine(e.G)
	box := func(verb, format string, args ...any) { b.box(e, lane, verb, format, args...) }
	switch e.Verb {
	case "register":
		box("enlist", "registers %s", b.thing(e.On))
	case "ready":
		box("notify", "%s is ready", b.thing(e.On))
	case "submit":
		b.submit(e, len(b.Rows))
		box("submit", "submit %s", b.op(e))
	case "complete", "ended":
		box("complete", "%s = %d", b.op(e), e.Ret)
		b.complete(e, len(b.Rows)-1)
	case "begin":
		box("handle", "Feed(%d B)", e.Ret)
		b.begun[e.G] = len(b.Items) - 1
		if j := b.next(i); j >= 0 && b.events[j].Verb == "end" && b.events[j].G == e.G {
			b.merged[j] = true
			b.watcher.see(b.events[j])
			b.thought(b.events[j], len(b.Rows)-1)
		}
	case "end":
		b.thought(e, b.row(e))
	}
}

// thought ends the box of a handler.
func (b *builder) thought(e trace.Event, row int) {
	if at, ok := b.begun[e.G]; ok {
		b.Items[at].To = row
		b.Items[at].Label += fmt.Sprintf(": %d B out", e.Ret)
		delete(b.begun, e.G)
	}
}

func (b *builder) op(e trace.Event) string {
	return fmt.Sprintf("%s(%s)", strings.TrimSuffix(e.Name, "-lazily"), b.thing(e.On))
}

// submit begins a bar in the first slot that is free.
func (b *builder) submit(e trace.Event, row int) {
	taken := map[int]bool{}
	for _, at := range b.bars {
		taken[b.Bars[at].Slot] = true
	}
	slot := 0
	for taken[slot] {
		slot++
	}
	bar := Bar{Label: b.op(e), On: b.thing(e.On), From: row, Slot: slot, Pool: e.Name == "receive"}
	if strings.HasPrefix(e.Name, "send") {
		bar.Bytes = int(e.Ret)
		b.unsent += bar.Bytes
	}
	b.bars[e.Name+e.On] = len(b.Bars)
	b.Bars = append(b.Bars, bar)
}

// complete ends a bar, if the operation does not go on.
func (b *builder) complete(e trace.Event, row int) {
	kernel := b.lanes["kernel"]
	switch {
	case b.Header.Missing[trace.Syscall] == "" && b.emulates(): // the calls have told it
	case e.Name == "receive" && e.Ret > 0:
		b.word(kernel, row, "%d B are there ▶", e.Ret)
	case strings.HasPrefix(e.Name, "send") && e.Ret > 0:
		b.word(kernel, row, "has taken %d B ▶", e.Ret)
	case e.Name == "accept":
		b.word(kernel, row, "a connection ▶")
	}
	if at, ok := b.bars[e.Name+e.On]; ok && e.Verb == "ended" {
		b.Bars[at].To = row
		delete(b.bars, e.Name+e.On)
	}
}

// bundle makes one bar of all that are pending from before the scene to behind its end, for there may
// be one for each silent connection, and gives the others slots beside it.
func (b *builder) bundle() {
	silent := func(bar Bar) bool { return bar.From < 0 && bar.Open && bar.Bytes == 0 }
	count := map[string]int{}
	for _, bar := range b.Bars {
		if silent(bar) {
			kind, _, _ := strings.Cut(bar.Label, "(")
			count[kind]++
		}
	}
	var bars []Bar
	ends := []int{} // by slot: where its last bar ends
	for _, bar := range b.Bars {
		kind, _, _ := strings.Cut(bar.Label, "(")
		if silent(bar) {
			switch n := count[kind]; {
			case n == 0: // told already
				continue
			case n > 2:
				bar.Label, bar.On, count[kind] = fmt.Sprintf("%d × %s", n, kind), "", 0
			}
		}
		bar.Slot = slices.IndexFunc(ends, func(end int) bool { return end < bar.From })
		if bar.Slot < 0 {
			bar.Slot, ends = len(ends), append(ends, 0)
		}
		ends[bar.Slot] = bar.To
		bars = append(bars, bar)
	}
	b.Bars = bars
}

// emulates reports whether operations are carried out by calls that are drawn themselves.
func (b *builder) emulates() bool { return len(b.things["ring"]) == 0 }

// scheduler draws what the Go scheduler does with a goroutine of ours.
func (b *builder) scheduler(i int, e trace.Event) {
	lane := b.goroutine(e.G)
	box := func(verb, format string, args ...any) { b.box(e, lane, verb, format, args...) }
	switch e.Verb {
	case trace.Park:
		box("park", "parked: %s", e.Name)
	case trace.Wake:
		label := "runnable"
		if j := b.next(i); j >= 0 && b.events[j].Verb == trace.Run && b.events[j].G == e.G {
			b.merged[j] = true
			b.watcher.see(b.events[j])
			label += ", runs on " + b.threadName(b.events[j].TID)
		}
		box("wake", "%s", label)
	case trace.Run:
		box("wake", "runs again, on %s", b.threadName(e.TID))
	case trace.Yield:
		b.preempted(i, e)
	case trace.Call:
		box(verbOfCall(e.Name).Name, "%s …", e.Name)
	case trace.Return:
		box("wake", "back from the call")
	case trace.Gone:
		box("park", "ends")
	}
}

// preempted notes that the scheduler has let others run, beside the row: under a tracer it does so
// often, for everything takes long.
func (b *builder) preempted(i int, e trace.Event) {
	for j := i + 1; j < len(b.events); j++ {
		if next := b.events[j]; next.Layer == trace.Go && next.G == e.G {
			b.merged[j] = next.Verb == trace.Run
			break
		}
	}
	if n := len(b.Rows); n > 0 {
		b.Rows[n-1].Noise = append(b.Rows[n-1].Noise, "preempts "+b.Lanes[b.goroutine(e.G)].Name)
	}
}

func (b *builder) threadName(tid int) string {
	if i, ok := b.lanes[fmt.Sprintf("tid%d", tid)]; ok {
		return b.Lanes[i].Name
	}
	return "a thread"
}
