package rest_test

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

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

// Text of an encrypted database is not for the files of the browser.
func TestDraftsAreNotKeptOfAnEncryptedDatabase(t *testing.T) {
	s := servePage(t, func(cfg *rest.Configuration) {
		key, err := tandem.NewEncryptionKey(make([]byte, tandem.EncryptionKeySize))
		check(t, err)
		cfg.Databases = append(cfg.Databases, rest.Database{Database: open(t, "vault", tandem.Options{EncryptionKey: key}), ClientWrites: true})
	})
	v := visitAs(t, s, "ann")
	v.shows(v.get("new/shop"), " data-drafts")
	got := v.get("new/vault")
	v.shows(got, "New document")
	if strings.Contains(got.html, "data-drafts") {
		t.Error("drafts of an encrypted database are kept")
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
	if strings.Contains(got.html, ">d60<") || strings.Contains(got.html, "<html") {
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
