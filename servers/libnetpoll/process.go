package libnetpoll

import (
	"fmt"
	"sync"

	"github.com/cloudwego/netpoll"

	"iomodels/servers"
	"iomodels/servers/guard"
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

func (p *perProcess) configure(cfg servers.Config, tune func(*netpoll.Config, servers.Config)) error {
	p.once.Do(func() {
		p.loops = cfg.Loops
		settings := netpoll.Config{PollerNum: cfg.Loops, LoggerOutput: &guard.Log{To: cfg.Log, Name: "netpoll"}}
		tune(&settings, cfg)
		p.err = netpoll.Configure(settings)
	})
	if p.err != nil {
		return fmt.Errorf("netpoll: set the number of pollers: %w", p.err)
	}
	if p.loops != cfg.Loops {
		cfg.Log.Warn("netpoll: the number of pollers stands for the whole process", "loops", p.loops)
	}
	return nil
}
