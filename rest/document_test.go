package rest_test

import (
	"net/http"
	"net/url"
	"testing"
)

func TestADocumentIsWrittenReadAndDeleted(t *testing.T) {
	s := serve(t, nil)
	created := s.want(s.do("PUT /shop/h1", `{"stars": 3.00, "name":"\u0041"}`), 201, `{"ok":true,"id":"h1","rev":"*"}`)
	rev := created.rev(t)
	got := s.do("GET /shop/h1", "")
	if want := `{"_id":"h1","_rev":"` + rev + `","_cv":"` + rev + `","stars":3.00,"name":"\u0041"}` + "\n"; got.body != want {
		t.Errorf("got %s, want %s", got.body, want)
	}
	if tag := got.header.Get("Etag"); tag != `"`+rev+`"` || created.header.Get("Etag") != tag {
		t.Errorf("the entity tags are %s and %s, want %q", tag, created.header.Get("Etag"), rev)
	}
	s.want(s.do("PUT /shop/h1", `{}`), 409, `{"error":"conflict","reason":"the latest revision is `+rev+`","x-litecore-domain":1,"x-litecore-code":8,"hint":"*","id":"*"}`)
	second := s.want(s.do("PUT /shop/h1?rev="+url.QueryEscape(rev), `{"stars":4}`), 201, "").rev(t)
	s.want(s.do("DELETE /shop/h1?rev="+url.QueryEscape(rev), ""), 409, "")
	s.want(s.do("DELETE /shop/h1", "", "If-Match: \""+second+"\""), 200, `{"ok":true,"id":"h1","rev":"*"}`)
	s.want(s.do("GET /shop/h1", ""), 404, "")
}

// If-Match: * is for a document that exists, at whatever revision.
func TestAnyRevisionMatches(t *testing.T) {
	const whichever = "If-Match: *"
	s := serve(t, nil)
	for _, request := range []string{"PUT /shop/h1", "PUT /shop/h1/n", "POST /shop"} {
		s.want(s.do(request, `{}`, whichever), 412, "")
	}
	s.want(s.do("DELETE /shop/h1", "", whichever), 412, "")
	rev := s.put("/shop/h1", `{"n":1}`)
	s.want(s.do("PUT /shop/h1", `{"n":2}`, whichever), 201, "")
	s.want(s.do("PUT /shop/h1", `{"n":2}`, `If-Match: "*"`), 409, "")
	s.want(s.do("PUT "+at("/shop/h1", rev), `{"n":2}`, whichever), 409, "")
	s.want(s.do("POST /shop", `{"_id":"h1","n":3}`, whichever), 200, "")
	s.want(s.do("PUT /shop/h1/m", `4`, whichever), 201, "")
	s.want(s.do("PATCH /shop/h1", `{"k":5}`, whichever, "Content-Type: application/merge-patch+json"), 200, "")
	if text := s.text("h1"); text != `{"n":3,"m":4,"k":5}` {
		t.Errorf("the document is %s", text)
	}
	s.want(s.do("DELETE /shop/h1/k", "", whichever), 200, "")
	s.want(s.do("DELETE /shop/h1", "", whichever), 200, "")
	s.want(s.do("DELETE /shop/h1", "", whichever), 412, "")
}

func TestIDsInPathsAreTakenAsTheyWereSent(t *testing.T) {
	s := serve(t, nil)
	for _, id := range []string{"..", ".", "a//b", "a/b", "a%2Fb", "ä ö", "a?b#c", "a+b", `"x"`, "a;b&c"} {
		path := "/shop/" + escape(id)
		s.want(s.do("PUT "+path, `{"was":`+quote(id)+`}`), 201, `{"ok":true,"id":`+quote(id)+`,"rev":"*"}`)
		if got := s.do("GET "+path, ""); got.status != http.StatusOK || !like(`{"_id":`+quote(id)+`,"_rev":"*","_cv":"*","was":`+quote(id)+`}`, got.body) {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
	}
	for _, path := range []string{"/shop/%00", "/shop/_x", "/shop/%5Fx", "/shop/a%0Ab", "/shop/%FF"} {
		s.want(s.do("PUT "+path, `{}`), 400, "")
		s.want(s.do("GET "+path, ""), 400, "")
	}
}
