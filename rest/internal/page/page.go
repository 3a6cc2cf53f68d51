package page

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

// Page makes the HTML of all views. Make it with [New]; it is safe for concurrent use.
type Page struct {
	templates map[string]*template.Template // by the names of views
	views     []view
}

// view is one view: GET shows it, POST does something and then leads to a view.
type view struct {
	path  string // "docs/{ks}": see match
	name  string // of the template
	title string
	show  func(*look) (any, error)
	act   func(*look) (to string, err error)
}

// look is one look at a view.
type look struct {
	*Visit
	r    *http.Request
	vars map[string]string // of the path, unescaped but for ks
	at   *view
	form url.Values

	Title string
}

// New returns a page.
func New() *Page {
	p := &Page{views: views(), templates: map[string]*template.Template{}}
	for _, v := range p.views {
		p.templates[v.name] = parse(v.name)
	}
	p.templates["problem"] = parse("problem")
	return p
}

// views is the table of all views.
func views() []view {
	return []view{
		{path: "", name: "overview", title: "Overview", show: showOverview},
		{path: "login", name: "login", title: "Log in", show: showLogin, act: logIn},
		{path: "logout", name: "login", title: "Log out", act: logOut},
		{path: "docs", name: "databases", title: "Documents", show: showDatabases},
		{path: "docs/{ks}", name: "documents", title: "Documents", show: showDocuments, act: deleteSelected},
		{path: "new/{ks}", name: "document", title: "New document", show: showNew, act: saveNew},
		{path: "docs/{ks}/{id}", name: "document", title: "Document", show: showDocument, act: changeDocument},
		{path: "sync/{ks}/{id}", name: "sync", title: "Sync of a document", show: showSync, act: changeSync},
		{path: "conflicts", name: "conflicts", title: "Conflicts", show: showConflicts, act: settleConflict},
		{path: "replications", name: "replications", title: "Replications", show: showReplications, act: changeReplication},
		{path: "network", name: "network", title: "Network", show: showNetwork, act: forgetServer},
		{path: "mesh", name: "mesh", title: "Mesh", show: showMesh, act: changeMesh},
		{path: "identities", name: "identities", title: "Identities", show: showIdentities, act: makeIdentity},
		{path: "log", name: "log", title: "Log", show: showLog, act: keepDebug},
		{path: "query", name: "query", title: "Query", show: showQuery, act: runQuery},
	}
}

// Serve answers a request.
func (p *Page) Serve(w http.ResponseWriter, r *http.Request, v Visit) {
	secure(w.Header())
	switch {
	case IsStatic(v.Path):
		serveStatic(w, r, v.Path)
		return
	case v.Stranger:
		leadTo(w, r, "/_tandem/login?next="+url.QueryEscape(r.URL.RequestURI()))
		return
	case v.Path == "log/live":
		v.Pass(Request{Path: "/_log?" + url.Values{"level": {levelOf(r)}}.Encode()}, func(http.Header) {})
		return
	case v.Path == "log/download":
		downloadLog(w, r, v)
		return
	case strings.HasPrefix(v.Path, blobPrefix):
		serveBlob(w, r, v)
		return
	}
	at, vars := p.find(v.Path)
	if at == nil {
		nothing := &Problem{Status: http.StatusNotFound, Reason: "there is no such view"}
		p.render(w, r, &look{Visit: &v, r: r, Title: "Nothing here"}, "problem", nothing, nothing)
		return
	}
	p.answer(w, r, &look{Visit: &v, r: r, vars: vars, at: at, Title: at.title})
}

// secure sets what keeps scripts and frames of others out.
func secure(header http.Header) {
	header.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Referrer-Policy", "no-referrer")
}

// find returns the view of a path, with what its variables stand for.
func (p *Page) find(path string) (*view, map[string]string) {
	for i := range p.views {
		if vars, ok := match(p.views[i].path, path); ok {
			return &p.views[i], vars
		}
	}
	return nil, nil
}

func match(pattern, path string) (vars map[string]string, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	vars = map[string]string{}
	for i, segment := range want {
		if name, isVariable := strings.CutPrefix(segment, "{"); isVariable {
			text, err := url.PathUnescape(got[i])
			if got[i] == ".;" || got[i] == "..;" { // see shownID
				text = strings.TrimSuffix(got[i], ";")
			}
			if err != nil || text == "" {
				return nil, false
			}
			if name == "ks}" { // stays as it was sent: a segment of other paths
				text = got[i]
			}
			vars[strings.TrimSuffix(name, "}")] = text
			continue
		}
		if segment != got[i] {
			return nil, false
		}
	}
	return vars, true
}

// answer shows a view, or does what a form asks for.
func (p *Page) answer(w http.ResponseWriter, r *http.Request, l *look) {
	var data any
	var err error
	switch {
	case r.Method == http.MethodPost && l.at.act != nil:
		if err = r.ParseForm(); err != nil {
			err = &Problem{Status: http.StatusBadRequest, Reason: "the form cannot be read"}
			break
		}
		l.form = r.PostForm
		var to string
		if to, err = l.at.act(l); err == nil {
			leadTo(w, r, to)
			return
		}
	case r.Method == http.MethodPost || l.at.show == nil:
		err = &Problem{Status: http.StatusMethodNotAllowed, Reason: "this does not work here"}
	default:
		l.form = r.URL.Query()
		data, err = l.at.show(l)
	}
	if again, ok := err.(*redo); ok { //nolint:errorlint // nobody wraps it
		p.render(w, r, l, l.at.name, again.data, again.problem)
		return
	}
	if err != nil {
		p.render(w, r, l, "problem", problemOf(err), problemOf(err))
		return
	}
	p.render(w, r, l, l.at.name, data, nil)
}

// redo is the error of a form that is shown once more, with what was typed.
type redo struct {
	data    any
	problem *Problem
}

func (r *redo) Error() string { return "the form is shown again" }

// leadTo sends the browser to another view.
func leadTo(w http.ResponseWriter, r *http.Request, to string) {
	if r.Header.Get("Hx-Request") != "" {
		w.Header().Set("Hx-Redirect", to)
		w.WriteHeader(http.StatusOK)
		return
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// shown is what each template gets.
type shown struct {
	*look
	Data any
}

// render writes a view, or the part of it that the request asks for. problem, unless nil, has the status.
func (p *Page) render(w http.ResponseWriter, r *http.Request, l *look, name string, data any, problem *Problem) {
	block, with := "layout", any(shown{l, data})
	switch part := "part-" + r.URL.Query().Get("part"); {
	case part == "part-":
	case name == "problem":
		block, with = "problem", data
	case p.templates[name].Lookup(part) != nil:
		block = part
	}
	var html bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&html, block, with); err != nil {
		http.Error(w, "the page cannot be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	status := http.StatusOK
	if problem != nil && problem.Status != 0 {
		status = problem.Status
	}
	write(w, r, status, html.Bytes())
}
