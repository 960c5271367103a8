package lanes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"iomodels/bench/trace"
)

// Scene is a part of a trace, made ready to be drawn.
type Scene struct {
	Header trace.Header
	Mark   string // of the window it shows
	Lanes  []Lane
	Rows   []Row
	Items  []Item
	Bars   []Bar

	hasRing bool // so that the kernel's tracepoints could tell more
}

// Kind says what a lane stands for.
type Kind string

// The kinds of lanes, from left to right.
const (
	Client    Kind = "client"
	Wire      Kind = "wire"
	Kernel    Kind = "kernel"
	Emulation Kind = "emulation"
	Thread    Kind = "thread"
	Goroutine Kind = "goroutine"
	Noise     Kind = "noise"
)

// Lane is a column.
type Lane struct {
	Kind  Kind
	Name  string // T0, G18
	About string // what it is
	Width float64
}

// Row is a moment.
type Row struct {
	Micros float64  // since the mark
	Noise  []string // what the runtime did for itself before the next row
	State  State
	Stack  []trace.Frame // the lines of code that led here, innermost first
}

// Item is a box in a lane, or a word if it has no verb.
type Item struct {
	Lane     int
	Verb     Verb
	Label    string
	From, To int    // rows; From is -1 if it began before
	Open     bool   // and is still going on
	Vain     bool   // it found nothing, or failed
	On       string // the connection it is about
}

// Bar is an operation from its submission to its completion.
type Bar struct {
	Label    string
	On       string
	From, To int // rows; From is -1 if it began before
	Open     bool
	Slot     int  // side by side with others
	Bytes    int  // of the program's memory that are the kernel's for so long; 0: none yet
	Pool     bool // the kernel will choose a buffer when it has bytes
}

// SceneOf makes a scene of the last window of a mark. It has no rows if the trace has none.
func SceneOf(t *trace.Trace, mark string) *Scene {
	windows := t.Windows(mark)
	if len(windows) == 0 {
		return &Scene{Header: t.Header, Mark: mark}
	}
	b := newBuilder(t, mark, windows[len(windows)-1])
	for _, e := range t.Before(mark, len(windows)-1) {
		b.before(e)
	}
	for i, e := range b.events {
		b.add(i, e)
	}
	return b.finish()
}

// Shorten leaves at most so many rows, and returns how many are left out.
func (s *Scene) Shorten(rows int) (left int) {
	if left = len(s.Rows) - rows; left <= 0 {
		return 0
	}
	s.Rows = s.Rows[:rows]
	s.Items = slices.DeleteFunc(s.Items, func(i Item) bool { return i.From >= rows })
	s.Bars = slices.DeleteFunc(s.Bars, func(b Bar) bool { return b.From >= rows })
	for n := range s.Items {
		if i := &s.Items[n]; i.To >= rows {
			i.To, i.Open = rows-1, true
		}
	}
	for n := range s.Bars {
		s.Bars[n].To = min(s.Bars[n].To, rows-1)
	}
	return left
}

// builder makes a scene, event by event.
type builder struct {
	Scene
	events  []trace.Event
	noise   func(trace.Event) bool
	start   int64
	lanes   map[string]int // by name
	mine    map[uint64]bool
	things  map[string][]string // by kind
	calls   map[int]int         // by thread: the item of the call that is going on
	stacks  map[int][]int       // by thread: the lines of code behind that call
	begun   map[uint64]int      // by goroutine: the item of its handler
	bars    map[string]int      // by operation: the bar that has not ended
	unsent  int                 // bytes of sends that the kernel has not been told of
	merged  map[int]bool        // events that another row has told already
	vain    map[int64]bool      // by time: calls of the runtime, or interrupted, that found nothing
	idle    map[int]bool        // threads that only wait, and for nothing
	watcher watcher
}

func newBuilder(t *trace.Trace, mark string, events []trace.Event) *builder {
	b := &builder{
		Scene:  Scene{Header: t.Header, Mark: mark},
		events: events, noise: t.Noise(), start: events[0].At,
		lanes: map[string]int{}, mine: map[uint64]bool{}, things: map[string][]string{},
		calls: map[int]int{}, stacks: map[int][]int{}, begun: map[uint64]int{}, bars: map[string]int{}, merged: map[int]bool{},
		vain: vainCalls(t),
	}
	b.lane(Client, "client", "")
	b.lane(Wire, "wire", "")
	b.lane(Kernel, "kernel", "")
	b.findIdle()
	for _, e := range events {
		if b.skip(e) {
			continue
		}
		if e.Layer == trace.Syscall || e.Layer == trace.Probe {
			b.mine[e.G] = b.mine[e.G] || e.G != 0
			b.meet(e.On)
			b.meet(e.With)
		}
	}
	b.order()
	b.watcher = newWatcher(b)
	return b
}

// vainCalls finds, by the times of their entry and exit, the calls that are not the model's doing
// although they are about a thing of its own: those that a signal interrupted, which are made again,
// and those with which the runtime looks, between two goroutines, whether anything has come.
func vainCalls(t *trace.Trace) map[int64]bool {
	vain, noise, entered := map[int64]bool{}, t.Noise(), map[int]trace.Event{}
	for _, e := range t.Events {
		if e.Layer != trace.Syscall {
			continue
		}
		if e.Verb == trace.Enter {
			entered[e.TID] = e
			continue
		}
		begun, known := entered[e.TID]
		delete(entered, e.TID)
		runtimes := len(begun.Stack) == 0 && verbOfCall(e.Name).Name == "wait" && e.Ret == 0 && e.Err == ""
		interrupted := e.Err != "" && noise(e)
		if known && (interrupted || runtimes && len(t.Header.Frames) > 0) {
			vain[begun.At], vain[e.At] = true, true
		}
	}
	return vain
}

// CallsOf counts the system calls of the model in the last window of a mark, by their verbs' names.
func CallsOf(t *trace.Trace, mark string) map[string]int {
	windows := t.Windows(mark)
	if len(windows) == 0 {
		return nil
	}
	noise, vain, count := t.Noise(), vainCalls(t), map[string]int{}
	for _, e := range windows[len(windows)-1] {
		if e.Layer == trace.Syscall && e.Verb == trace.Exit && !noise(e) && !vain[e.At] {
			count[verbOfCall(e.Name).Name]++
		}
	}
	return count
}

// findIdle finds the threads that play no part.
func (b *builder) findIdle() {
	b.idle = map[int]bool{}
	for _, e := range b.events {
		if e.Layer == trace.Syscall && !b.noise(e) {
			b.idle[e.TID] = true
		}
	}
	for _, e := range b.events {
		waits := verbOfCall(e.Name).Name == "wait" && (e.Ret == 0 || e.Name == "io_uring_enter")
		if e.Layer == trace.Probe && e.Name != "own" || e.Layer == trace.Syscall && !b.noise(e) && !waits {
			delete(b.idle, e.TID)
		}
	}
}

// order makes the lanes: threads in the order of their first calls, then goroutines.
func (b *builder) order() {
	if b.emulates() && slices.ContainsFunc(b.events, func(e trace.Event) bool { return e.Verb == "submit" && !b.skip(e) }) {
		b.lane(Emulation, "pending", "in this process")
	}
	for _, e := range b.events {
		if e.Layer == trace.Syscall && !b.skip(e) {
			b.thread(e.TID)
		}
	}
	for _, e := range b.events {
		if e.Layer == trace.Probe && !b.skip(e) || e.Layer == trace.Go && b.mine[e.G] {
			b.goroutine(e.G)
		}
	}
	b.lane(Noise, "Go runtime", "for itself")
}

// skip reports whether an event gets no row: it is the runtime's own, or a loop's way to be woken.
func (b *builder) skip(e trace.Event) bool {
	switch e.Layer {
	case trace.Syscall:
		return b.noise(e) || b.vain[e.At] || b.idle[e.TID]
	case trace.Go:
		return !b.mine[e.G]
	case trace.Probe:
		return e.Name == "own" || e.Verb == "owner"
	case trace.Client:
		return e.Name == trace.MarkQuiet
	}
	return false
}

func (b *builder) lane(k Kind, name, about string) int {
	if i, ok := b.lanes[name]; ok {
		return i
	}
	b.lanes[name] = len(b.Lanes)
	b.Lanes = append(b.Lanes, Lane{k, name, about, k.width()})
	return b.lanes[name]
}

// thread returns the lane of a thread.
func (b *builder) thread(tid int) int {
	id := "tid" + strconv.Itoa(tid)
	if i, ok := b.lanes[id]; ok {
		return i
	}
	n := 0
	for _, l := range b.Lanes {
		if l.Kind == Thread {
			n++
		}
	}
	b.lanes[id] = b.lane(Thread, "T"+strconv.Itoa(n), "thread")
	return b.lanes[id]
}

// goroutine returns the lane of a goroutine.
func (b *builder) goroutine(g uint64) int {
	return b.lane(Goroutine, "G"+strconv.FormatUint(g, 10), b.purpose(g))
}

// purpose names the function that a goroutine runs: the outermost one of this module that is seen
// on its stacks, for many begin in a helper of the library.
func (b *builder) purpose(g uint64) string {
	name := b.Header.Goroutines[g]
	for _, e := range b.events {
		if e.G != g || strings.HasPrefix(name, "iomodels/") {
			continue
		}
		for _, n := range e.Stack {
			if f := b.Header.Frames[n]; strings.HasPrefix(f.Func, "iomodels/") {
				name = f.Func
			}
		}
	}
	return name[strings.LastIndex(name, "/")+1:]
}

// meet notes a thing, so that it needs no number if it is alone of its kind.
func (b *builder) meet(name string) {
	kind := strings.TrimRight(name, "0123456789")
	if name != "" && !slices.Contains(b.things[kind], name) {
		b.things[kind] = append(b.things[kind], name)
	}
}

// thing is the short name of a thing: conn, or conn2 if there are several.
func (b *builder) thing(name string) string {
	kind := strings.TrimRight(name, "0123456789")
	if len(b.things[kind]) > 0 {
		b.meet(name) // one that only waits: it comes after all that take part
	}
	if same := b.things[kind]; len(same) > 1 {
		return kind + strconv.Itoa(1+slices.Index(same, name))
	}
	return kind
}

// row begins a row and returns its number.
func (b *builder) row(e trace.Event) int {
	r := Row{Micros: float64(e.At-b.start) / 1e3}
	for _, n := range e.Stack {
		r.Stack = append(r.Stack, b.Header.Frames[n])
	}
	b.Rows = append(b.Rows, r)
	return len(b.Rows) - 1
}

func (b *builder) item(i Item) int {
	i.On = b.thing(i.On)
	b.Items = append(b.Items, i)
	return len(b.Items) - 1
}

// box begins a row with a box in it, and returns the row.
func (b *builder) box(e trace.Event, lane int, verb, format string, args ...any) (row int) {
	row = b.row(e)
	b.item(Item{Lane: lane, Verb: verbNamed(verb), Label: fmt.Sprintf(format, args...), From: row, To: row, On: e.On})
	return row
}

// word puts a word without a box into a lane.
func (b *builder) word(lane, row int, format string, args ...any) {
	b.item(Item{Lane: lane, Label: fmt.Sprintf(format, args...), From: row, To: row})
}

// before takes in what was going on when the scene begins.
func (b *builder) before(e trace.Event) {
	b.watcher.see(e)
	if b.skip(e) {
		return
	}
	switch {
	case e.Layer == trace.Syscall && b.lanes["tid"+strconv.Itoa(e.TID)] != 0:
		b.stacks[e.TID] = e.Stack
		b.calls[e.TID] = b.item(Item{
			Lane: b.thread(e.TID), Verb: verbOfCall(e.Name), Label: b.callLabel(e), From: -1, On: e.On,
		})
	case e.Layer == trace.Probe && e.Verb == "submit" && b.mine[e.G]:
		b.submit(e, -1)
	}
}

// finish ends what is still going on.
func (b *builder) finish() *Scene {
	last := len(b.Rows) - 1
	for _, i := range b.calls {
		b.Items[i].To, b.Items[i].Open = last, true
	}
	for _, i := range b.begun {
		b.Items[i].To, b.Items[i].Open = last, true
	}
	for _, i := range b.bars {
		b.Bars[i].To, b.Bars[i].Open = last, true
	}
	b.bundle()
	b.hasRing = !b.emulates()
	for i, l := range b.Lanes {
		if l.Kind == Kernel && b.looksInside() {
			b.Lanes[i].Width += 40
		}
		if l = b.Lanes[i]; l.Kind == b.barsIn() {
			b.Lanes[i].Width = max(l.Width, 8) + b.slots()*slotWidth
		}
	}
	return &b.Scene
}
