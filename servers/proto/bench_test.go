package proto

import (
	"fmt"
	"strings"
	"testing"
)

// plainGET is what wrk sends; browserGET is what a browser sends, shortened.
const (
	plainGET   = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"
	browserGET = "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: keep-alive\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
		"Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n" +
		"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n"
)

func benchmarkFeed(b *testing.B, request string) {
	s := HTTP(b.Context(), Limits{}).New()
	in := []byte(request)
	out := make([]byte, 0, 64<<10)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		var v Verdict
		if out, v = s.Feed(out[:0], in); v != Continue || len(out) == 0 {
			b.Fatalf("verdict %v, output %q", v, out)
		}
	}
}

func BenchmarkFeedGET(b *testing.B)        { benchmarkFeed(b, plainGET) }
func BenchmarkFeedBrowserGET(b *testing.B) { benchmarkFeed(b, browserGET) }
func BenchmarkFeedPipelined16(b *testing.B) {
	benchmarkFeed(b, strings.Repeat(plainGET, 16))
}

func BenchmarkFeedEcho(b *testing.B) {
	for _, size := range []int{64, 4 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			benchmarkFeed(b, fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s",
				size, strings.Repeat("e", size)))
		})
	}
}

// BenchmarkFeedDrip feeds one field line byte by byte. The time per byte must not depend on
// the length of the line.
func BenchmarkFeedDrip(b *testing.B) {
	for _, length := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			s := HTTP(b.Context(), Limits{}).New()
			in := []byte("GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("v", length) + "\r\n\r\n")
			out := make([]byte, 0, 1<<10)
			b.ReportAllocs()
			for b.Loop() {
				for i := range in {
					out, _ = s.Feed(out[:0], in[i:i+1])
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(in)), "ns/byte")
		})
	}
}
