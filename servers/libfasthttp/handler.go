package libfasthttp

import (
	"errors"
	"io"
	"log/slog"
	"strconv"

	"github.com/valyala/fasthttp"

	"iomodels/servers/guard"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

// handler answers what a session of package proto answers.
type handler struct {
	pool *offload.Pool // nil: handlers run on their connection's goroutine
	log  *slog.Logger

	maxBody int // bytes of a request body
}

// serve is called when the whole request has been read.
func (h *handler) serve(ctx *fasthttp.RequestCtx) {
	// fasthttp does not recover: a panic would end the process.
	defer func() {
		if v := recover(); v != nil {
			h.log.Error("fasthttp: a handler panicked", "panic", v)
			fail(ctx, fasthttp.StatusInternalServerError, "the handler failed", "")
			ctx.SetConnectionClose()
		}
	}()
	ctx.Conn().(*guard.Conn).Begin()
	path := ctx.URI().PathOriginal()
	if len(path) == 0 { // the target is in absolute form
		path = []byte("/")
	}
	route, n := proto.Lookup(path)
	switch {
	case ctx.IsOptions() && string(ctx.RequestURI()) == "*":
		fail(ctx, fasthttp.StatusOK, "", "GET, HEAD, POST, OPTIONS")
	case route == proto.NoRoute:
		fail(ctx, fasthttp.StatusNotFound, "there is nothing here", "")
	case ctx.IsOptions():
		fail(ctx, fasthttp.StatusOK, "", route.Allow())
	case !allowed(route, ctx):
		fail(ctx, fasthttp.StatusMethodNotAllowed, "not with this method", route.Allow())
	case route == proto.EchoRoute:
		ctx.SetContentType(proto.OctetStream)
		ctx.Response.SetBodyRaw(ctx.PostBody()) // without a copy: the request lives as long
	case route == proto.BytesRoute:
		ctx.SetContentType(proto.TextPlain)
		ctx.SetBodyStream(&fill{left: n}, int(n))
	default:
		h.work(route, n)
		ctx.SetContentType(proto.TextPlain)
		ctx.SetBodyString(proto.Hello)
	}
}

func allowed(route proto.Route, ctx *fasthttp.RequestCtx) bool {
	if route == proto.EchoRoute {
		return ctx.IsPost()
	}
	return ctx.IsGet() || ctx.IsHead()
}

// work does what the route asks for, here or on a worker while this goroutine waits.
func (h *handler) work(route proto.Route, n int64) {
	if h.pool == nil {
		proto.Work(route, n)
	} else if v := h.pool.Call(func() { proto.Work(route, n) }); v != nil {
		panic(v)
	}
}

// refuse answers what fasthttp could not read as a request; then it closes.
func refuse(ctx *fasthttp.RequestCtx, err error) {
	small := (*fasthttp.ErrSmallBuffer)(nil)
	switch {
	case errors.As(err, &small):
		fail(ctx, fasthttp.StatusRequestHeaderFieldsTooLarge, "the head is too long", "")
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		fail(ctx, fasthttp.StatusRequestEntityTooLarge, "the body is too large", "")
	default:
		fail(ctx, fasthttp.StatusBadRequest, "this is not HTTP", "")
	}
}

// expect says whether a client that waits for 100 Continue shall send its body.
func (h *handler) expect(ctx *fasthttp.RequestCtx) int {
	if ctx.Request.Header.ContentLength() > h.maxBody {
		return fasthttp.StatusRequestEntityTooLarge
	}
	return fasthttp.StatusContinue
}

// fail answers in words or, where why is empty, without.
func fail(ctx *fasthttp.RequestCtx, status int, why, allow string) {
	ctx.Response.Reset()
	ctx.SetStatusCode(status)
	ctx.SetContentType(proto.TextPlain)
	if allow != "" {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, allow)
	}
	if why != "" {
		ctx.SetBodyString(strconv.Itoa(status) + " " + fasthttp.StatusMessage(status) + ": " + why + "\n")
	}
}

// fill is the body of /bytes, made while it is written: memory does not grow with its length.
type fill struct{ at, left int64 }

// SupportsBodyWriteTo implements fasthttp.BodyWriterTo: WriteTo is preferred to Read.
func (*fill) SupportsBodyWriteTo() bool { return true }

// WriteTo implements io.WriterTo.
func (f *fill) WriteTo(w io.Writer) (n int64, err error) {
	buf := make([]byte, 0, min(f.left, proto.OutputBound))
	for f.left > 0 && err == nil {
		var m int
		m, err = w.Write(proto.AppendFill(buf, f.at, min(f.left, proto.OutputBound)))
		n, f.at, f.left = n+int64(m), f.at+int64(m), f.left-int64(m)
	}
	return n, err
}

// Read implements io.Reader.
func (f *fill) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n := min(f.left, int64(len(p)))
	proto.AppendFill(p[:0], f.at, n)
	f.at, f.left = f.at+n, f.left-n
	return int(n), nil
}
