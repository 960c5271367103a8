// Package libfasthttp serves our HTTP endpoints with fasthttp, the fast alternative to net/http.
//
// # Idea
//
// A goroutine per connection, like net/http, and its own protocol; what makes it faster is what
// it leaves out. Requests, answers and buffers are reused, headers stay bytes until somebody asks,
// nobody reads ahead while the handler runs, and nothing of a request may be kept after it.
// Nothing of package proto runs here but the table of routes and the work behind them, so this
// model compares whole servers, not I/O.
//
//	accept ──▶ a worker ─┬─▶ read head and body, wait for them   (parking in the runtime)
//	                     │   the handler: this package           (on the same goroutine)
//	                     └── write the answer, unless another request is buffered already
//
// # Who does the I/O
//
// The goroutine of the connection, by non-blocking calls that the runtime retries when its hidden
// reactor says so.
//
// # Who waits where
//
// The goroutine parks in the runtime; no thread waits. A handler that blocks holds up nobody.
//
// # What a connection costs
//
// A goroutine and its stack (workers are reused when connections come and go), a read buffer, a
// write buffer of 4 KiB, and a request and an answer with their tables, for life.
//
// # What to watch
//
// What differs from fasthttp's defaults: ReadBufferSize is Config.ReadSize, so that reads are as
// large as everywhere, and heads may be as long; the limit on bodies is proto's; there is no
// Server header, but there is a Date. Time-outs, the limit on connections and the back-off when
// descriptors run out are those of package guard: left alone, fasthttp ends at the first
// error of accept, and its ReadTimeout cannot bound a head without also closing connections that
// are merely held. That costs fasthttp nothing: a deadline of its own would be set for every read.
//
// What its README advises besides, a process per CPU, is the variant TunedModel. ReduceMemoryUsage
// stays off in both: it trades CPU time for memory.
package libfasthttp

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"iomodels/servers"
	"iomodels/servers/guard"
	"iomodels/servers/offload"
)

// Model is fasthttp with the endpoints of package proto.
func Model() servers.Model {
	return servers.Model{
		Name:      "fasthttp",
		Summary:   "fasthttp, a server with its own parser that reuses everything; HTTP only",
		Family:    servers.Library,
		Notify:    servers.ReturnValue,
		Wait:      servers.Blocks,
		Protocols: []string{"http"},
		Card: servers.Card{
			Loops:   "the Go scheduler: GOMAXPROCS threads, one hidden epoll instance",
			Buffers: "16 KiB to read and 4 KiB to write per connection, for its life",
			Copies:  "one through each buffer; a body is collected before it is echoed",
			Sockets: "as sock.Tune",
			Parser:  "fasthttp's",
			Handler: "on the connection's goroutine; with --offload on a worker",
			Options: "its defaults, but the size of a read; a process per CPU (its README, tips for multi-core " +
				"systems) is fasthttp-tuned",
		},
		Serve: serve,
	}
}

// TunedModel is fasthttp as its README tunes it for several CPUs ("Performance optimization tips for
// multi-core systems": a server instance for each CPU, with GOMAXPROCS=1), in the form of its own
// package prefork: child processes that share the listening socket of their parent.
func TunedModel() servers.Model {
	m := Model()
	m.Name, m.VariantOf, m.Prefork = "fasthttp-tuned", m.Name, true
	m.Summary = "fasthttp in a process per CPU that share one listening socket, as its README advises; HTTP only"
	m.Card.Loops = "a process per CPU, each with GOMAXPROCS=1 and a hidden epoll instance"
	m.Card.Options = "as fasthttp, in its documented form for several CPUs (README, tips; package prefork)"
	return m
}

func serve(ctx context.Context, cfg servers.Config) error {
	return guard.ServeHTTP(ctx, cfg, "fasthttp", build)
}

func build(cfg servers.Config, pool *offload.Pool) guard.Library {
	h := handler{log: cfg.Log, pool: pool, maxBody: max(cfg.Protocol.Limits.Body, 1)} // 0 would be its default
	return library{&fasthttp.Server{
		Handler:                      h.serve,
		ErrorHandler:                 refuse,
		ExpectHandler:                h.expect,
		ReadBufferSize:               cfg.ReadSize,
		MaxRequestBodySize:           h.maxBody,
		NoDefaultServerHeader:        true,
		DisablePreParseMultipartForm: true, // a body is a body
		CloseOnShutdown:              true,
		// The keeper of the worker pool looks this often, and outlives the server by as long.
		MaxIdleWorkerDuration: 250 * time.Millisecond,
		ConnState: func(c net.Conn, state fasthttp.ConnState) {
			if state == fasthttp.StateIdle {
				c.(*guard.Conn).Done()
			}
		},
		// Its messages are about single requests and peers that have gone.
		Logger: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}}
}

// library gives fasthttp's graceful stop its usual name.
type library struct{ *fasthttp.Server }

func (l library) Shutdown(ctx context.Context) error { return l.ShutdownWithContext(ctx) }
