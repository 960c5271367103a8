package survival

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// shape is a request that hides another one from somebody.
type shape struct {
	name string
	text string // MARK, HIDDEN, LENGTH (of all after the head) and HEX (length of HIDDEN) are replaced
}

// post and get begin most shapes; by chunks, the body ends before what is hidden, or has it inside.
const (
	post   = "POST /echo HTTP/1.1\r\nHost: x\r\nMARK"
	get    = "GET / HTTP/1.1\r\nHost: x\r\nMARK"
	length = "Content-Length: LENGTH\r\n"
	chunks = "Transfer-Encoding: chunked"
	ends   = "\r\n\r\n0\r\n\r\nHIDDEN"
	inside = "\r\n\r\nHEX\r\nHIDDEN\r\n0\r\n\r\n"
)

// shapes returns them all. Which of two readings a proxy and a model choose is theirs to say;
// the point is that they must choose the same one, or refuse.
func shapes() []shape {
	return slices.Concat(framingShapes(), headShapes(), unreadShapes(), obfuscatedShapes(), chunkShapes())
}

// framingShapes have two lengths.
func framingShapes() []shape {
	return []shape{
		{"CL.TE", post + length + chunks + ends},
		{"TE.CL", post + chunks + "\r\nContent-Length: 4" + inside},
		{"CL.CL, short first", post + "Content-Length: 0\r\n" + length + "\r\nHIDDEN"},
		{"CL.CL, short last", post + length + "Content-Length: 0\r\n\r\nHIDDEN"},
		{"CL list", post + "Content-Length: 0, LENGTH\r\n\r\nHIDDEN"},
		{"HTTP/1.0 with chunks", "POST /echo HTTP/1.0\r\nHost: x\r\nMARK" + chunks + ends},
		{"CL is hop-by-hop", post + "Connection: Content-Length\r\n" + length + "\r\nHIDDEN"},
		{"TE is hop-by-hop", post + "Connection: Transfer-Encoding\r\n" + chunks + inside},
	}
}

// headShapes have a head that may end, or be cut into fields, in two ways.
func headShapes() []shape {
	return []shape{
		{"CL after obs-fold", post + "Content-Length:\r\n LENGTH\r\n\r\nHIDDEN"},
		{"obs-fold hides TE", post + length + "X: a\r\n " + chunks + ends},
		{"obs-fold in TE", post + length + "Transfer-Encoding:\r\n chunked" + ends},
		{"bare CR hides CL", post + "X: a\r" + length + "\r\nHIDDEN"},
		{"bare LF hides CL", post + "X: a\n" + length + "\r\nHIDDEN"},
		{"bare LF ends the head", post + "X: a\n\nHIDDEN\r\n"},
		{"NUL before CL", post + "X: a\x00\r\n" + length + "\r\nHIDDEN"},
		{"first field folded", "POST /echo HTTP/1.1\r\n " + length + "Host: x\r\nMARK\r\nHIDDEN"},
		{"absolute-form", "GET http://x/ HTTP/1.1\r\nHost: y\r\nMARK" + length + "\r\nHIDDEN"},
		{"two versions", "GET / HTTP/1.1 HTTP/1.1\r\nHost: x\r\nMARK" + length + "\r\nHIDDEN"},
	}
}

// unreadShapes have a body that nobody wants, and that must be read, or the connection closed.
func unreadShapes() []shape {
	const hides = "Host: x\r\nMARK" + length + "\r\nHIDDEN"
	return []shape{
		{"GET with a body", "GET / HTTP/1.1\r\n" + hides},
		{"HEAD with a body", "HEAD / HTTP/1.1\r\n" + hides},
		{"DELETE with a body", "DELETE / HTTP/1.1\r\n" + hides},
		{"404 with a body", "POST /nothing HTTP/1.1\r\n" + hides},
		{"404 with chunks", "POST /nothing HTTP/1.1\r\nHost: x\r\nMARK" + chunks + inside},
		{"404 and Expect", "POST /nothing HTTP/1.1\r\nExpect: 100-continue\r\n" + hides},
		{"unknown Expect", "POST /echo HTTP/1.1\r\nExpect: 200-ok\r\n" + hides},
		{"upgrade to h2c", get + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" +
			"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\nHIDDEN"},
		{"upgrade to websocket", get + "Connection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 777\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\nHIDDEN"},
		{"pipelined in the open", get + "\r\nHIDDEN"},
	}
}

// obfuscatedShapes have a length that one reader may fail to recognise.
func obfuscatedShapes() []shape {
	var all []shape
	for _, cl := range []string{
		"+0", "-0", "00x", "0x0", "0 0", "0,", "18446744073709551616", "4294967296", "0.0", "\x0b0", "",
	} {
		all = append(all, shape{fmt.Sprintf("CL is %q", cl), post + "Content-Length: " + cl + "\r\n\r\nHIDDEN"})
	}
	for _, te := range []string{
		"Transfer-Encoding: xchunked", "Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked",
		" Transfer-Encoding: chunked", "Transfer-Encoding:\tchunked", "Transfer-Encoding: \x0bchunked",
		"Transfer-Encoding: \"chunked\"", "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
		"Transfer-Encoding: chunked, chunked", "Transfer-Encoding: chunked;q=1", "Transfer_Encoding: chunked",
		"X: a\nTransfer-Encoding: chunked", "X: a\rTransfer-Encoding: chunked", "Transfer-Encoding: chunked\x00",
		"Transfer-Encoding:", "Transfer-Encoding: ,chunked", "tRANSFER-eNCODING: CHUNKED",
	} {
		all = append(all,
			shape{fmt.Sprintf("TE.TE %q, ends", te), post + length + te + ends},
			shape{fmt.Sprintf("TE.TE %q, inside", te), post + te + "\r\nContent-Length: 4" + inside})
	}
	return all
}

// chunkShapes have chunks that one reader may take for longer than another.
func chunkShapes() []shape {
	all := []shape{
		{"chunk longer than it says", post + chunks + "\r\n\r\n1\r\naHIDDEN0\r\n\r\n"},
		{"chunk ends in LF", post + chunks + "\r\n\r\n1\r\na\n0\r\n\r\nHIDDEN"},
		{"two bytes where CRLF should be", post + chunks + "\r\n\r\n1\r\naXX0\r\n\r\nHIDDEN"},
	}
	for _, size := range []string{
		"0x0", "+0", "-0", "0 ", " 0", "0\n", "0;a\nb", "0;\r", "100000000000000000", "ffffffffffffffff0", "0_0", "",
	} {
		name := fmt.Sprintf("chunk size is %q", size)
		all = append(all, shape{name, post + chunks + "\r\n\r\n" + size + "\r\n\r\nHIDDEN"})
	}
	for _, trailer := range []string{"Content-Length: 5", chunks, " folded", "no colon", "A: b\n"} {
		name := fmt.Sprintf("trailer is %q", trailer)
		all = append(all, shape{name, post + chunks + "\r\n\r\n0\r\n" + trailer + "\r\n\r\nHIDDEN"})
	}
	return all
}

// bytesOf returns what is sent for shape i.
func (s shape) bytesOf(i int) string {
	hidden := fmt.Sprintf("GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n", 31_000+i)
	text := strings.NewReplacer("HIDDEN", hidden, "HEX", fmt.Sprintf("%x", len(hidden)), "MARK", shapeMark(i)).
		Replace(s.text)
	_, body, _ := strings.Cut(text, "\r\n\r\n")
	return strings.ReplaceAll(text, "LENGTH", fmt.Sprint(len(body)))
}

// proxied plays all shapes against every model behind every proxy.
func proxied(t *testing.T, r *Round, keep func(ProxyResult)) {
	for _, p := range proxies() {
		for _, m := range models(t, r) {
			t.Run(p.name+"/"+m.Name, func(t *testing.T) {
				t.Parallel()
				res, disturbed := smuggle(t, r, m, p)
				keep(res)
				t.Logf("%d shapes, %d reached the model", res.Tried, res.Reached)
				for _, name := range res.Smuggled {
					t.Errorf("smuggled: %s", name)
				}
				if disturbed != nil {
					t.Error(disturbed)
				}
				if res.Reached == 0 {
					t.Error("not one shape reached the model: nothing was tested")
				}
			})
		}
	}
}

// smuggle attacks m behind p. disturbed says that a well-behaved client got another's answer.
func smuggle(t *testing.T, r *Round, m Model, p proxy) (res ProxyResult, disturbed error) {
	if !m.Available {
		t.Skip(m.Reason)
	}
	srv, err := r.Start(m, "http", Fault{})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Kill()
	all := shapes()
	var marks, answers []string
	for i := range all {
		marks, answers = append(marks, shapeMark(i)), append(answers, answerMark(i))
	}
	tp := newTap(t, srv.Addr, marks, answers)
	sock := p.start(t, tp.listener.Addr().String())

	var attackers sync.WaitGroup
	for i, s := range all {
		attackers.Go(func() { attack(sock, s.bytesOf(i)) })
	}
	done := make(chan struct{})
	go func() {
		attackers.Wait()
		close(done)
	}()
	for over := false; !over && disturbed == nil; { // victims share connections with attackers
		select {
		case <-done:
			over = true
		default:
		}
		disturbed = victim(sock)
	}
	<-done
	res = ProxyResult{Proxy: p.name, Model: m.Name, Tried: len(all)}
	for i, s := range all {
		if tp.saw(marks[i]) {
			res.Reached++
		}
		if tp.saw(answers[i]) {
			res.Smuggled = append(res.Smuggled, s.name)
		}
	}
	return res, disturbed
}

// attack sends and drops what comes, until the other end has had time to misunderstand.
func attack(sock, text string) {
	c, err := net.Dial("unix", sock)
	if err != nil {
		return // then its shape does not reach the model, which is counted
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(400 * time.Millisecond))
	_, _ = io.WriteString(c, text)
	_, _ = io.Copy(io.Discard, c)
}

// victim asks for something harmless and wants the answer to that. The proxy may have lost its
// connection to the model in that moment, and say so; that is not the answer of somebody else.
func victim(sock string) error {
	c, err := net.Dial("unix", sock)
	if err != nil {
		return fmt.Errorf("a victim: %w", err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, hello); err != nil {
		return fmt.Errorf("a victim: write: %w", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return fmt.Errorf("a victim: %w", err)
	}
	body, err := io.ReadAll(resp.Body)
	lost := []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	if err != nil || !slices.Contains(lost, resp.StatusCode) && string(body) != "Hello, World!" {
		return fmt.Errorf("a victim got %d and %.100q (%v)", resp.StatusCode, body, err)
	}
	return nil
}

// tapped shows that the tap sees: a way to the model that looks at nothing lets a hidden request
// through, and the tap must find its answer. Otherwise proxied could not fail.
func tapped(t *testing.T, r *Round) {
	srv, err := r.Start(Model{Name: "goroutine"}, "http", Fault{})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Kill()
	tp := newTap(t, srv.Addr, []string{shapeMark(7)}, []string{answerMark(7), answerMark(8)})
	c, err := net.Dial("tcp", tp.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	open := shape{text: "GET / HTTP/1.1\r\nHost: x\r\nMARKConnection: keep-alive\r\n\r\nHIDDEN"}
	if err := ask(c, open.bytesOf(7), http.StatusOK); err != nil {
		t.Fatal(err)
	}
	if err := poll(time.Now().Add(10*time.Second), func() error {
		if !tp.saw(shapeMark(7)) || !tp.saw(answerMark(7)) {
			return fmt.Errorf("the tap saw only %v", tp.seen)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if tp.saw(answerMark(8)) {
		t.Error("the tap saw what never passed")
	}
}
