package rest_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/tandemdb/tandem/rest"
)

var variable = regexp.MustCompile(`\{[^}]*\}`)

// operations are methods and paths whose variables have no names.
func operations(add func(yield func(method, path string))) (all []string) {
	add(func(method, path string) { all = append(all, method+" "+variable.ReplaceAllString(path, "{}")) })
	slices.Sort(all)
	return slices.Compact(all)
}

func TestTheDocumentHasEveryRouteAndNoOther(t *testing.T) {
	served := operations(func(yield func(method, path string)) {
		for _, row := range rest.Routes() {
			yield(row[0], row[1])
		}
	})
	described := operations(func(yield func(method, path string)) {
		for _, r := range document(t).Routes() {
			if r.Method != "HEAD" { // GET includes it
				yield(r.Method, r.Path)
			}
		}
	})
	for _, route := range served {
		if !slices.Contains(described, route) {
			t.Errorf("openapi.json does not describe %s", route)
		}
	}
	for _, route := range described {
		if !slices.Contains(served, route) {
			t.Errorf("openapi.json describes %s, which is not served", route)
		}
	}
	for _, r := range document(t).Routes() {
		if r.Method == "HEAD" && !slices.Contains(served, "GET "+variable.ReplaceAllString(r.Path, "{}")) {
			t.Errorf("openapi.json describes %s, which is not served", r)
		}
	}
}

func TestTheDocumentIsServedToEverybody(t *testing.T) {
	s := serve(t, nil)
	got := s.do("GET /_openapi.json", "", "As: ")
	if got.status != 200 || got.body != string(rest.OpenAPI()) {
		t.Errorf("%d with %d bytes, want the document", got.status, len(got.body))
	}
	s.want(s.do("GET /_openapi.json", "", "As: ", "If-None-Match: "+got.header.Get("ETag")), 304, "")
}
