package report

import (
	"fmt"
	"slices"

	"iomodels/bench/report/table"
)

// notion is an idea that a course on network programming names, with the places of this tree where
// it can be read, run and checked.
type notion struct {
	name   string
	term   string // how the notes in Chinese call it, "" where they use the English word
	file   string // where it is done
	test   string // "file:Name", the test that would fail without it
	lesson int    // where it is taught
}

// The tests that check more than one notion.
const (
	canonTest    = "bench/trace/conform_test.go:TestModelsKeepToTheirCanon"
	labTest      = "bench/lab/lab_test.go:TestRows"
	survivalTest = "servers/survival/survival_test.go:TestSurvival"
)

// notions lists them in the order in which they build on each other. A test looks every place up.
func notions() []notion { return slices.Concat(modelNotions(), loadNotions()) }

// modelNotions are about who waits for what.
func modelNotions() []notion {
	return []notion{
		{
			"how a result is announced, and what the caller does meanwhile", "同步/异步", "servers/servers.go",
			"servers/all/all_test.go:TestModelsAreWellFormed", 0,
		},
		{
			"blocking and non-blocking send and receive", "阻塞/非阻塞", "bench/lesson/own.go",
			"bench/lesson/run_test.go:TestLesson", 0,
		},
		{"partial result now, or whole result later", "就绪通知/完成通知", "servers/proactor/proactor.go", canonTest, 10},
		{"threads against processes: memory and switches", "", "servers/prefork", survivalTest, 3},
		{"a thread for each connection", "BIO", "servers/thread", canonTest, 2},
		{"readiness: Reactor", "NIO", "servers/reactor", canonTest, 6},
		{"completion: Proactor", "AIO", "servers/proactor", canonTest, 10},
		{"a process stuck in read, work, write", "多进程", "servers/prefork", survivalTest, 1},
		{"multiplexing under goroutines", "多路复用", "servers/goroutine", canonTest, 9},
		{"ten thousand connections", "C10K", "bench/profile.go", "bench/matrix_test.go:TestProfilesFitTheirTime", 5},
		{
			"threads that share nothing", "", "servers/loops",
			"servers/sock/sock_test.go:TestListenersShareAPortByReusePort", 15,
		},
		{
			"threads around a shared queue", "生产者/消费者", "servers/reactor/pool",
			"servers/offload/offload_test.go:TestSubmitNeverBlocksAndKeepsOrder", 13,
		},
		{
			"threads that notify each other", "wait/notify", "servers/offload/returns.go",
			"servers/offload/desk_test.go:TestDeskReturnsEveryWorkOnce", 13,
		},
		{"leader and followers", "", "servers/reactor/leader", canonTest, 15},
	}
}

// loadNotions are about what is asked of a server, and what goes wrong.
func loadNotions() []notion {
	return []notion{
		{
			"the four quadrants of load", "海量/常量", "bench/quadrants.go",
			"bench/advise/advise_test.go:TestTheRecordsDecide", 19,
		},
		{
			"response time, concurrency, throughput", "响应时间", "bench/stats/cells/metric.go",
			"loadgen/run_test.go:TestLittlesLawHolds", 17,
		},
		{
			"session rate, concurrent sessions, data rate", "会话率", "loadgen/loadgen.go",
			"loadgen/run_test.go:TestChurnOpensExactlyAsManyConnections", 18,
		},
		{
			"long and short connections", "长连接/短连接", "bench/matrix.go",
			"loadgen/run_test.go:TestChurnOpensExactlyAsManyConnections", 16,
		},
		{"bursts of arrivals", "秒杀", "loadgen/pace", "loadgen/selftest/selftest_test.go:TestQuick", 17},
		{"a peer that uploads slowly", "", "servers/survival/slow.go", survivalTest, 18},
		{
			"a limit on what a peer may send", "", "servers/proto/limits.go",
			"servers/proto/frame_test.go:TestFrameVectors", 8,
		},
		{"heartbeats, and what they cannot see", "心跳", "bench/lab/f12.go", labTest, 16},
		{"handles are released when a link fails", "", "servers/survival/leaves.go", survivalTest, 16},
		{
			"messages that stick together", "黏包", "servers/proto/frame.go",
			"servers/proto/frame_test.go:TestFrameVectors", 8,
		},
		{"back-pressure under overload", "过载", "bench/lab/f07.go", labTest, 14},
		{"who wakes, of many that wait", "惊群", "bench/lab/f08.go", labTest, 15},
		{
			"from one loop to many", "", "servers/loops",
			"servers/sock/sock_test.go:TestListenersShareAPortByReusePort", 15,
		},
	}
}

// notionsSection says where each notion is done, tested and taught.
func (view) notionsSection() string {
	t := table.New("<notion", "<as the notes call it", "<done in", "<checked by", "<taught in")
	for _, n := range notions() {
		t.Add(n.name, n.term, "`"+n.file+"`", "`"+n.test+"`", fmt.Sprintf("lesson %d", n.lesson))
	}
	return t.Markdown()
}
