package nethttp

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"

	"iomodels/servers/guard"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

// handler answers what a session of package proto answers.
type handler struct {
	maxBody int64         // bytes of a request body
	pool    *offload.Pool // nil: handlers run on their connection's goroutine
	buffers sync.Pool     // of *bytes.Buffer, for bodies
}

// bufferMax is the largest buffer that is kept for other requests.
const bufferMax = 1 << 20

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	buf, _ := h.buffers.Get().(*bytes.Buffer)
	if buf == nil {
		buf = new(bytes.Buffer)
	}
	buf.Reset()
	// The body comes first: until it is there the peer may stall, and is being waited for.
	err := h.readBody(buf, w, r)
	r.Context().Value(connKey{}).(*guard.Conn).Begin()
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		// A body not far beyond the limit would be read, and the connection kept.
		w.Header().Set("Connection", "close")
		fail(w, http.StatusRequestEntityTooLarge, "the body is too large", "")
	} else if err != nil {
		fail(w, http.StatusBadRequest, "the body is broken", "")
	} else {
		h.answer(buf, w, r)
	}
	if buf.Cap() <= bufferMax {
		h.buffers.Put(buf)
	}
}

// readBody reads the whole body of r, or drops it where nobody wants it.
func (h *handler) readBody(buf *bytes.Buffer, w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	if r.ContentLength > h.maxBody { // or 100 Continue would invite it
		return &http.MaxBytesError{Limit: h.maxBody}
	}
	var to io.Writer = buf // it grows with what arrives, not with what was announced
	if route, _ := lookup(r); route != proto.EchoRoute || !allowed(route, r.Method) {
		to = io.Discard
	}
	_, err := io.Copy(to, http.MaxBytesReader(w, r.Body, h.maxBody))
	return err
}

// answer runs what the request asks for. body is its body, where it is wanted.
func (h *handler) answer(body *bytes.Buffer, w http.ResponseWriter, r *http.Request) {
	route, n := lookup(r)
	switch {
	case r.Method == http.MethodOptions && r.URL.Path == "*":
		fail(w, http.StatusOK, "", "GET, HEAD, POST, OPTIONS")
	case route == proto.NoRoute:
		fail(w, http.StatusNotFound, "there is nothing here", "")
	case r.Method == http.MethodOptions:
		fail(w, http.StatusOK, "", route.Allow())
	case !allowed(route, r.Method):
		fail(w, http.StatusMethodNotAllowed, "not with this method", route.Allow())
	case route == proto.EchoRoute:
		head(w, proto.OctetStream, int64(body.Len()))
		_, _ = w.Write(body.Bytes()) // it fails when the peer has gone: nobody to tell
	case route == proto.BytesRoute:
		head(w, proto.TextPlain, n)
		if r.Method != http.MethodHead {
			fill(w, body, n)
		}
	default:
		h.work(route, n)
		head(w, proto.TextPlain, int64(len(proto.Hello)))
		_, _ = io.WriteString(w, proto.Hello)
	}
}

// lookup finds the route of r. A target in absolute form may have an empty path: it is "/".
func lookup(r *http.Request) (proto.Route, int64) {
	return proto.Lookup(cmp.Or(r.URL.EscapedPath(), "/"))
}

func allowed(route proto.Route, method string) bool {
	if route == proto.EchoRoute {
		return method == http.MethodPost
	}
	return method == http.MethodGet || method == http.MethodHead
}

func head(w http.ResponseWriter, contentType string, length int64) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
}

// fail answers in words or, where why is empty, without.
func fail(w http.ResponseWriter, status int, why, allow string) {
	text := ""
	if why != "" {
		text = strconv.Itoa(status) + " " + http.StatusText(status) + ": " + why + "\n"
	}
	if allow != "" {
		w.Header().Set("Allow", allow)
	}
	head(w, proto.TextPlain, int64(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// fill writes n bytes of the fill pattern through buf, so memory does not grow with n.
func fill(w io.Writer, buf *bytes.Buffer, n int64) {
	const piece = proto.OutputBound
	buf.Grow(int(min(n, piece)))
	for at := int64(0); at < n; at += piece {
		if _, err := w.Write(proto.AppendFill(buf.AvailableBuffer(), at, min(n-at, piece))); err != nil {
			return
		}
	}
}

// work does what the route asks for, here or on a worker while this goroutine waits.
func (h *handler) work(route proto.Route, n int64) {
	if h.pool == nil {
		proto.Work(route, n)
	} else if v := h.pool.Call(func() { proto.Work(route, n) }); v != nil {
		panic(v) // for net/http, which closes the connection
	}
}
