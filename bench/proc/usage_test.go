package proc_test

import (
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/bench/proc"
)

// TestCPUIncludesDeadThreads: a thread that burned CPU and ended is missing from /proc/PID/task,
// and must not be missing here.
func TestCPUIncludesDeadThreads(t *testing.T) {
	before, err := proc.ReadCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	burned := make(chan time.Duration)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		before := burn(0)      // the thread may not be new
		burned <- burn(before+50*time.Millisecond) - before
	}()
	used := <-burned
	after, err := proc.ReadCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	total, user, sys := after.Since(before)
	if total < used {
		t.Errorf("the process used %v, its dead thread alone %v", total, used)
	}
	if user+sys != total || user < 0 || sys < 0 {
		t.Errorf("user %v and system %v are not %v", user, sys, total)
	}
}

// burn works until the calling thread has used that much CPU time in its life, and returns how
// much it was.
func burn(d time.Duration) time.Duration {
	for {
		var ts unix.Timespec
		unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
		if used := time.Duration(ts.Nano()); used >= d {
			return used
		}
	}
}

func TestReadersOfAProcessThatIsGone(t *testing.T) {
	child, err := proc.Start(proc.Spec{Path: "true"})
	if err != nil {
		t.Fatal(err)
	}
	<-child.Exited()
	if _, err := proc.ReadCPU(child.Pid()); err == nil {
		t.Error("CPU time of nobody")
	}
	if _, err := proc.ReadMemory(child.Pid()); err == nil {
		t.Error("memory of nobody")
	}
	if _, err := proc.ReadSwitches(child.Pid()); err == nil {
		t.Error("context switches of nobody")
	}
}

func TestMemorySeesWhatIsTouched(t *testing.T) {
	before, err := proc.ReadMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const size = 32 << 20
	pages, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(pages)
	for i := 0; i < size; i += 4096 {
		pages[i] = 1
	}
	after, err := proc.ReadMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	grown, anon := after.RSS-before.RSS, after.Anon-before.Anon
	if grown < size*3/4 || anon < size*3/4 || anon > 2*size || after.Threads < 1 {
		t.Errorf("touched %d bytes, saw %d, anonymous %d; %d threads", size, grown, anon, after.Threads)
	}
	if after.Anon >= after.RSS {
		t.Errorf("%d bytes resident, %d of them anonymous: the program itself is not", after.RSS, after.Anon)
	}
}

func TestSwitchesAreCountedAndScaled(t *testing.T) {
	const threads = 200 // more than are read one by one
	release := make(chan struct{})
	ready := make(chan struct{})
	for range threads {
		go func() {
			runtime.LockOSThread()
			ready <- struct{}{}
			<-release
		}()
	}
	for range threads {
		<-ready
	}
	got, err := proc.ReadSwitches(os.Getpid())
	close(release)
	if err != nil {
		t.Fatal(err)
	}
	// Every thread has gone to sleep at least once; a sum over the sample alone would be less.
	if got.Voluntary < threads*3/4 {
		t.Errorf("%d voluntary switches of %d sleeping threads", got.Voluntary, threads)
	}
}

func TestCounterCountsAChildAndWhatItStarts(t *testing.T) {
	counter, err := proc.NewCounter()
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	const calls = 20000
	out := make(signalWriter, 1)
	goFile := t.TempDir() + "/go"
	child, err := proc.Start(proc.Spec{
		Path: "sh", Stdout: out, Count: counter,
		// dd makes one read and one write per block, in a process of its own.
		Args: []string{"-c", `echo ready; while ! test -e "$0"; do :; done
			dd if=/dev/zero of=/dev/null bs=1 count=10000 2>/dev/null; echo done; exec sleep 600`, goFile},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer child.Kill()
	<-out
	if err := counter.Enable(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goFile, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	<-out
	got, err := counter.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if got < calls {
		t.Errorf("counted %d calls, want at least %d", got, calls)
	}
	if again, err := counter.Stop(); err == nil {
		t.Errorf("a closed counter counts %d", again)
	}
}

func TestMachineReader(t *testing.T) {
	cpus, err := proc.AllowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	reader := proc.NewMachineReader()
	before, err := reader.Read(cpus)
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	burn(burn(0) + 150*time.Millisecond)
	after, err := reader.Read(cpus)
	if err != nil {
		t.Fatal(err)
	}
	if busy := after.Busy - before.Busy; busy < 100*time.Millisecond {
		t.Errorf("burned 150 ms, the machine was busy for %v", busy)
	}
	if _, err := reader.Read([]int{4000}); err == nil {
		t.Error("read a CPU that is not there")
	}
	if k, err := proc.KernelMemory(); err != nil || k.Slab <= 0 || k.Stacks <= 0 || k.Sockets < 0 || k.Sum() < k.Slab {
		t.Errorf("kernel memory %+v, %v", k, err)
	}
}

// TestSeveralProcesses: what several processes use is summed, and one that is gone is an error.
func TestSeveralProcesses(t *testing.T) {
	child, err := proc.Start(proc.Spec{Path: "/bin/sleep", Args: []string{"60"}})
	if err != nil {
		t.Fatal(err)
	}
	defer child.Kill()
	self := os.Getpid()
	alone, err := proc.ReadCPU(self)
	if err != nil {
		t.Fatal(err)
	}
	both, err := proc.ReadCPU(self, self)
	if err != nil || both.Total < 2*alone.Total {
		t.Errorf("twice the same process: %v, %v; want at least twice %v", both.Total, err, alone.Total)
	}
	one, err := proc.ReadMemory(self)
	if err != nil {
		t.Fatal(err)
	}
	two, err := proc.ReadMemory(self, child.Pid())
	if err != nil || two.Threads <= one.Threads || two.RSS == 0 {
		t.Errorf("memory of two processes: %+v, %v; of one: %+v", two, err, one)
	}
	if _, err := proc.ReadSwitches(self, child.Pid()); err != nil {
		t.Error(err)
	}
	child.Kill()
	<-child.Exited()
	if _, err := proc.ReadCPU(self, child.Pid()); err == nil {
		t.Error("the CPU time of a process that is gone was read")
	}
}
