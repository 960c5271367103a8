package libnetpoll

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cloudwego/netpoll"

	"iomodels/servers"
)

// process is what netpoll itself keeps in package variables: how many pollers there are, where
// messages go. It can only be set before the first connection, and nothing of it is read under a
// lock; so the first server of a process decides for all of them.
var process perProcess

type perProcess struct {
	once  sync.Once
	loops int
	err   error
}

func (p *perProcess) configure(cfg servers.Config) error {
	p.once.Do(func() {
		p.loops = cfg.Loops
		p.err = netpoll.Configure(netpoll.Config{PollerNum: cfg.Loops, LoggerOutput: &logger{to: cfg.Log}})
	})
	if p.err != nil {
		return fmt.Errorf("netpoll: set the number of pollers: %w", p.err)
	}
	if p.loops != cfg.Loops {
		cfg.Log.Warn("netpoll: the number of pollers stands for the whole process", "loops", p.loops)
	}
	return nil
}

// logEvery is how often one of netpoll's messages is passed on. It writes one for every
// connection that is reset, and several for every accept that fails.
const logEvery = time.Second

// logger takes what netpoll would write to standard error.
type logger struct {
	to      *slog.Logger
	mu      sync.Mutex
	last    time.Time
	dropped int
}

// Write implements io.Writer for log.Logger: one call is one message, with date and prefix.
func (l *logger) Write(message []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.last) < logEvery {
		l.dropped++
		return len(message), nil
	}
	_, text, _ := strings.Cut(strings.TrimSpace(string(message)), "NETPOLL: ")
	l.to.Warn("netpoll: "+text, "messages_dropped_before", l.dropped)
	l.last, l.dropped = time.Now(), 0
	return len(message), nil
}
