package browser_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
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
)

// patience bounds what a browser is waited for. Nothing takes that long unless it is broken.
const patience = 2 * time.Minute

// tab is a tab of Chromium, which notes all that must not happen in one.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex // guards the following
	faults   []string   // errors of the console, reports of the policy, requests to elsewhere
	requests []string
	bytes    float64
	expected []string // parts of faults that are no faults
}

// browserOf starts Chromium. The test is skipped where there is none, unless it is required.
func browserOf(t testing.TB) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("TANDEM_BROWSER") == "required" {
			t.Fatal("there is no Chromium")
		}
		t.Skip("there is no Chromium: apt-get install chromium")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.WSURLReadTimeout(patience), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("renderer-process-limit", "8"), // a hundred tabs share them
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	check(t, chromedp.Do(ctx)) // starts it
	return ctx
}

// look is how somebody looks at the page.
type look struct {
	width, height int64
	dark          bool
	scriptless    bool
}

// open opens a tab whose user has logged in to the world.
func (w *world) open(browser context.Context, as look) *tab {
	w.t.Helper()
	b := &tab{t: w.t}
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(),
		chromedp.WithListener(func(event any) { b.watch(w.url, event) }))
	w.t.Cleanup(stop)
	b.ctx = ctx
	scheme := "light"
	if as.dark {
		scheme = "dark"
	}
	check(w.t, chromedp.Do(ctx)) // opens the tab, which lives as long as ctx
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: as.width, Height: as.height, DeviceScaleFactor: 1, Mobile: as.width < 500,
	})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: as.scriptless})
	b.run(
		chromedp.Navigate(w.link()),
		chromedp.Click("main button.main"),
		chromedp.WaitVisible("nav[aria-label=Views]"),
	)
	w.t.Cleanup(b.mustBeClean)
	return b
}

// call calls a command of the browser's protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	check(b.t, err)
	return result
}

// watch notes what happens in the tab.
func (b *tab) watch(home string, event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.faults = append(b.faults, fmt.Sprintf("console: %s", e.Args[0].Value))
		}
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, fmt.Sprintf("exception: %s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.faults = append(b.faults, "log: "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
		if !strings.HasPrefix(e.Request.URL, home) && !strings.HasPrefix(e.Request.URL, "data:") {
			b.faults = append(b.faults, "request to "+e.Request.URL)
		}
	case *network.EventLoadingFinished:
		b.bytes += e.EncodedDataLength
	}
}

// expect names a fault that the test brings about.
func (b *tab) expect(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, part)
}

func (b *tab) mustBeClean() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		if !slices.ContainsFunc(b.expected, func(part string) bool { return strings.Contains(fault, part) }) {
			b.t.Errorf("the browser reports: %s", fault)
		}
	}
}

func (b *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v\nat %s", err, b.shown())
	}
}

// shown is what the tab shows, for messages.
func (b *tab) shown() string {
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`location.href + " " + document.body.innerText.slice(0, 2000)`))
	if err != nil {
		return err.Error()
	}
	return text
}

// visit goes to a view, and waits for its scripts if there are any.
func (b *tab) visit(home, path string) {
	b.t.Helper()
	b.run(chromedp.Navigate(home+"/_tandem/"+path), chromedp.WaitVisible("main h1, main .narrow"))
	b.waitFor(`window.htmx || !document.documentElement.classList.contains("js")`)
}

// waitFor waits until an expression of JavaScript is true. The page may lead elsewhere meanwhile.
func (b *tab) waitFor(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for ticker := time.NewTicker(50 * time.Millisecond); ; {
		if is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+expression+")")); err == nil && is {
			ticker.Stop()
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			b.t.Fatalf("never true: %s\nat %s", expression, b.shown())
		}
	}
}

// value returns the value of an expression of JavaScript, or of its promise.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	check(b.t, err)
	return v
}

// press presses keys outside of fields.
func (b *tab) press(keys string) {
	b.t.Helper()
	b.run(chromedp.KeyEvent(keys))
}

// seg escapes an ID for a path.
func seg(id string) string { return url.PathEscape(id) }
