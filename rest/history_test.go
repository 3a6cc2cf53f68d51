package rest_test

import (
	"strings"
	"testing"
)

func TestTheHistoryOfADocumentIsListed(t *testing.T) {
	s := serve(t, nil)
	first := s.do("PUT /other/a", `{"n":1}`).rev(t)
	second := s.do("PUT /other/a?rev="+first, `{"n":2}`).rev(t)
	s.want(s.do("GET /other/_history/a", ""), 200,
		`[{"revision":"`+second+`","role":"current","generation":2,"body":{"n":2}},{"revision":"`+first+`","role":"ancestor","generation":1}]`)
	s.want(s.do("GET /other/_history/none", ""), 404, "")
	s.want(s.do("GET /shop/_history/none", "", "As: eve"), 403, "")
	s.want(s.do("GET /shop/_history/_x", ""), 400, "")

	rev := s.do("PUT /shop/v", `{"n":1}`).rev(t)
	s.want(s.do("DELETE /shop/v?rev="+escape(rev), ""), 200, "")
	s.want(s.do("GET /shop/_history/v", ""), 200, `[{"revision":"*","role":"current","time":"*","source":"*","own":true,"deleted":true,"body":{}}]`)
}

func TestTheExpiryIsSetWithoutAnEdit(t *testing.T) {
	s := serve(t, nil)
	rev := s.do("PUT /shop/a", `{"n":1}`).rev(t)
	s.want(s.do("GET /shop/_expiry/a", "", "As: ron"), 200, `{"_exp":null}`)
	s.want(s.do("PUT /shop/_expiry/a", `{"_exp":"2130-01-02T03:04:05Z"}`), 200, `{"_exp":"2130-01-02T03:04:05Z"}`)
	s.want(s.do("GET /shop/a?show_exp=true", ""), 200, `{"_id":"a","_rev":"`+rev+`","_cv":"*","_exp":"2130-01-02T03:04:05Z","n":1}`)
	if got := s.want(s.do("PUT /shop/_expiry/a", `{"_exp":3600}`), 200, ""); !strings.Contains(got.body, `"_exp":"20`) {
		t.Errorf("an hour from now is %s", got.body)
	}
	s.want(s.do("PUT /shop/_expiry/a", `{"_exp":null}`), 200, `{"_exp":null}`)
	for _, body := range []string{`{}`, `{"_exp":"soon"}`, `{"_exp":-1}`, `{"_exp":{}}`, `[]`} {
		s.want(s.do("PUT /shop/_expiry/a", body), 400, "")
	}
	s.want(s.do("PUT /shop/_expiry/a", `{"_exp":1}`, "As: ron"), 403, "")
	s.want(s.do("PUT /shop/_expiry/none", `{"_exp":1}`), 404, "")
	s.want(s.do("GET /shop/_expiry/none", ""), 404, "")
	s.want(s.do("GET /shop/_expiry/a", ""), 200, `{"_exp":null}`)
}
