package rest

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// router finds the route of a request by its path as the client has sent it: an ID may be ".." or have
// slashes, which are escaped there.
type router struct{ patterns []*pattern } // fixed segments before variables

// pattern is the path of one or more routes, split at its slashes.
type pattern struct {
	segments []string // "{name}" for a variable
	rest     bool     // the last segment is {name...}
	methods  map[string]route
}

// match is a route with the parts of the path that its variables stand for, still escaped.
type match struct {
	route    *route
	segments []string
	values   []string
}

func newRouter(table []route) router {
	byText := make(map[string]*pattern)
	for _, row := range table {
		p := byText[row.pattern]
		if p == nil {
			segments := strings.Split(row.pattern[1:], "/")
			p = &pattern{segments: segments, methods: map[string]route{}}
			p.rest = strings.HasSuffix(segments[len(segments)-1], "...}")
			byText[row.pattern] = p
		}
		p.methods[row.method] = row
	}
	return router{slices.SortedFunc(maps.Values(byText), comparePatterns)}
}

// comparePatterns sorts the pattern first that has a fixed segment where the other has a variable.
func comparePatterns(a, b *pattern) int {
	for i := range min(len(a.segments), len(b.segments)) {
		if c := cmp.Compare(rank(a.segments[i]), rank(b.segments[i])); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(a.segments), len(b.segments)), slices.Compare(a.segments, b.segments))
}

func rank(segment string) int {
	switch {
	case !isVariable(segment):
		return 0
	case strings.HasSuffix(segment, "...}"):
		return 2
	}
	return 1
}

func isVariable(segment string) bool { return strings.HasPrefix(segment, "{") }

// find returns the route of a request: the error is 404 for an unknown path, and 405 for a known one
// that has no such method.
func (rt router) find(r *http.Request) (match, error) {
	segments := split(sentPath(r.URL))
	for _, p := range rt.patterns {
		values, fits := p.match(segments)
		if !fits {
			continue
		}
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		row, ok := p.methods[method]
		if !ok {
			return match{}, p.refuse(r.Method)
		}
		return match{&row, p.segments, values}, nil
	}
	return match{}, refuse(http.StatusNotFound, "there is nothing at this path")
}

// sentPath returns the path as the client has sent it. [url.URL.EscapedPath] would not do: where a
// character should have been escaped and was not, it escapes anew, and an escaped slash is lost.
func sentPath(u *url.URL) string { return cmp.Or(u.RawPath, u.EscapedPath()) }

// split splits a path at its slashes. One at the end does not count after a database or keyspace.
func split(path string) []string {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(segments) == 2 && segments[1] == "" {
		segments = segments[:1]
	}
	return segments
}

func (p *pattern) match(segments []string) (values []string, fits bool) {
	if len(segments) != len(p.segments) && (!p.rest || len(segments) < len(p.segments)) {
		return nil, false
	}
	for i, want := range p.segments {
		switch {
		case p.rest && i == len(p.segments)-1:
			return append(values, strings.Join(segments[i:], "/")), true
		case isVariable(want):
			values = append(values, segments[i])
		case want != segments[i]:
			return nil, false
		}
	}
	return values, true
}

// refuse answers a method that the pattern does not have.
func (p *pattern) refuse(method string) error {
	var allowed []string
	for known := range p.methods {
		allowed = append(allowed, known)
		if known == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	no := refuse(http.StatusMethodNotAllowed, "%s does not work here", method)
	no.header = http.Header{"Allow": {strings.Join(allowed, ", ")}}
	return no
}
