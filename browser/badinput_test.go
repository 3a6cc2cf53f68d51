package browser_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// strangeIDs could be taken for HTML, for another path, or are written from right to left.
var strangeIDs = []string{"<img src=x onerror=alert(1)>", `"'&amp;</a>`, "a/b//../c?d#e%2F", "..", "\u05de\u05dc\u05d5\u05df \u202eabc", "\u0641\u0646\u062f\u0642 (1)"}

func TestStrangeIDsAndBodiesAreTextAlone(t *testing.T) {
	w := newWorld(t)
	for _, id := range strangeIDs {
		w.save(w.coll, id, map[string]any{"html": "</textarea><script>alert(1)</script>", "rtl": "\u202e\u05de\u05dc\u05d5\u05df", id: id})
	}
	b := w.open(browserOf(t), looks["light-360"])
	axe := axeScript(t)
	for _, id := range strangeIDs {
		for _, view := range []string{"docs/shop/", "sync/shop/"} {
			b.visit(w.url, view+shown(id))
			if text := value[string](b, `document.querySelector("main h1").innerText`); !strings.Contains(text, strings.TrimSpace(id)) {
				t.Errorf("%s of %q has the title %q", view, id, text)
			}
			if n := value[int](b, `document.querySelectorAll("main script, main img").length`); n > 0 {
				t.Errorf("%s of %q has %d elements of the body", view, id, n)
			}
			if width := value[int](b, "document.documentElement.scrollWidth"); width > 360 {
				t.Errorf("%s of %q is %d pixels wide", view, id, width)
			}
		}
		b.checkAccess(axe, "the document "+id)
	}
	b.visit(w.url, "docs/shop")
	for _, id := range strangeIDs {
		if !value[bool](b, fmt.Sprintf(`[...document.querySelectorAll("table.list a")].some(a => a.textContent === %q)`, id)) {
			t.Errorf("the list does not show %q", id)
		}
	}
	b.picture("strange-light-360")
}

func TestLargeDocumentsOpen(t *testing.T) {
	w := newWorld(t)
	w.save(w.coll, "large", map[string]any{"text": strings.Repeat("words and ", 1<<20)})
	many := map[string]any{}
	for i := range 10_000 {
		many[fmt.Sprintf("key %05d", i)] = i
	}
	w.save(w.coll, "many", many)
	b := w.open(browserOf(t), looks["light-1440"])
	b.visit(w.url, "docs/shop/large")
	if text := value[string](b, `document.querySelector("main").innerText.slice(0, 300)`); !strings.Contains(text, "This document has 10.5 MB, too much to edit here") {
		t.Errorf("the large document is shown as %q", text)
	}
	b.picture("large-light-1440")
	began := time.Now()
	b.visit(w.url, "docs/shop/many")
	t.Logf("a document of 10,000 keys opens in %v", time.Since(began))
	if lines := value[int](b, `document.querySelector("textarea[name=text]").value.split("\n").length`); lines != 10_002 {
		t.Errorf("the editor has %d lines, want 10,002", lines)
	}
	value[bool](b, `(text => { text.value = text.value.replace('"key 09999": 9999', '"key 09999": 1.50'); text.dispatchEvent(new Event("input")); return true })(document.querySelector("textarea[name=text]"))`)
	b.run(chromedp.Click("button[value=save]"), chromedp.WaitVisible(".done"))
	doc, err := w.coll.Document(t.Context(), "many")
	check(t, err)
	if !strings.Contains(string(doc.Body()), `"key 09999":1.50`) {
		t.Error("the edit was not saved as it was typed")
	}
}

// inBackground tells a tab that nobody looks at it, as a browser with a screen does.
const inBackground = `Object.defineProperty(document, "hidden", { value: true }), document.dispatchEvent(new Event("visibilitychange"))`

// shown is an ID in a path of the page.
func shown(id string) string {
	if id == ".." {
		return "..;"
	}
	return seg(id)
}

// Tabs that nobody looks at ask nothing, and hold no connection: a browser has six for all tabs of a server.
func TestAHundredTabs(t *testing.T) {
	const tabs = 100
	w := newWorld(t)
	first := w.open(browserOf(t), looks["light-1440"])
	for i := range tabs - 1 {
		path := []string{"", "log", "replications", "docs/shop/h-0001", "mesh"}[i%5]
		ctx, stop := chromedp.NewContext(first.ctx, chromedp.WithListener(func(event any) { first.watch(w.url, event) }))
		t.Cleanup(stop)
		ctx, cancel := context.WithTimeout(ctx, patience)
		t.Cleanup(cancel)
		check(t, chromedp.Do(ctx, chromedp.Navigate(w.url+"/_tandem/"+path), chromedp.WaitVisible("main h1")))
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](inBackground))
		check(t, err)
	}
	last := &tab{t: t, ctx: first.ctx}
	last.run(chromedp.Navigate(w.url+"/_tandem/docs/shop/h-0002"), chromedp.WaitVisible("textarea[name=text]"))
	last.typeText(`{"tabs": 100}`)
	last.run(chromedp.Click("button[value=save]"), chromedp.WaitVisible(".done"))
	w.wantBody("h-0002", `{"tabs":100}`)
}

// A server that has gone when one saves, and comes back, has cost no text: neither in the page, nor in one
// that is opened later.
func TestNothingTypedIsLostWhenTheServerIsGone(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), looks["light-360"])
	b.expect("ERR_")
	b.expect("Failed to fetch")
	b.visit(w.url, "docs/shop/h-0002")
	b.typeText(`{"name": "Mine"}`)
	address := w.web.Listener.Addr().String()
	check(t, w.web.Listener.Close())
	w.web.CloseClientConnections()
	b.run(chromedp.Click("button[value=save]"))
	b.waitFor(`!document.querySelector("#away").hidden`)
	b.picture("gone-light-360")
	if top := value[float64](b, `document.querySelector("#away").getBoundingClientRect().top`); top < 0 {
		t.Errorf("what it says is %.0f pixels above the window", -top)
	}
	if text := value[string](b, `document.querySelector("textarea[name=text]").value`); text != `{"name": "Mine"}` {
		t.Errorf("the editor has %q", text)
	}
	w.serveAgain(address)
	b.run(chromedp.Click("button[value=save]"), chromedp.WaitVisible(".done"))
	w.wantBody("h-0002", `{"name":"Mine"}`)
	if kept := value[int](b, `Object.keys(sessionStorage).filter(k => k.startsWith("draft-")).length`); kept > 0 {
		t.Errorf("%d drafts are left", kept)
	}
}

// A conflict of a document that somebody deletes while it is edited loses nothing either.
func TestNothingTypedIsLostWhenSomebodyDeletes(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), looks["light-360"])
	b.expect("409 (Conflict)")
	b.expect("404 (Not Found)")
	b.visit(w.url, "docs/shop/h-0002")
	b.typeText(`{"name": "Mine", "stars": 1}`)
	doc, err := w.coll.Document(t.Context(), "h-0002")
	check(t, err)
	check(t, w.coll.Delete(t.Context(), doc))
	b.run(chromedp.Click("button[value=save]"), chromedp.WaitVisible(".problem"))
	b.picture("deleted-light-360")
	if text := value[string](b, `[...document.querySelectorAll("textarea")].map(t => t.value).join()`); !strings.Contains(text, "Mine") || !strings.Contains(b.shown(), "somebody has deleted") {
		t.Errorf("the typed text is gone: %s", b.shown())
	}
	b.run(chromedp.Click("button[value=save]"), chromedp.WaitVisible(".done"))
	w.wantBody("h-0002", `{"name":"Mine","stars":1}`)
}
