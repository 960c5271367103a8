// Package all is the registry: every model of the suite, one line each, in the order in which
// tables and charts show them. A model is in the suite when it is in this list; --list, the
// matrix, colours and report rows follow.
package all

import (
	"iomodels/servers"
	"iomodels/servers/goroutine"
	"iomodels/servers/libfasthttp"
	"iomodels/servers/libgnet"
	"iomodels/servers/libnetpoll"
	"iomodels/servers/libnetpoll/tuned"
	"iomodels/servers/nethttp"
	"iomodels/servers/prefork"
	"iomodels/servers/proactor/emulated"
	"iomodels/servers/proactor/uring"
	"iomodels/servers/reactor"
	"iomodels/servers/reactor/leader"
	"iomodels/servers/reactor/poll"
	"iomodels/servers/reactor/pool"
	"iomodels/servers/reactor/spin"
	"iomodels/servers/thread"
)

// Models returns every model, in chart order.
func Models() []servers.Model {
	return []servers.Model{
		goroutine.Model(),
		prefork.Model(),
		thread.Model(),
		reactor.Model(),
		reactor.EdgeModel(),
		pool.Model(),
		leader.Model(),
		poll.Model(),
		spin.Model(),
		uring.Model(),
		emulated.Model(),
		libgnet.Model(),
		libgnet.TunedModel(),
		libnetpoll.Model(),
		tuned.Model(),
		libfasthttp.Model(),
		libfasthttp.TunedModel(),
		nethttp.Model(),
		nethttp.TunedModel(),
	}
}
