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
