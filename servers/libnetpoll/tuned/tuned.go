// Package tuned is netpoll as its guide tunes it for the handlers it runs.
//
// # Idea
//
// The server of package libnetpoll, whole and unchanged. What differs is one word to
// netpoll.Configure before the first connection. The guide (How To, 3) says of the pool of
// goroutines on which handlers run:
//
//	the handler ...          advice                   here
//	grows its stack          leave the pool on        HTTP, whose parser does
//	does not                 close it: go f()         echo and frames
//
// A pooled goroutine has grown its stack already and a new one must do so anew, but handing work to
// a pool is dearer than a go statement. Duels agree with the guide on both. A first buffer as large
// as a read of the other models made requests dearer, so that setting stays at its default.
//
// # Who does the I/O
//
// As in package libnetpoll: the pollers read, the handler writes.
//
// # Who waits where
//
// As there.
//
// # What a connection costs
//
// As there.
//
// # What to watch
//
// The settings hold for the process. So this variant has a package, and with it a test program, of
// its own.
package tuned

import (
	"context"

	"github.com/cloudwego/netpoll"

	"iomodels/servers"
	"iomodels/servers/libnetpoll"
)

// Model is the entry in the registry.
func Model() servers.Model {
	m := libnetpoll.Variant(tune)
	m.Name, m.VariantOf = "netpoll-tuned", m.Name
	m.Summary = "netpoll without its goroutine pool where a handler grows no stack, as its guide advises"
	m.Card.Handler = "echo, frames: on a new goroutine per batch of input; HTTP: on a pooled one; with --offload on a " +
		"worker, while that one waits"
	m.Card.Options = "as netpoll, with its goroutine pool closed where the handler does not grow its stack (How To, 3)"
	return m
}

func tune(settings *netpoll.Config, cfg servers.Config) {
	if cfg.Protocol.Name != "http" {
		settings.Runner = func(_ context.Context, f func()) { go f() }
	}
}
