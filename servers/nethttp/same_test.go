package nethttp_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"iomodels/servers"
	"iomodels/servers/goroutine"
	"iomodels/servers/libfasthttp"
	"iomodels/servers/nethttp"
	"iomodels/servers/proto"
)

// TestSameAnswers: the libraries that bring their own HTTP answer what proto answers, or they
// would be compared at different work.
func TestSameAnswers(t *testing.T) {
	ours := answers(t, goroutine.Model())
	for _, m := range []servers.Model{nethttp.Model(), libfasthttp.Model()} {
		t.Run(m.Name, func(t *testing.T) {
			if diff := cmp.Diff(ours, answers(t, m)); diff != "" {
				t.Errorf("- ours, + %s:\n%s", m.Name, diff)
			}
		})
	}
}

// asks is what is asked of each.
var asks = []struct{ method, target, body string }{
	{"GET", "/", ""},
	{"HEAD", "/", ""},
	{"GET", "/?query=ignored", ""},
	{"POST", "/", "a body nobody wants"},
	{"OPTIONS", "/", ""},
	{"DELETE", "/", ""},
	{"POST", "/echo", "hello"},
	{"POST", "/echo", strings.Repeat("hello", 100_000)},
	{"GET", "/echo", ""},
	{"PUT", "/echo", "hello"},
	{"OPTIONS", "/echo", ""},
	{"GET", "/bytes/0", ""},
	{"GET", "/bytes/100", ""},
	{"GET", "/bytes/1000000", ""},
	{"HEAD", "/bytes/1000000", ""},
	{"GET", "/bytes/1073741825", ""},
	{"GET", "/bytes/-1", ""},
	{"GET", "/delay/1", ""},
	{"GET", "/burn/10", ""},
	{"GET", "/burn/", ""},
	{"GET", "/%65cho", ""},
	{"POST", "//echo", "x"},
	{"GET", "/nowhere", ""},
	{"HEAD", "/nowhere", ""},
}

// answers asks m everything, and returns what is to be the same of each answer.
func answers(t *testing.T, m servers.Model) map[string]string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, served := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		served <- m.Serve(ctx, servers.Config{
			Addr: "127.0.0.1:0", Protocol: proto.HTTP(ctx, proto.Limits{}), Ready: func(a net.Addr) { ready <- a },
		})
	}()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("%s: Serve: %v", m.Name, err)
		}
	}()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	host := "http://" + (<-ready).String()
	got := map[string]string{}
	for _, ask := range asks {
		req, err := http.NewRequest(ask.method, host+ask.target, strings.NewReader(ask.body))
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%s %s with %d bytes", ask.method, ask.target, len(ask.body))
		resp, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s: %s: %v", m.Name, name, err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatalf("%s: %s: body: %v", m.Name, name, err)
		}
		got[name] = fmt.Sprintf("%d, type %q, allow %q, length %d, server %q, dated %v: %s", resp.StatusCode,
			typeOf(resp), resp.Header.Get("Allow"), resp.ContentLength, resp.Header.Get("Server"),
			resp.Header.Get("Date") != "", body)
	}
	return got
}

// typeOf is the type of the body, where there is one.
func typeOf(r *http.Response) string {
	if r.ContentLength == 0 {
		return ""
	}
	return r.Header.Get("Content-Type")
}
