package rest_test

import (
	"testing"
)

func TestAnEmptyBodyEmptiesNoDocument(t *testing.T) {
	s := serve(t, nil)
	rev := s.want(s.do("PUT /shop/a", `{"n":1}`), 201, "").rev(t)
	for _, body := range []string{"", " \n"} {
		s.want(s.do("PUT /shop/a?rev="+escape(rev), body, "Content-Type: application/json"), 400, "")
		s.want(s.do("PUT /shop/b", body), 400, "")
		s.want(s.do("POST /shop", body), 400, "")
	}
	s.want(s.do("GET /shop/a", ""), 200, `{"_id":"a","_rev":"`+rev+`","_cv":"*","n":1}`)
	s.want(s.do("GET /shop/b", ""), 404, "")
}

func TestOldEditsAreNotTakenForNewOnes(t *testing.T) {
	s := serve(t, nil)
	s.want(s.do("PUT /shop/a?new_edits=false", `{"n":1}`), 501, "")
	s.want(s.do("POST /shop/_bulk_docs", `{"docs":[{"_id":"a"}],"new_edits":"false"}`), 400, "")
	s.want(s.do("POST /shop/_bulk_docs", `{"new_edits":{},"docs":[{"_id":"a"}]}`), 400, "")
	s.want(s.do("GET /shop/a", ""), 404, "")
	s.want(s.do("PUT /shop/a?new_edits=true", `{"n":1}`), 201, "")
}

func TestACompressedBodyIsNotStoredAsItIs(t *testing.T) {
	s := serve(t, nil)
	s.want(s.do("PUT /shop/a/photo", "\x1f\x8b", "Content-Type: image/png", "Content-Encoding: gzip"), 415, "")
	s.want(s.do("PUT /shop/a", "\x1f\x8b", "Content-Encoding: gzip"), 415, "")
	s.want(s.do("GET /shop/a", ""), 404, "")
	s.want(s.do("PUT /shop/a", "{}", "Content-Encoding: identity"), 201, "")
}

func TestAPatchMayNameItsRevision(t *testing.T) {
	s := serve(t, nil)
	const patch = "Content-Type: application/merge-patch+json"
	rev := s.want(s.do("PUT /shop/a", `{"n":1,"m":2}`), 201, "").rev(t)
	s.want(s.do("PATCH /shop/a", `{"_rev":"1@AAAAAAAAAAAAAAAAAAAAAA","n":null}`, patch), 409, "")
	s.want(s.do("PATCH /shop/a?rev=1@AAAAAAAAAAAAAAAAAAAAAA", `{"_rev":"`+rev+`","n":null}`, patch), 400, "")
	s.want(s.do("PATCH /shop/a", `{"_rev":1}`, patch), 400, "")
	s.want(s.do("PATCH /shop/a", `[1]`, patch), 400, `{"error":"bad_request","reason":"the patch is no JSON object","x-litecore-domain":"*","x-litecore-code":"*","id":"*"}`)
	s.want(s.do("PATCH /shop/a", `{"_rev":"`+rev+`","n":null}`, patch), 200, "")
	s.want(s.do("GET /shop/a", ""), 200, `{"_id":"a","_rev":"*","_cv":"*","m":2}`)
}

func TestWhereADocumentIsThatThePathDoesNotName(t *testing.T) {
	s := serve(t, nil)
	for _, method := range []string{"POST", "PUT"} {
		id := "a b" + method
		got := s.want(s.do(method+" /shop", `{"_id":"`+id+`"}`), 200, "")
		if location, want := got.header.Get("Location"), "/shop/a%20b"+method; location != want {
			t.Errorf("%s: Location is %q, want %q", method, location, want)
		}
	}
	if location := s.do("PUT /shop/c", "{}").header.Get("Location"); location != "" {
		t.Errorf("a path that names the document: Location is %q", location)
	}
}
