// Package nethttp serves our HTTP endpoints with net/http, what a Go programmer writes first.
//
// # Idea
//
// The standard library's server: a goroutine per connection, a parser and a header map of its
// own, a handler that reads a body and writes an answer. Nothing of package proto runs here but
// the table of routes and the work behind them, so this model compares whole servers, not I/O.
//
//	accept ──▶ go serve ─┬─▶ read the head, wait for it     (parking in the runtime's netpoll)
//	                     │   ServeHTTP: this package        (on the same goroutine)
//	                     │   write the answer
//	                     └── read one byte ahead, meanwhile, on a second goroutine
//
// # Who does the I/O
//
// The goroutine of the connection, by non-blocking calls that the runtime retries when its hidden
// reactor says so. A second goroutine, started for each request, reads ahead while the handler
// runs, so that a handler can be told that its client has gone.
//
// # Who waits where
//
// Both goroutines park in the runtime; no thread waits. A handler that blocks holds up nobody.
//
// # What a connection costs
//
// A goroutine and its stack, a read buffer and a write buffer of 4 KiB each, for life.
//
// # What to watch
//
// The limit on bodies is the protocol's. A head is bounded as a whole, by the limits on line and
// fields together and 4 KiB that net/http adds; fields are not counted.
//
// The size of a read is fixed at 4 KiB, a quarter of what other models use. Time-outs, the limit
// on connections and the back-off when descriptors run out are those of package guard and not
// net/http's own: its ReadHeaderTimeout also counts the silence of a new connection, so it would
// close connections that are merely held, and its WriteTimeout bounds an answer as a whole.
package nethttp

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"

	"iomodels/servers"
	"iomodels/servers/guard"
	"iomodels/servers/offload"
)

// Model is net/http with the endpoints of package proto.
func Model() servers.Model {
	return servers.Model{
		Name:      "nethttp",
		Summary:   "net/http, the standard library's server with its own parser; HTTP only",
		Family:    servers.Library,
		Notify:    servers.ReturnValue,
		Wait:      servers.Blocks,
		Protocols: []string{"http"},
		Card: servers.Card{
			Loops:   "the Go scheduler: GOMAXPROCS threads, one hidden epoll instance",
			Buffers: "4 KiB to read and 4 KiB to write per connection, for its life",
			Copies:  "one through each buffer; a body is collected before it is echoed",
			Sockets: "as sock.Tune",
			Parser:  "net/http's",
			Handler: "on the connection's goroutine, a second one reads ahead; with --offload on a worker",
			Options: "its defaults: no setting of its own makes a request cheaper; one of the runtime does (nethttp-tuned)",
		},
		Serve: serve,
	}
}

// TunedModel is net/http in a runtime that collects less often. Of its own settings none makes a
// request cheaper; what it spends is garbage, and how often that is collected is the one knob that
// the documentation of Go offers (A Guide to the Go Garbage Collector, GOGC: more memory for less
// work).
func TunedModel() servers.Model {
	m := Model()
	m.Name, m.VariantOf = "nethttp-tuned", m.Name
	m.Summary = "net/http with GOGC=400, as the guide to the garbage collector trades memory for time; HTTP only"
	m.Card.Options = "as nethttp, and the heap may grow to five times what is live (GOGC=400) before it is collected"
	m.Serve = func(ctx context.Context, cfg servers.Config) error {
		defer debug.SetGCPercent(debug.SetGCPercent(tunedGC))
		return serve(ctx, cfg)
	}
	return m
}

// tunedGC: see TunedModel. Beyond it duels showed no further gain.
const tunedGC = 400

func serve(ctx context.Context, cfg servers.Config) error {
	return guard.ServeHTTP(ctx, cfg, "nethttp", build)
}

func build(cfg servers.Config, pool *offload.Pool) guard.Library {
	limits := cfg.Protocol.Limits
	return &http.Server{
		Handler:        &handler{maxBody: int64(limits.Body), pool: pool},
		MaxHeaderBytes: max(limits.RequestLine+limits.HeaderBytes, 1), // 0: its default
		// OPTIONS * has an answer in proto, too.
		DisableGeneralOptionsHandler: true,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		ConnState: func(c net.Conn, state http.ConnState) {
			if state == http.StateIdle {
				c.(*guard.Conn).Done()
			}
		},
		// Its messages are about single requests and peers that have gone.
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
}

// connKey finds the connection of a request in its context.
type connKey struct{}
