package page

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"iomodels/bench/browsertest"
	"iomodels/bench/trace/lanes"
)

var shots = flag.String("shots", "", "a folder for pictures of the page, to be looked at")

// browser is a tab that notes what the page asks for and complains of.
type browser struct {
	*testing.T
	ctx context.Context
	url string

	mu       sync.Mutex
	requests []string
	trouble  []string
}

// open builds the page and starts a browser, or skips where there is none.
func open(t *testing.T) *browser {
	t.Helper()
	ctx := browsertest.Start(t, 2*time.Minute)
	file := filepath.Join(t.TempDir(), "index.html")
	few := slices.DeleteFunc(committed(t), func(s lanes.Source) bool { // a browser takes its time for all
		return !slices.Contains(lanes.Compared(), s.Trace.Header.Model)
	})
	if err := Write(file, few, root); err != nil {
		t.Fatal(err)
	}
	b := &browser{T: t, ctx: ctx, url: "file://" + file}
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatal(err)
	}
	b.do(command(network.Enable, network.EnableParams{}))
	return b
}

// note is told of everything that happens in the tab.
func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, b.url) && !strings.HasPrefix(e.Request.URL, "data:") {
			b.requests = append(b.requests, e.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		b.trouble = append(b.trouble, fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		b.trouble = append(b.trouble, fmt.Sprintf("console.%s", e.Type))
	case *log.EventEntryAdded:
		b.trouble = append(b.trouble, e.Entry.Text)
	}
}

// command sends the browser a command that answers nothing of interest.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, c, params)
		return err
	})
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

func (b *browser) eval(expression string) any {
	b.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](expression))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return value
}

func (b *browser) want(what, expression string, value any) {
	b.Helper()
	if got := b.eval(expression); fmt.Sprint(got) != fmt.Sprint(value) {
		b.Errorf("%s: %v; want %v", what, got, value)
	}
}

func (b *browser) look(name string) {
	if *shots == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, name+".png"), png, 0o600); err != nil {
		b.Fatal(err)
	}
}

// paper asks for a light or a dark page.
func paper(scheme string) chromedp.Action[chromedp.Void] {
	return command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// to opens the page anew at a place.
func (b *browser) to(place string) {
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(b.url+place))
}

// TestInBrowser plays a reader with a keyboard, at both widths, in the dark and in the light.
func TestInBrowser(t *testing.T) {
	b := open(t)
	const where, wide = `document.getElementById("where").textContent`, `document.documentElement.scrollWidth <= innerWidth`
	b.do(chromedp.EmulateViewport(1500, 1000))
	b.to("#a=reactor&w=send")
	b.want("one model is shown", `document.querySelectorAll(".model.on").length`, 1)
	b.want("what comes is hidden", `document.querySelectorAll(".model.on .scene.on .wide .row.future").length > 5`, true)
	first := b.eval(where)
	b.do(chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
	if second := b.eval(where); second == first || !strings.HasPrefix(fmt.Sprint(second), "step 3 of") {
		b.Errorf("after two steps on: %v, before: %v", second, first)
	}
	b.do(chromedp.KeyEvent(kb.ArrowLeft))
	b.want("the address keeps the step", `new URLSearchParams(location.hash.slice(1)).get("step")`, "1")
	b.do(chromedp.KeyEvent(kb.End))
	b.want("at the end nothing is hidden", `document.querySelectorAll(".model.on .scene.on .wide .row.future").length`, 0)
	b.want("a step further is refused", `document.getElementById("next").disabled`, true)
	b.want("the step is told to those who listen", `document.getElementById("voice").textContent.length > 10`, true)
	b.do(chromedp.KeyEvent(kb.Home))
	b.want("at the beginning", `document.getElementById("back").disabled`, true)

	b.to("#a=reactor&b=proactor&w=send&step=4")
	b.want("two models are compared", `document.querySelectorAll(".model.on").length`, 2)
	b.want("a line is lit", `document.querySelectorAll(".model.on .l.lit").length >= 1`, true)
	b.want("the boxes have entries", `document.querySelectorAll(".model.on .b li:not(.none)").length > 2`, true)
	b.want("the page is not too wide", wide, true)
	b.look("compare-light")
	b.do(paper("dark"))
	b.want("dark is dark", `getComputedStyle(document.body).backgroundColor`, "rgb(13, 17, 23)")
	b.look("compare-dark")
	b.do(chromedp.EmulateViewport(400, 800))
	b.to("#a=goroutine&w=burst&step=12")
	b.want("a small page is not too wide", wide, true)
	b.look("small-dark")
	b.do(paper("light"))
	b.to("#a=proactor&w=send&step=5")
	b.look("small-light")

	b.do(command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}), chromedp.EmulateViewport(1500, 1000))
	b.to("")
	const seen = `["#reactor .wide svg", "#proactor .hearts pre", "#goroutine details.table", "noscript p"].every(
		function (s) { return document.querySelector(s).getBoundingClientRect().height > 5; })`
	b.want("everything can be read", seen, true)
	b.want("nothing is there that would not work", `document.getElementById("controls").getBoundingClientRect().height`, 0)
	b.look("without-scripts")
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) > 0 || len(b.trouble) > 0 {
		t.Errorf("the page asked for %q, and complained of %q", b.requests, b.trouble)
	}
}
