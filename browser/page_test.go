package browser_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var pictures = flag.String("pictures", "", "write a picture of each view to this `folder`")

// looks are the sizes and themes that each view is looked at in.
var looks = map[string]look{
	"light-1440": {width: 1440, height: 900},
	"dark-1440":  {width: 1440, height: 900, dark: true},
	"light-360":  {width: 360, height: 740},
	"dark-360":   {width: 360, height: 740, dark: true},
}

// views are all views by name, with a text that each has to show.
func (w *world) views() map[string][2]string {
	return map[string][2]string{
		"overview":     {"", "1 conflict waits for a decision"},
		"databases":    {"docs", "_default._default"},
		"documents":    {"docs/shop", "Bellevue <b>bold</b>"},
		"document":     {"docs/shop/h-0001", "image/png"},
		"new":          {"new/shop", "New document"},
		"sync":         {"sync/shop/h-0001", "Is it in sync?"},
		"mesh":         {"mesh", "kitchen"},
		"conflicts":    {"conflicts", "settled"},
		"conflict":     {w.openConflict(), "both changed it"},
		"replications": {"replications", "cloud"},
		"network":      {"network", "Fingerprint"},
		"identities":   {"identities", "expires in"},
		"log":          {"log", "INFO"},
		"query":        {"query", "SQL++"},
		"nothing":      {"nothing", "there is no such view"},
	}
}

// openConflict is the path of the conflict that waits for a decision.
func (w *world) openConflict() string {
	c, err := w.coll.Conflict(w.t.Context(), "open")
	check(w.t, err)
	return "conflicts?ks=shop._default._default&id=open&remote=" + strings.ReplaceAll(seg(c.Peer), "&", "%26")
}

func TestEachViewInEachLook(t *testing.T) {
	browser, axe := browserOf(t), axeScript(t)
	w := newWorld(t)
	for name, as := range looks {
		b := w.open(browser, as)
		b.expect("404 (Not Found)")
		for view, x := range w.views() {
			b.visit(w.url, x[0])
			if text := value[string](b, "document.querySelector('main').innerText"); !strings.Contains(text, x[1]) {
				t.Errorf("%s in %s does not show %q:\n%s", view, name, x[1], text)
			}
			if width := value[int64](b, "document.documentElement.scrollWidth"); width > as.width {
				t.Errorf("%s in %s is %d pixels wide", view, name, width)
			}
			if wide := value[string](b, tooWide); wide != "" {
				t.Errorf("%s in %s has tables that are scrolled sideways: %s", view, name, wide)
			}
			b.picture(view + "-" + name)
			b.checkAccess(axe, view+" in "+name)
		}
	}
}

// tooWide lists tables of fixed columns, "" for none, that a narrow screen does not show without scrolling.
const tooWide = `[...document.querySelectorAll(".scroll:has(table.rows)")].filter(t => t.scrollWidth > t.clientWidth).map(t => t.ariaLabel).join()`

// axeScript is the source of axe-core, "" if it is not there: npm ci fetches it.
func axeScript(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil && os.Getenv("TANDEM_BROWSER") == "required" {
		t.Fatal("axe-core is not there: npm ci in this folder fetches it")
	}
	return string(text)
}

// checkAccess has axe-core look for what keeps people with disabilities out.
func (b *tab) checkAccess(axe, where string) {
	b.t.Helper()
	if axe == "" {
		return
	}
	found := value[string](b, axe+`;
		axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).then(result =>
			result.violations.map(v => v.id + ": " + v.nodes.map(n => n.html).join(" ")).join("\n"))`)
	if found != "" {
		b.t.Errorf("%s: %s", where, found)
	}
}

func (b *tab) picture(name string) {
	b.t.Helper()
	if *pictures == "" {
		return
	}
	quality := int64(75)
	taken := call(b, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatWebp, Quality: &quality})
	check(b.t, os.WriteFile(filepath.Join(*pictures, name+".webp"), taken.Data, 0o600))
}

func TestTheFirstViewIsSmall(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), looks["light-1440"])
	call(b, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	b.run(chromedp.Navigate("about:blank"))
	b.mu.Lock()
	b.requests, b.bytes = nil, 0
	b.mu.Unlock()
	b.expect("about:blank")
	b.visit(w.url, "")
	b.mu.Lock()
	requests, bytes := b.requests, b.bytes
	b.mu.Unlock()
	t.Logf("%d requests, %.0f bytes", len(requests), bytes)
	if len(requests) > 5 || bytes > 40_000 {
		t.Errorf("the first view takes %d requests and %.0f bytes: %v", len(requests), bytes, requests)
	}
	t.Logf("it can be used after %.0f ms", value[float64](b, `performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd`))
	b.expect("favicon.ico") // which the page with a word does not name
	var view, word []float64
	for range 5 { // in turns: the first ones wait for fonts
		b.run(chromedp.Navigate(w.url + "/_ping"))
		word = append(word, b.firstPaint())
		b.run(chromedp.Navigate("about:blank"))
		b.visit(w.url, "")
		view = append(view, b.firstPaint())
	}
	t.Logf("the first paint comes after %.0f ms, that of a page with a word after %.0f ms", median(view), median(word))
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// firstPaint is when the page has first shown something, in milliseconds.
func (b *tab) firstPaint() float64 {
	b.t.Helper()
	const painted = `performance.getEntriesByName("first-contentful-paint")[0]?.startTime`
	b.waitFor(painted)
	return value[float64](b, painted)
}

func TestNothingTypedIsLostWhenSomebodyElseSaves(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), looks["light-1440"])
	b.expect("409 (Conflict)")
	b.visit(w.url, "docs/shop/h-0002")
	b.typeText(`{"name": "Mine", "stars": 1, "tags": []}`)
	w.save(w.coll, "h-0002", map[string]any{"name": "Bellevue <b>bold</b>", "stars": 9})
	b.waitFor(`document.querySelector("main").innerText.includes("Somebody has changed this document")`)
	b.run(chromedp.KeyEvent("s", chromedp.KeyModifiers(chromedp.ModifierCtrl)), chromedp.WaitVisible("table.merge"))
	if text := value[string](b, "document.querySelector('main').innerText"); !strings.Contains(text, "somebody has changed the document") || !strings.Contains(text, "Mine") {
		t.Errorf("the page shows:\n%s", text)
	}
	// Stars was changed by both; the page proposes ours.
	b.run(chromedp.Click(`tr:has(th) input[name="pick.stars"][value=theirs]`))
	b.waitFor(`document.querySelector("textarea[name=text]")?.value.includes('"stars": 9')`)
	b.run(chromedp.Click("button[value=save]"), chromedp.WaitVisible(".done"))
	w.wantBody("h-0002", `{"name":"Mine","stars":9,"tags":[]}`)
}

// typeText replaces the text of the editor, as a person would.
func (b *tab) typeText(text string) {
	b.t.Helper()
	quoted, err := json.Marshal(text)
	check(b.t, err)
	b.run(chromedp.Focus("textarea[name=text]"))
	value[bool](b, `document.querySelector("textarea[name=text]").select(), true`)
	call(b, input.InsertText, input.InsertTextParams{Text: text})
	b.waitFor(`document.querySelector("textarea[name=text]").value === ` + string(quoted))
}

func (w *world) wantBody(id, body string) {
	w.t.Helper()
	doc, err := w.coll.Document(w.t.Context(), id)
	check(w.t, err)
	if string(doc.Body()) != body {
		w.t.Errorf("%s has the body %s, want %s", id, doc.Body(), body)
	}
}

func TestAConflictIsSettledByChoices(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), looks["light-1440"])
	b.visit(w.url, w.openConflict())
	b.run(chromedp.Click(`input[name="pick.stars"][value=theirs]`))
	b.waitFor(`document.querySelector("textarea[name=text]")?.value.includes('"stars": 5')`)
	b.run(chromedp.Click("button[value=save]"))
	b.waitFor(`location.search.startsWith("?settled=")`)
	w.wantBody("open", `{"name":"Boat House","same":true,"stars":5}`)
	if _, err := w.coll.Conflict(t.Context(), "open"); err == nil {
		t.Error("the conflict is still open")
	}
	// And the other side of one that was settled by a rule.
	value[bool](b, "confirm = () => true, true")
	b.run(chromedp.Click(`form:has(input[name=number]) button[value=swap]`), chromedp.WaitVisible(".done"))
}

func TestAReplicationIsBegunAndStopped(t *testing.T) {
	w := newWorld(t)
	peer, theirs := openDatabase(t, "peer")
	other := &world{t: t, shop: peer, coll: theirs}
	l := other.listen()
	b := w.open(browserOf(t), looks["light-1440"])
	b.visit(w.url, "replications?fingerprint="+l.TLSIdentity().Fingerprint()+"&peer="+seg(l.URLs()[0]))
	b.run(chromedp.Click("#new button.main"))
	b.waitFor(`document.querySelector("#r2")?.innerText.includes("Idle")`)
	count, err := theirs.Count(t.Context())
	check(t, err)
	if count < uint64(len(names)) {
		t.Errorf("the peer has %d documents", count)
	}
	b.run(chromedp.Click("#r2 button[value=stop]"))
	b.waitFor(`document.querySelector("#r2")?.innerText.includes("Stopped")`)
	b.run(chromedp.Click("#r2 button[value=forget]"))
	b.waitFor(`!document.querySelector("#r2")`)
}

func TestSelectedDocumentsAreDeleted(t *testing.T) {
	w := newWorld(t)
	axe := axeScript(t)
	for _, name := range []string{"dark-360", "light-1440"} {
		b := w.open(browserOf(t), looks[name])
		before, err := w.coll.Count(t.Context())
		check(t, err)
		w.save(w.coll, "z-<b>1</b>", map[string]any{"n": 1})
		w.save(w.coll, "z-2", map[string]any{"n": 2})
		b.visit(w.url, "docs/shop?prefix=z-")
		value[bool](b, `[...document.querySelectorAll("input[name=pick]")].forEach(box => box.click()), true`)
		b.run(chromedp.Click("#rows button.danger"), chromedp.WaitVisible("input[name=count]"))
		b.picture("deletion-" + name)
		b.checkAccess(axe, "a deletion")
		b.run(chromedp.SendKeys("input[name=count]", "2"), chromedp.Click("button.danger"), chromedp.WaitVisible(".done"))
		if count, err := w.coll.Count(t.Context()); err != nil || count != before {
			t.Errorf("%d documents are left, %v; want %d", count, err, before)
		}
	}
}

func TestAnExpiryIsSetAndCleared(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), looks["light-360"])
	b.visit(w.url, "sync/shop/h-0002")
	b.run(chromedp.Click("button[value=set]"), chromedp.WaitVisible("button[value=never]"))
	if at, err := w.coll.Expiration(t.Context(), "h-0002"); err != nil || at.IsZero() {
		t.Errorf("it expires at %v, %v", at, err)
	}
	b.picture("expiry-light-360")
	b.checkAccess(axeScript(t), "an expiry")
	b.run(chromedp.Click("button[value=never]"))
	b.waitFor(`document.querySelector("main").innerText.includes("It does not expire.")`)
	if at, err := w.coll.Expiration(t.Context(), "h-0002"); err != nil || !at.IsZero() {
		t.Errorf("it expires at %v, %v", at, err)
	}
}

func TestAConnectionIsTestedAndThePasswordStays(t *testing.T) {
	w := newWorld(t)
	peer, theirs := openDatabase(t, "peer")
	l := (&world{t: t, shop: peer, coll: theirs}).listen()
	b := w.open(browserOf(t), looks["light-1440"])
	b.visit(w.url, "replications?peer="+seg(l.URLs()[0]))
	b.run(chromedp.SendKeys("input[name=user]", "ann"), chromedp.SendKeys("input[name=password]", "secret"))
	b.run(chromedp.Click("button[value=test]"), chromedp.WaitVisible("#test .problem"))
	b.picture("test-light-1440")
	b.checkAccess(axeScript(t), "a test that failed")
	value[bool](b, `document.querySelector("input[name=fingerprint]").value = document.querySelector("#test p code").innerText, true`)
	b.run(chromedp.Click("button[value=test]"), chromedp.WaitVisible("#test .done"))
	if kept := value[string](b, `document.querySelector("input[name=password]").value`); kept != "secret" {
		t.Errorf("the password is %q", kept)
	}
	b.run(chromedp.Click("#new button.main"))
	b.waitFor(`document.querySelector("#r2")?.innerText.includes("Idle")`)
}

func TestEarlierQueriesAreOffered(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), looks["light-1440"])
	for _, query := range []string{"SELECT name FROM _", "SELECT stars FROM _", "SELECT name FROM _"} {
		b.visit(w.url, "query")
		b.typeText(query)
		b.run(chromedp.Click("button.main"), chromedp.WaitVisible("#ran table"))
	}
	b.picture("result-light-1440")
	b.checkAccess(axeScript(t), "a result")
	b.visit(w.url, "query")
	if got := value[string](b, `[...document.querySelectorAll("#history option")].map(o => o.value).join("|")`); got != "|SELECT name FROM _|SELECT stars FROM _" {
		t.Errorf("offered are %s", got)
	}
	value[bool](b, `(list => { list.selectedIndex = 2; list.dispatchEvent(new Event("change")); return true })(document.querySelector("#history select"))`)
	if got := value[string](b, `document.querySelector("textarea[name=text]").value`); got != "SELECT stars FROM _" {
		t.Errorf("the editor has %q", got)
	}
}

func TestKeysLeadThroughThePage(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), looks["light-1440"])
	b.press("g")
	b.press("d")
	b.waitFor(`location.pathname === "/_tandem/docs"`)
	b.visit(w.url, "docs/shop")
	b.press("/")
	b.waitFor(`document.activeElement.type === "search"`)
	value[bool](b, "document.activeElement.select(), true") // the driver types the key as well
	b.run(chromedp.SendKeys("input[type=search]", "h-0003"))
	b.waitFor(`document.querySelectorAll("table.list tbody tr").length === 1`)
	b.press("\x1b")
	b.press("j")
	b.press("\r")
	b.waitFor(`location.pathname.endsWith("/h-0003") && document.documentElement.classList.contains("js")`)
	b.press("?")
	b.run(chromedp.WaitVisible("#keys[open]"))
	b.press("\x1b")
	b.waitFor(`!document.querySelector("#keys[open]")`)
	b.press("e")
	b.waitFor(`document.activeElement.name === "text"`)
}

func TestTheThemeIsRemembered(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), looks["light-1440"])
	light := value[string](b, "getComputedStyle(document.body).backgroundColor")
	b.run(chromedp.Click("#theme"))
	b.visit(w.url, "docs")
	if dark := value[string](b, "getComputedStyle(document.body).backgroundColor"); dark == light {
		t.Errorf("the background is %s in both themes", dark)
	}
}

func TestViewsWorkWithoutScripts(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), look{width: 1440, height: 900, scriptless: true})
	b.run(chromedp.Navigate(w.url+"/_tandem/docs/shop/h-0003"), chromedp.WaitVisible("textarea[name=text]"))
	b.typeText(`{"plain": true}`)
	b.run(chromedp.Click("button[value=save]"), chromedp.WaitVisible(".done"))
	w.wantBody("h-0003", `{"plain":true}`)
	for view, x := range w.views() {
		b.expect("404 (Not Found)")
		b.visit(w.url, x[0])
		if text := value[string](b, "document.querySelector('main').innerText"); !strings.Contains(text, x[1]) {
			t.Errorf("%s without scripts does not show %q:\n%s", view, x[1], text)
		}
	}
	b.visit(w.url, "docs/shop")
	b.run(chromedp.Click("input[name=pick]"), chromedp.Click("#rows button.danger"), chromedp.WaitVisible("input[name=count]"))
	b.run(chromedp.SendKeys("input[name=count]", "1"), chromedp.Click("button.danger"), chromedp.WaitVisible(".done"))
	b.visit(w.url, "replications?peer="+seg("ws://127.0.0.1:9/x"))
	b.run(chromedp.Click("button[value=test]"), chromedp.WaitVisible("#test .problem"))
	b.visit(w.url, "identities")
	b.run(chromedp.SendKeys("input[name=label]", "new"), chromedp.Click("#new button.main"), chromedp.WaitVisible(".done"))
}

func TestAServerThatGoesAwayIsSaid(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), looks["light-1440"])
	b.expect("ERR_")
	b.expect("Failed to fetch")
	b.expect("503")
	b.visit(w.url, "")
	address := w.web.Listener.Addr().String()
	check(t, w.web.Listener.Close())
	w.web.CloseClientConnections()
	b.waitFor(`!document.querySelector("#away").hidden`)
	if text := value[string](b, `document.querySelector("#away").innerText`); !strings.Contains(text, "Not connected") {
		t.Errorf("the page says %q", text)
	}
	w.serveAgain(address)
	b.waitFor(`document.querySelector("#away").hidden`)
}

func TestTheLogIsLive(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), looks["light-1440"])
	b.visit(w.url, "log")
	before := value[int](b, `document.querySelectorAll("#log tr").length`)
	w.request("/shop") // without a login, which the log tells
	b.waitFor(`document.querySelectorAll("#log tr").length > ` + jsonText(before))
}

// A log that stays open for long holds no more than its last records.
func TestALiveLogKeepsItsHeap(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), looks["light-1440"])
	b.visit(w.url, "log")
	after := func(records int) (heap float64) {
		for i := range records {
			w.logger.Info("a record "+strings.Repeat("of some length ", 10), "number", i)
		}
		w.logger.Info("last of " + jsonText(records))
		b.waitFor(`document.querySelector("#log").rows[0].innerText.includes("last of ` + jsonText(records) + `")`)
		call(b, heapprofiler.CollectGarbage, cdp.Empty{})
		return call(b, runtime.GetHeapUsage, cdp.Empty{}).UsedSize
	}
	first, last := after(2000), after(12_000)
	t.Logf("the heap has %.0f kB after 2,000 records, and %.0f kB after 14,000", first/1e3, last/1e3)
	if last > first+1e6 {
		t.Errorf("the heap has grown from %.0f to %.0f bytes", first, last)
	}
}

func jsonText(v any) string {
	text, _ := json.Marshal(v) // a number
	return string(text)
}
