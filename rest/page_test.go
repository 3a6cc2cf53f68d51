package rest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// visitor is somebody with a browser that has cookies, and no JavaScript.
type visitor struct {
	*server
	client *http.Client
}

// servePage serves a page. change may be nil.
func servePage(t testing.TB, change func(cfg *rest.Configuration)) *server {
	t.Helper()
	s := serve(t, func(cfg *rest.Configuration) {
		cfg.Page = true
		if change != nil {
			change(cfg)
		}
	})
	web := httptest.NewServer(s.handler) // the page is no part of the API, which the other socket checks
	t.Cleanup(web.Close)
	s.url = web.URL
	return s
}

// visit returns somebody who has not logged in.
func visit(t testing.TB, s *server) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	check(t, err)
	client := &http.Client{Jar: jar}
	t.Cleanup(client.CloseIdleConnections)
	return &visitor{server: s, client: client}
}

// visitAs returns somebody who has logged in.
func visitAs(t testing.TB, s *server, name string) *visitor {
	t.Helper()
	v := visit(t, s)
	if got := v.post("login", "name", name, "password", name); got.status != 200 {
		t.Fatalf("login as %s: %d", name, got.status)
	}
	return v
}

type pageAnswer struct {
	status int
	html   string
	path   string // where redirects have led to
	header http.Header
}

func (v *visitor) get(path string) pageAnswer {
	v.t.Helper()
	return v.do(http.MethodGet, path, "")
}

// post sends a form of names and values.
func (v *visitor) post(path string, fields ...string) pageAnswer {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return v.do(http.MethodPost, path, form.Encode())
}

func (v *visitor) do(method, path, form string) pageAnswer {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.url+"/_tandem/"+path, strings.NewReader(form))
	check(v.t, err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := v.client.Do(r)
	check(v.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	check(v.t, err)
	return pageAnswer{answer.StatusCode, html.UnescapeString(string(text)), answer.Request.URL.RequestURI(), answer.Header}
}

// put saves a document.
func (v *visitor) put(id, body string) {
	v.t.Helper()
	doc, err := tandem.NewDocumentWithBody(id, []byte(body))
	check(v.t, err)
	if old, err := v.coll.Document(v.t.Context(), id); err == nil {
		check(v.t, old.SetBody([]byte(body)))
		doc = old
	}
	check(v.t, v.coll.Save(v.t.Context(), doc))
}

// wantBody fails unless a document has a body.
func (v *visitor) wantBody(id, body string) {
	v.t.Helper()
	doc, err := v.coll.Document(v.t.Context(), id)
	check(v.t, err)
	if string(doc.Body()) != body {
		v.t.Errorf("%s has the body %s, want %s", id, doc.Body(), body)
	}
}

// shows fails unless an answer has texts.
func (v *visitor) shows(got pageAnswer, texts ...string) {
	v.t.Helper()
	for _, text := range texts {
		if !strings.Contains(got.html, text) {
			_, content, _ := strings.Cut(got.html, "<main")
			v.t.Errorf("%s (%d) does not show %q:\n%s", got.path, got.status, text, content[:min(len(content), 800)])
		}
	}
}

func TestStrangersSeeTheLoginAlone(t *testing.T) {
	s := servePage(t, nil)
	v := visit(t, s)
	for _, path := range []string{"", "docs", "docs/shop/a", "log", "log/live", "blob/shop/a/b", "query"} {
		if got := v.get(path); !strings.HasPrefix(got.path, "/_tandem/login?next=") {
			t.Errorf("%q led to %s", path, got.path)
		}
	}
	v.shows(v.post("login", "name", "ann", "password", "wrong"), "the user name or password is wrong", `value="ann"`)
	got := v.post("login", "name", "ann", "password", "ann", "next", "/_tandem/docs/shop?prefix=x")
	if got.path != "/_tandem/docs/shop?prefix=x" {
		t.Errorf("the login led to %s", got.path)
	}
	for _, next := range []string{"//evil.example/_tandem/", "https://evil.example/", "javascript:alert(1)", `/\evil.example`} {
		if got := v.post("login", "name", "ann", "password", "ann", "next", next); got.path != "/_tandem/" {
			t.Errorf("%q led to %s", next, got.path)
		}
	}
	v.post("logout")
	if got := v.get("docs"); !strings.HasPrefix(got.path, "/_tandem/login") {
		t.Errorf("after the logout: %s", got.path)
	}
}

func TestASessionOfThePageIsNoneOfTheAPI(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "ann")
	answer, err := v.client.Get(s.url + "/shop")
	check(t, err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("the API answers %d to a cookie of the page", answer.StatusCode)
	}
}

func TestALinkLogsInOnce(t *testing.T) {
	s := servePage(t, nil)
	path, err := s.handler.PageLink("ann")
	check(t, err)
	link := strings.TrimPrefix(path, "/_tandem/")
	token := strings.TrimPrefix(link, "login?t=")
	v := visit(t, s)
	for range 2 { // a preview fetches it, and spends nothing
		v.shows(v.get(link), `<button class="main">Log in</button>`, token)
	}
	if got := v.post("login", "t", token); got.path != "/_tandem/" || got.status != 200 {
		t.Errorf("%d %s", got.status, got.path)
	}
	other := visit(t, s)
	other.shows(other.post("login", "t", token), "This link was used before")
	other.shows(other.post("login", "t", "x"), "This link was used before")
	if _, err := s.handler.PageLink("nobody"); err == nil {
		t.Error("there is a link for a user who is not there")
	}
}

func TestWhoMaySeeAView(t *testing.T) {
	s := servePage(t, nil)
	visit(t, s).put("a", `{"n":1}`)
	var all []*visitor
	for _, who := range []string{"ann", "bob", "ron", "eve"} {
		all = append(all, visitAs(t, s, who))
	}
	for _, x := range []struct {
		path string
		want [4]int // for an admin, a user, one who only reads, and one of another database
	}{
		{"", [4]int{200, 200, 200, 200}},
		{"docs", [4]int{200, 200, 200, 200}},
		{"docs/shop", [4]int{200, 200, 200, 403}},
		{"docs/shop/a", [4]int{200, 200, 200, 403}},
		{"docs/shop/none", [4]int{404, 404, 404, 403}},
		{"docs/none", [4]int{403, 403, 403, 403}},
		{"new/shop", [4]int{200, 200, 200, 200}}, // an empty form
		{"sync/shop/a", [4]int{200, 200, 200, 403}},
		{"conflicts", [4]int{200, 200, 200, 200}},
		{"replications", [4]int{200, 200, 200, 200}},
		{"network", [4]int{200, 403, 403, 403}},
		{"identities", [4]int{200, 403, 403, 403}},
		{"mesh", [4]int{200, 403, 403, 403}},
		{"log", [4]int{501, 403, 403, 403}},
		{"query", [4]int{200, 200, 200, 200}},
		{"nothing", [4]int{404, 404, 404, 404}},
	} {
		for i, v := range all {
			got := v.get(x.path)
			if got.status != x.want[i] {
				t.Errorf("visitor %d at %q: %d, want %d\n%s", i, x.path, got.status, x.want[i], got.html)
			}
			if csp := got.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'; script-src 'self';") {
				t.Errorf("%q has the policy %q", x.path, csp)
			}
		}
	}
}

func TestADocumentIsEditedWithoutLoss(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "bob")
	got := v.post("new/shop", "id", `a/b "<x>`, "text", `{"name": "Anchor", "stars": 3, "exact": 1.10}`)
	if got.path != "/_tandem/docs/shop/a%2Fb%20%22%3Cx%3E?saved" {
		t.Fatalf("led to %s:\n%s", got.path, got.html)
	}
	v.shows(got, "Saved.", "Anchor", "1.10", `a/b "<x>`)
	path := "docs/shop/" + url.PathEscape(`a/b "<x>`)
	doc, err := s.coll.Document(t.Context(), `a/b "<x>`)
	check(t, err)
	rev, base := doc.RevisionID(), `{"name": "Anchor", "stars": 3, "exact": 1.10}`

	v.shows(v.post(path, "do", "save", "rev", rev, "base", base, "text", `{"name": "Anchor", "stars": }`), "line 1, column", `"stars": }`)

	v.put(`a/b "<x>`, `{"name":"Harbour","stars":3,"exact":1.10}`)
	typed := `{"name": "Anchor", "stars": 5, "exact": 1.10}`
	got = v.post(path, "do", "save", "rev", rev, "base", base, "text", typed)
	v.shows(got, "somebody has changed the document while you were editing it", "Harbour", "\"stars\": 5")
	doc, err = s.coll.Document(t.Context(), `a/b "<x>`)
	check(t, err)
	if !strings.Contains(string(doc.Body()), "Harbour") {
		t.Error("the conflict has overwritten the document")
	}
	v.shows(v.get(path+"?part=changed&rev="+url.QueryEscape(rev)), "Somebody has changed this document")
	if got := v.get(path + "?part=changed&rev=" + url.QueryEscape(doc.RevisionID())); strings.TrimSpace(got.html) != "" {
		t.Errorf("an unchanged document: %s", got.html)
	}
	got = v.post(path, "do", "choose", "base", base, "mine", typed, "pick.name", "mine", "pick.stars", "theirs")
	v.shows(got, "\"name\": \"Anchor\",\n  \"stars\": 3")
	got = v.post(path, "do", "save", "rev", doc.RevisionID(), "text", `{"name":"Harbour","stars":5,"exact":1.10}`)
	v.shows(got, "Saved.")
	v.wantBody(`a/b "<x>`, `{"name":"Harbour","stars":5,"exact":1.10}`)

	v.shows(v.post(path, "do", "delete", "rev", rev), "changed the document meanwhile")
	doc, err = s.coll.Document(t.Context(), `a/b "<x>`)
	check(t, err)
	if got := v.post(path, "do", "delete", "rev", doc.RevisionID()); got.path != "/_tandem/docs/shop" {
		t.Errorf("the deletion led to %s", got.path)
	}
}

func TestAPartThatFailsIsNoWholePage(t *testing.T) {
	v := visitAs(t, servePage(t, nil), "ann")
	got := v.get("docs/shop/none?part=changed")
	v.shows(got, `role="alert"`)
	if got.status != http.StatusNotFound || strings.Contains(got.html, "<html") {
		t.Errorf("%d %s", got.status, got.html)
	}
}

func TestLargeDocumentsAreShownInPart(t *testing.T) {
	v := visitAs(t, servePage(t, nil), "ann")
	v.put("large", `{"text":"`+strings.Repeat("x", 10<<20)+`"}`)
	got := v.get("docs/shop/large")
	v.shows(got, "This document has 10.5 MB, too much to edit here")
	if len(got.html) > 100<<10 {
		t.Errorf("the page has %d bytes", len(got.html))
	}
	v.shows(v.get("docs/shop"), "large", "1 document") // without the bodies
	var many strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&many, `,"key %d":%d`, i, i)
	}
	v.put("many", "{"+many.String()[1:]+"}")
	v.shows(v.get("docs/shop/many"), `"key 9999": 9999`)
}

func TestReadersCannotWriteByThePage(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "ron")
	v.put("a", `{"n":1}`)
	doc, err := s.coll.Document(t.Context(), "a")
	check(t, err)
	v.shows(v.post("docs/shop/a", "do", "save", "rev", doc.RevisionID(), "text", `{"n":2}`), "you may only read shop", "\"n\":2")
	v.shows(v.post("new/shop", "id", "b", "text", "{}"), "you may only read shop")
	if got := v.post("docs/shop/a", "do", "delete", "rev", doc.RevisionID()); got.status != http.StatusForbidden {
		t.Errorf("deletion by a reader: %d", got.status)
	}
	v.wantBody("a", `{"n":1}`)
}

func TestAFormOfAnotherSiteIsRefused(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "ann")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/_tandem/new/shop", strings.NewReader("id=x&text={}"))
	check(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	answer, err := v.client.Do(r)
	check(t, err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("got %d", answer.StatusCode)
	}
}

func TestBlobsAreNoScriptsOfThePage(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "ann")
	for kind, want := range map[string]string{"text/javascript": "application/octet-stream", "text/html": "application/octet-stream", "image/svg+xml": "application/octet-stream", "image/png": "image/png"} {
		id := url.PathEscape(kind)
		doc := tandem.NewDocument(kind)
		check(t, doc.SetBlob("file", tandem.NewBlob(kind, []byte("alert(1)"))))
		check(t, s.coll.Save(t.Context(), doc))
		v.shows(v.get("docs/shop/"+id), "/_tandem/blob/shop/"+id+"/file")
		got := v.get("blob/shop/" + id + "/file")
		if got.html != "alert(1)" || got.header.Get("Content-Type") != want {
			t.Errorf("%s is served as %q: %q", kind, got.header.Get("Content-Type"), got.html)
		}
		if csp := got.header.Get("Content-Security-Policy"); csp != "default-src 'none'; sandbox" {
			t.Errorf("%s has the policy %q", kind, csp)
		}
	}
}

func TestAListOfDocumentsGoesBothWays(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "ann")
	for i := range 100 {
		v.put(fmt.Sprintf("d%02d", i), `{"n":1}`)
	}
	v.shows(v.get("docs/shop"), "d00", "d39", "from=d40", "100 documents")
	v.shows(v.get("docs/shop?from=d40"), "d40", "d79", "from=d80", "before=d40")
	got := v.get("docs/shop?before=d40")
	v.shows(got, "d00", "d39", "from=d40")
	if strings.Contains(got.html, ">d40<") || strings.Contains(got.html, "before=") {
		t.Errorf("the first page shows too much:\n%s", got.html)
	}
	v.shows(v.get("docs/shop?from=d80"), "d80", "d99", "before=d80")
	got = v.get("docs/shop?prefix=d5&part=rows")
	v.shows(got, "d50", "d59")
	if strings.Contains(got.html, "d60") || strings.Contains(got.html, "<html") {
		t.Errorf("the part shows too much:\n%s", got.html)
	}
}

func TestAQueryByThePage(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "ann")
	v.put("a", `{"n":1}`)
	v.put("b", `{"n":2,"s":"<b>"}`)
	v.shows(v.post("query", "ks", "shop", "text", "SELECT n, s FROM _ WHERE n > $min", "parameters", `{"min": 1}`), "1 row", "<b>", "Plan")
	v.shows(v.post("query", "ks", "shop", "text", "SELCT"), "SELCT", `role="alert"`)
	v.shows(v.post("query", "ks", "shop", "text", "SELECT 1", "parameters", "["), "the parameters are no JSON object")
	visitor := visitAs(t, s, "bob")
	visitor.shows(visitor.post("query", "ks", "shop", "text", "SELECT 1"), "runs no queries")
}

func TestNoPageUnlessItIsAskedFor(t *testing.T) {
	s := servePage(t, func(cfg *rest.Configuration) { cfg.Page = false })
	if got := visit(t, s).get(""); got.status != http.StatusNotFound {
		t.Errorf("got %d", got.status)
	}
	if _, err := s.handler.PageLink("ann"); err == nil {
		t.Error("there is a link to no page")
	}
}

func TestAPathOfThePageNamesADocumentAndNothingElse(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "ann")
	doc := tandem.NewDocument("x")
	check(t, doc.SetBlob("evil", tandem.NewBlob("text/html", []byte("<form hx-post=/_tandem/logout hx-trigger=load>"))))
	check(t, s.coll.Save(t.Context(), doc))
	for _, path := range []string{
		"docs/shop%2Fx%2F..%2F..%2F..%2Fblob%2Fshop%2Fx%2Fevil%3F/1", "docs/shop%2Fx/evil", "docs/shop/x/evil", "docs/_tandem/x",
		"blob/shop/_local/x", "blob/shop/%5Flocal/x", "blob/_tandem/blob/shop", "blob/shop/x", "blob/shop/x/evil/y", "blob/shop/../evil",
	} {
		if got := v.get(path); got.status < 400 || strings.Contains(got.html, "hx-post") {
			t.Errorf("%s: %d\n%s", path, got.status, got.html)
		}
	}
}

func TestALoginIsSmallAndRare(t *testing.T) {
	s := servePage(t, func(cfg *rest.Configuration) { cfg.Limits.RequestsPerSecond, cfg.Limits.Burst = 1, 3 })
	v := visit(t, s)
	if got := v.post("login", "name", strings.Repeat("x", 100_000)); got.status != http.StatusBadRequest {
		t.Errorf("a login of 100 kB: %d", got.status)
	}
	for range 5 {
		v.post("login", "name", "ann", "t", "x")
	}
	if got := v.post("login", "name", "ann", "t", "x"); got.status != http.StatusTooManyRequests {
		t.Errorf("the seventh login at once: %d", got.status)
	}
}

// A form whose user is removed while it is on its way does nothing.
func TestRightsThatAreTakenAwayMeanwhileDoNotCount(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "bob")
	v.put("a", `{"n":1}`)
	doc, err := s.coll.Document(t.Context(), "a")
	check(t, err)
	body, writer := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/_tandem/docs/shop/a", body)
	check(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answered := make(chan string)
	go func() {
		answer, err := v.client.Do(r)
		if err != nil {
			answered <- err.Error()
			return
		}
		answer.Body.Close()
		answered <- answer.Request.URL.Path
	}()
	form := url.Values{"do": {"delete"}, "rev": {doc.RevisionID()}}.Encode()
	_, err = io.WriteString(writer, form[:len(form)-1]) // until the server has taken the user's session
	check(t, err)
	s.handler.SetUsers(nil)
	_, err = io.WriteString(writer, form[len(form)-1:])
	check(t, errors.Join(err, writer.Close()))
	if path := <-answered; path == "/_tandem/docs/shop" {
		t.Error("the document was deleted")
	}
	v.wantBody("a", `{"n":1}`)
}

func TestCORSIsNotForThePage(t *testing.T) {
	s := servePage(t, func(cfg *rest.Configuration) { cfg.CORS.Origins = []string{"http://localhost:8000"} })
	v := visitAs(t, s, "ann")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/_tandem/new/shop", strings.NewReader("id=x&text={}"))
	check(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://localhost:8000")
	answer, err := v.client.Do(r)
	check(t, err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden || answer.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", answer.StatusCode, answer.Header)
	}
}

func TestALinkToThePageIsMadeByREST(t *testing.T) {
	s := servePage(t, nil)
	var made struct{ Path string }
	check(t, json.Unmarshal([]byte(s.want(s.do("POST /_page_link", "", "As: bob"), 201, "").body), &made))
	v := visit(t, s)
	v.post("login", "t", strings.TrimPrefix(made.Path, "/_tandem/login?t="))
	v.shows(v.get(""), "Log out", "bob")
	s.want(s.do("POST /_page_link", "", "As: "), 401, "")
}

func TestSelectedDocumentsAreDeletedOnceTheirNumberIsTyped(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "bob")
	pick := func(ids ...string) (fields url.Values) {
		fields = url.Values{}
		for _, id := range ids {
			doc, err := s.coll.Document(t.Context(), id)
			check(t, err)
			fields.Add("pick", doc.RevisionID()+" "+id)
		}
		return fields
	}
	for _, id := range []string{"a", "b c <x>", "d"} {
		v.put(id, `{"n":1}`)
	}
	picked := pick("a", "b c <x>")
	v.shows(v.get("docs/shop"), `value="`+picked["pick"][1]+`"`)
	v.shows(v.do("POST", "docs/shop", picked.Encode()), "Delete 2 documents?", "b c <x>", picked["pick"][0])
	for _, wrong := range []string{"1", "3", "all", "02"} {
		picked.Set("count", wrong)
		v.shows(v.do("POST", "docs/shop", picked.Encode()), "nothing was deleted", "type 2 to delete 2 documents", picked["pick"][1])
	}
	v.wantBody("a", `{"n":1}`)

	picked.Set("count", "2")
	v.put("a", `{"n":2}`) // meanwhile
	got := v.do("POST", "docs/shop", picked.Encode())
	v.shows(got, "1 of 2 documents were not deleted: a: somebody has changed it meanwhile")
	if got.status != http.StatusConflict {
		t.Errorf("got %d", got.status)
	}
	v.wantBody("a", `{"n":2}`)
	v.shows(v.get("docs/shop"), "2 documents")
	picked = pick("a", "d")
	picked.Set("count", "2")
	v.shows(v.do("POST", "docs/shop", picked.Encode()), "2 documents were deleted", "There are no documents yet")
	if got := v.do("POST", "docs/shop", "do=delete&count=0"); got.path != "/_tandem/docs/shop" {
		t.Errorf("nothing selected led to %s", got.path)
	}
	v.put("r", `{}`)
	picked = pick("r")
	picked.Set("count", "1")
	reader := visitAs(t, s, "ron")
	reader.shows(reader.do("POST", "docs/shop", picked.Encode()), "you may only read shop")
}

func TestADocumentsHistoryAndExpiryAreShown(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "bob")
	id := url.PathEscape(`h <i>1</i>`)
	v.put(`h <i>1</i>`, `{"n":1,"text":"<script>"}`)
	v.shows(v.get("sync/shop/"+id), "this database", "current", `"<script>"`, "The document does not expire.")
	for _, in := range []string{"", "x", "0", "-1", "100001"} {
		v.shows(v.post("sync/shop/"+id, "do", "set", "in", in, "unit", "days"), "this is no time from now")
	}
	v.shows(v.post("sync/shop/"+id, "do", "set", "in", "2", "unit", "weeks"), "this is no time from now")
	v.shows(v.post("sync/shop/"+id, "do", "set", "in", "2", "unit", "hours"), "It expires at the time below.", "Purged here at 20")
	at, err := s.coll.Expiration(t.Context(), `h <i>1</i>`)
	check(t, err)
	if in := time.Until(at); in < time.Hour || in > 2*time.Hour {
		t.Errorf("it expires in %v", in)
	}
	reader := visitAs(t, s, "ron")
	reader.shows(reader.post("sync/shop/"+id, "do", "never"), "you may only read shop", "Purged here at 20")
	v.shows(v.post("sync/shop/"+id, "do", "never"), "It does not expire.")
	if at, err := s.coll.Expiration(t.Context(), `h <i>1</i>`); err != nil || !at.IsZero() {
		t.Errorf("it expires at %v, %v", at, err)
	}
	doc, err := s.coll.Document(t.Context(), `h <i>1</i>`)
	check(t, err)
	check(t, s.coll.Delete(t.Context(), doc))
	v.shows(v.get("sync/shop/"+id), "current, deleted", "(deleted)")
}

func TestThePageManagesWhatIsTrusted(t *testing.T) {
	store := tandem.MemoryIdentityStore()
	s := servePage(t, func(cfg *rest.Configuration) { cfg.Identities = store })
	theirs, err := open(t, "theirs", tandem.Options{}).DefaultCollection(t.Context())
	check(t, err)
	l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{theirs}, NetworkInterface: "127.0.0.1", IdentityStore: tandem.MemoryIdentityStore(),
	})
	check(t, err)
	check(t, l.Start())
	t.Cleanup(l.Stop)
	v := visitAs(t, s, "ann")
	form := []string{"database", "shop", "direction", "push", "peer", l.URLs()[0]}
	v.shows(v.post("replications", append(form, "do", "test")...), "The peer has shown a certificate with the fingerprint", "put it in above", l.URLs()[0])
	v.shows(v.post("replications?part=test", append(form, "trust", "on")...), "The peer lets this replication in.")
	v.shows(v.post("replications?part=test", "database", "shop", "direction", "push", "peer", "nonsense"), `role="alert"`)
	v.shows(v.get("replications"), "There is none yet.")
	v.post("replications", append(form, "trust", "on")...)
	eventually(t, "a known server", func() bool { return strings.Contains(v.get("network").html, "Forget") })
	host := peer{url: l.URLs()[0]}.hostPort()
	v.shows(v.get("network"), "trusted on first use", host)
	if got := v.post("network", "db", "shop", "address", host); strings.Contains(got.html, "Forget") {
		t.Errorf("still known:\n%s", got.html)
	}

	v.shows(v.post("identities", "label", "till", "days", "none", "server", "on"), "this is no number of days", `value="till"`)
	v.shows(v.post("identities", "label", "till", "days", "30"), "the identity has no use")
	v.shows(v.post("identities", "label", "till", "days", "30", "client", "on", "dns", "a.example, b.example"), "till was made", "BEGIN CERTIFICATE")
	v.shows(v.post("identities", "label", "till", "days", "30", "client", "on"), "already", "choose another label")
	id, err := tandem.GetIdentity(store, "till")
	check(t, err)
	if days := time.Until(id.Expiration()).Hours() / 24; days < 29 || days > 30 || len(id.Leaf().DNSNames) != 2 {
		t.Errorf("the identity has %v days and the names %v", days, id.Leaf().DNSNames)
	}
	bob := visitAs(t, s, "bob")
	bob.shows(bob.post("identities", "label", "x", "days", "30", "client", "on"), "needs the role admin")
	bob.shows(bob.post("network", "db", "shop", "address", host), "needs the role admin")
}

func TestTheMeshIsDrawnAndDevicesAreInvited(t *testing.T) {
	s, member := serveMesh(t, func(cfg *rest.Configuration) { cfg.Page = true })
	web := httptest.NewServer(s.handler)
	t.Cleanup(web.Close)
	s.url = web.URL
	v := visitAs(t, s, "ann")
	v.shows(v.get("mesh"), "tills: 1 member, 0 links", member.Addresses()[0], "No other member is known yet.")
	got := v.post("mesh", "db", "shop", "do", "invite")
	v.shows(got, "It is not shown again", "tandem mesh join shop", "QR code")
	_, code, _ := strings.Cut(got.html, "tandem mesh join shop ")
	code, _, _ = strings.Cut(code, "<")
	theirs := open(t, "theirs", tandem.Options{})
	joined, err := tandem.JoinPeerGroup(t.Context(), theirs, code, tandem.JoinOptions{
		PeerGroupOptions: tandem.PeerGroupOptions{Identities: tandem.MemoryIdentityStore(), DeviceName: `till "<two>"`},
		Peers:            member.Addresses(), DisableDiscovery: true,
	})
	check(t, err)
	startMember(t, theirs, joined.PeerGroup, `till "<two>"`, member.Addresses()...)
	eventually(t, "the other member", func() bool {
		return strings.Contains(v.get("mesh?part=meshes").html, "tills: 2 members, 1 link")
	})
	eventually(t, "its name", func() bool { return strings.Contains(v.get("mesh").html, `till "<two>"`) })
	r := v.post("mesh", "db", "shop", "do", "invite")
	_, id, _ := strings.Cut(r.html, `name="cancel" value="`)
	id, _, _ = strings.Cut(id, `"`)
	v.shows(v.post("mesh", "db", "shop", "cancel", id), id+": cancelled", "used")
	bob := visitAs(t, s, "bob")
	bob.shows(bob.get("mesh"), "this view needs the role admin")
	bob.shows(bob.post("mesh", "db", "shop", "do", "invite"), "needs the role admin")
}

func TestTheLogIsDownloaded(t *testing.T) {
	log := rest.NewLog(nil)
	s := servePage(t, func(cfg *rest.Configuration) { cfg.Log, cfg.Logger = log, slog.New(log) })
	v := visitAs(t, s, "ann")
	slog.New(log).Warn("something odd", "what", "<x>\n")
	got := v.get("log/download?level=warn")
	var record struct{ Msg, Level string }
	check(t, json.Unmarshal([]byte(got.html), &record))
	if record.Msg != "something odd" || record.Level != "WARN" || !strings.HasPrefix(got.header.Get("Content-Disposition"), `attachment; filename="tandem-log-`) {
		t.Errorf("%s %v", got.html, got.header)
	}
	if got := visitAs(t, s, "bob").get("log/download"); got.status != http.StatusForbidden {
		t.Errorf("a user gets %d", got.status)
	}
}
