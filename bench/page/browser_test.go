package page_test

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
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
	"iomodels/bench/synth"
)

// probe holds what the tests ask of a page, as functions in it.
//
//go:embed testdata/probe.js
var probe string

// shotsVariable names the environment variable with a folder: the tests then leave a picture of
// every page there, in light and dark, wide and narrow, for a person to look at.
const shotsVariable = "PAGE_SHOTS"

// tab is a page in a browser, and what it did that pages must not.
type tab struct {
	t   *testing.T
	ctx context.Context
	url string

	mu       sync.Mutex
	requests []string // beside that for the page itself
	errors   []string // of the console
}

// open writes a page to the disk and opens it from there.
func open(t *testing.T, ctx context.Context, html string) *tab {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(html), 0o644); err != nil {
		t.Fatal(err)
	}
	b := &tab{t: t, url: (&url.URL{Scheme: "file", Path: path}).String()}
	var stop context.CancelFunc
	b.ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Listen(b.ctx, b.watch); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{})
		return err
	}))
	b.visit("")
	return b
}

func (b *tab) watch(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		address, _, _ := strings.Cut(e.Request.URL, "#")
		if address != b.url && address != "about:blank" && !strings.HasPrefix(address, "data:") {
			b.requests = append(b.requests, e.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		b.errors = append(b.errors, fmt.Sprintf("console.%s", e.Type))
	case *log.EventEntryAdded:
		b.errors = append(b.errors, fmt.Sprintf("%s: %s", e.Entry.Level, e.Entry.Text))
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// visit loads the page with a hash; a hash alone would not load it again.
func (b *tab) visit(hash string) {
	b.t.Helper()
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(b.url+hash), chromedp.Evaluate[chromedp.Void](probe))
}

// ask evaluates an expression in the page.
func ask[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// run does something in the page.
func (b *tab) run(expression string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](expression))
}

// middle scrolls to an element and returns where its middle is.
func (b *tab) middle(selector string) (x, y float64) {
	b.t.Helper()
	at := ask[[]float64](b, fmt.Sprintf("probe.middle(%q)", selector))
	return at[0], at[1]
}

// expect fails unless an expression becomes true: pages draw when the browser lets them.
func (b *tab) expect(why, expression string) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ask[bool](b, "Boolean("+expression+")"); {
		if time.Now().After(deadline) {
			b.t.Errorf("%s: not so: %s", why, expression)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// quiet fails if the page asked for anything, or complained.
func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) > 0 {
		b.t.Errorf("the page asked for %q", b.requests)
	}
	if len(b.errors) > 0 {
		b.t.Errorf("the console says %q", b.errors)
	}
}

// look shows the page in each way that readers have, and checks that nothing sticks out.
func (b *tab) look(name string) {
	b.t.Helper()
	for _, paper := range []string{"light", "dark"} {
		for _, width := range []int64{1500, 400} {
			if os.Getenv(shotsVariable) == "" && (paper == "dark") != (width == 400) {
				continue // nobody looks, and two will do
			}
			b.do(chromedp.EmulateViewport(width, 900), media("", paper))
			b.expect(fmt.Sprintf("%s at %d pixels fits the screen", name, width), "probe.fits()")
			b.expect("every canvas is as wide as its column", "probe.canvasesFit()")
			b.shoot(fmt.Sprintf("%s-%s-%d", name, paper, width))
		}
	}
	b.do(chromedp.EmulateViewport(1500, 900), media("", "light"))
	b.expect("the page is wide again", "probe.canvasesFit()")
}

func media(kind, paper string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Media: kind, Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: paper},
				{Name: "prefers-reduced-motion", Value: "reduce"}, // or a click would chase a page that scrolls
			},
		})
		return err
	})
}

// shoot leaves a picture, if anybody asked for pictures.
func (b *tab) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv(shotsVariable)
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func TestPagesInABrowser(t *testing.T) {
	ctx := browsertest.Start(t, 3*time.Minute)
	t.Run("report", func(t *testing.T) {
		models := []string{"goroutine", "thread", "gnet", "nethttp"}
		run := synth.Run(synth.Options{Seed: 1, Blocks: 3, Models: models, Mishaps: true})
		tryReport(open(t, ctx, reportOf(t, run)))
	})
	t.Run("history", func(t *testing.T) { tryHistory(open(t, ctx, historyOf(t, campaigns(12)))) })
	t.Run("without scripts", func(t *testing.T) { tryWithoutScripts(t, ctx) })
}

func tryReport(b *tab) {
	t := b.t
	b.look("report")
	b.expect("every chart has its canvas", "probe.chartsDrawn()")

	// One cursor reads all models.
	b.run(`probe.focus("percentiles-echo-open")`)
	b.do(chromedp.KeyEvent(kb.ArrowRight))
	b.expect("the cursor says where it is", `probe.cursorAt("percentiles-echo-open").startsWith("p")`)
	b.expect("it reads every model", `probe.readsAll("percentiles-echo-open")`)
	x, y := b.middle(`[data-chart="throughput-echo"] .u-over`)
	b.do(chromedp.MouseEvent(chromedp.MouseMoved, x, y))
	b.expect("the mouse moves it, too", `probe.cursorAt("throughput-echo").endsWith("connections")`)
	b.shoot("report-cursor")

	// A model is hidden everywhere, and the address remembers.
	b.do(chromedp.Click(`.filter [data-toggle="1"]`))
	b.expect("a click hides the model", "probe.hidden(1)")
	b.do(chromedp.Click(`[data-chart="throughput-echo"] [data-scale="log"]`))
	hash := ask[string](b, "location.hash")
	if hash != "#hide=thread&log=throughput-echo" {
		t.Errorf("the address says %q", hash)
	}
	b.visit(hash)
	b.expect("the address brings the hidden model back hidden", "probe.hidden(1)")
	b.expect("and the scale", `probe.pressed("throughput-echo", "log")`)
	b.do(chromedp.Click(`[data-chart="throughput-echo"] .legend [data-toggle="1"]`))
	b.expect("the legend shows it again", "!probe.hidden(1)")

	b.do(media("print", "dark"))
	b.expect("on paper there are drawings, not canvases", "probe.onPaper()")
	b.expect("and paper is white", `probe.paper() === "#ffffff"`)
	b.shoot("report-print")
	b.quiet()
}

func tryHistory(b *tab) {
	t := b.t
	b.look("history")
	b.expect("the worst series is shown first", `probe.series().startsWith("reactor: ")`)
	b.expect("only one class is shown", "probe.classesShown() === 1")
	b.do(chromedp.Click(`.class:not(.off) .overview tbody tr:nth-child(5)`))
	picked := ask[string](b, "probe.series()")
	hash := ask[string](b, "location.hash")
	if !strings.Contains(hash, "class=") || !strings.Contains(hash, "srv=") {
		t.Errorf("the address says %q", hash)
	}
	b.visit(hash)
	if got := ask[string](b, "probe.series()"); got != picked {
		t.Errorf("the address brings back %q, was %q", got, picked)
	}
	b.run("probe.focusHistory()")
	b.do(chromedp.KeyEvent(kb.Home), chromedp.KeyEvent(kb.Enter))
	b.expect("a point tells its commit", `probe.campaign().includes("commit 0abc000")`)
	b.expect("and how to measure it again", `probe.campaign().includes("git checkout 0abc000 && make build")`)
	x, y := b.middle(".history .u-over")
	b.do(chromedp.MouseClickXY(x, y))
	b.expect("a click tells another", `!probe.campaign().includes("commit 0abc000")`)
	b.shoot("history-picked")
	b.expect("the other class has a section of its own", `probe.pick("class", 1)`)
	b.quiet()
}

// tryWithoutScripts: verdicts, drawings and tables are there, and nothing that would not work.
func tryWithoutScripts(t *testing.T, ctx context.Context) {
	for name, html := range pages(t) {
		b := open(t, ctx, html)
		b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			off := emulation.SetScriptExecutionDisabledParams{Value: true}
			_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, off)
			return err
		}))
		b.visit("")
		b.shoot(name + "-no-script")
		b.expect(name+": tables are there", "probe.tables()")
		b.expect(name+": drawings are there", "probe.drawings()")
		b.expect(name+": nothing that needs a script", "probe.scriptless()")
		b.quiet()
	}
}
