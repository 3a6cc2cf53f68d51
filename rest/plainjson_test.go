package rest_test

import (
	"strings"
	"testing"
)

func TestErrorsOfJSONNameNoTypesOfGo(t *testing.T) {
	s := serve(t, nil)
	for _, x := range []struct{ request, body, reason string }{
		{"POST /_replicate", `{"source":5}`, "source: got number, want a string"},
		{"POST /_replicate", `[]`, "the value: got array, want an object"},
		{"POST /_replicate", `{"collections":5}`, "collections: got number, want an object"},
		{"POST /_replicate", `{"collections":{"a":{"channels":"b"}}}`, "got string, want an array"},
		{"POST /shop/_query", `{"query":true}`, "query: got bool, want a string"},
		{"POST /shop/_purge", `{"a":5}`, "got number, want an array"},
	} {
		got := s.want(s.do(x.request, x.body, "As: ann"), 400, "")
		if !strings.Contains(got.body, x.reason) || strings.Contains(got.body, "Go ") || strings.Contains(got.body, "rest.") {
			t.Errorf("%s %s: got %s, want %s", x.request, x.body, got.body, x.reason)
		}
	}
}
