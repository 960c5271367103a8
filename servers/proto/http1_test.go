package proto

import (
	"strings"
	"testing"
)

func TestSmoke(t *testing.T) {
	s := HTTP(t.Context(), Limits{}).New()
	out, v := s.Feed(nil, []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /bytes/30 HTTP/1.1\r\nhost:\r\n\r\n"))
	if v != Continue || strings.Count(string(out), "200 OK") != 3 {
		t.Fatalf("%v %s", v, out)
	}
	out, v = s.Feed(nil, []byte("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
	if v != Continue || !strings.HasSuffix(string(out), "abc") {
		t.Fatalf("%v %s", v, out)
	}
	t.Logf("%s", out)
}
