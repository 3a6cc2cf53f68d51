package rest_test

import (
	"net/url"
	"strings"
	"testing"
)

// put stores a document, and returns its revision.
func (s *server) put(path, body string) string {
	s.t.Helper()
	return s.want(s.do("PUT "+path, body), 201, "").rev(s.t)
}

// at returns a path with a revision.
func at(path, rev string) string { return path + "?rev=" + url.QueryEscape(rev) }

// text returns the stored text of a document, without ID and revision.
func (s *server) text(id string) string {
	s.t.Helper()
	d, err := s.coll.Document(s.t.Context(), id)
	check(s.t, err)
	return string(d.Body())
}

func TestAPropertyIsChangedAndNothingElse(t *testing.T) {
	s := serve(t, nil)
	const before = `{"a":1.0,"b":{"c/d":[10,{"e":"\u0041"}]},"ä":2e1}`
	rev := s.put("/shop/h1", before)
	for _, x := range []struct {
		method, key, body, after string
		status                   int
	}{
		{"PUT", "a", ` {"x" : 1.50} `, `{"a":{"x":1.50},"b":{"c/d":[10,{"e":"\u0041"}]},"ä":2e1}`, 201},
		{"PUT", "%2Fb%2Fc~1d%2F1%2Fe", `"B"`, `{"a":{"x":1.50},"b":{"c/d":[10,{"e":"B"}]},"ä":2e1}`, 201},
		{"PUT", "%2Fb%2Fc~1d%2F-", `30`, `{"a":{"x":1.50},"b":{"c/d":[10,{"e":"B"},30]},"ä":2e1}`, 201},
		{"PUT", "n%2Fx", `null`, `{"a":{"x":1.50},"b":{"c/d":[10,{"e":"B"},30]},"ä":2e1,"n/x":null}`, 201},
		{"DELETE", "%C3%A4", ``, `{"a":{"x":1.50},"b":{"c/d":[10,{"e":"B"},30]},"n/x":null}`, 200},
		{"DELETE", "%2Fb%2Fc~1d%2F0", ``, `{"a":{"x":1.50},"b":{"c/d":[{"e":"B"},30]},"n/x":null}`, 200},
	} {
		got := s.want(s.do(x.method+" "+at("/shop/h1/"+x.key, rev), x.body), x.status, `{"ok":true,"id":"h1","rev":"*"}`)
		if text := s.text("h1"); text != x.after {
			t.Fatalf("%s %s: got  %s\nwant %s", x.method, x.key, text, x.after)
		}
		rev = got.rev(t)
	}
	for key, want := range map[string]string{"a": `{"x":1.50}`, "n%2Fx": `null`, "%2Fb%2Fc~1d%2F1": `30`, "%2Fa%2Fx": `1.50`} {
		got := s.do("GET /shop/h1/"+key, "")
		if got.status != 200 || strings.TrimSpace(got.body) != want || got.header.Get("Etag") != `"`+rev+`"` {
			t.Errorf("%s: got %d %s, %v, want %s", key, got.status, got.body, got.header, want)
		}
		s.want(s.do("GET /shop/h1/"+key, "", `If-None-Match: "`+rev+`"`), 304, "")
	}
	s.want(s.do("GET "+at("/shop/h1/a", rev), ""), 200, `{"x":1.5}`)
}

func TestAPropertyMakesItsDocument(t *testing.T) {
	s := serve(t, nil)
	rev := s.want(s.do("PUT /shop/new/name", `"A"`), 201, "").rev(t)
	if text := s.text("new"); text != `{"name":"A"}` {
		t.Errorf("got %s", text)
	}
	s.want(s.do("PUT /shop/other/%2Fa%2Fb", `1`), 404, "") // there is no object a
	s.want(s.do("PUT /shop/other/%2Fa", `{}`), 201, "")
	s.want(s.do("DELETE "+at("/shop/new", rev), ""), 200, "")
	s.want(s.do("PUT /shop/new/name", `"B"`), 201, "")
	if text := s.text("new"); text != `{"name":"B"}` {
		t.Errorf("after a deletion: got %s", text)
	}
}

func TestPropertiesThatCannotBe(t *testing.T) {
	s := serve(t, nil)
	old := s.put("/shop/h1", `{"a":1}`)
	rev := s.want(s.do("PUT "+at("/shop/h1", old), `{"a":1,"list":[1]}`), 201, "").rev(t)
	for _, x := range []struct {
		request, body string
		status        int
	}{
		{"PUT /shop/h1/a", "2", 409},
		{"PUT " + at("/shop/h1/a", old), "2", 409},
		{"DELETE /shop/h1/a", "", 409},
		{"DELETE " + at("/shop/h1/a", old), "", 409},
		{"DELETE /shop/none/a", "", 404},
		{"DELETE " + at("/shop/none/a", old), "", 409},
		{"DELETE " + at("/shop/h1/none", rev), "", 404},
		{"DELETE " + at("/shop/h1/%2Flist%2F1", rev), "", 404},
		{"PUT " + at("/shop/h1/%2Flist%2F2", rev), "2", 404},
		{"PUT " + at("/shop/h1/%2Fa%2Fb", rev), "2", 404},
		{"PUT " + at("/shop/h1/_x", rev), "2", 400},
		{"PUT " + at("/shop/h1/%2F_x", rev), "2", 400},
		{"PUT " + at("/shop/h1/_attachments", rev), "{}", 400},
		{"PUT " + at("/shop/h1/a", rev), "{", 400},
		{"PUT " + at("/shop/h1/a", rev), `{"x":1,"x":2}`, 400},
		{"PUT " + at("/shop/h1/a", rev), "1 2", 400},
		{"PUT " + at("/shop/h1/%FF", rev), "1", 400},
		{"GET /shop/h1/none", "", 404},
		{"GET /shop/h1/_rev", "", 404},
		{"GET /shop/none/a", "", 404},
		{"GET /shop/h1/a?content=true", "", 400},
		{"GET /shop/h1/a?content=x", "", 400},
		{"GET /shop/h1/blob_%2Fa", "", 400},
	} {
		s.want(s.do(x.request, x.body), x.status, "")
	}
	s.want(s.do("PUT "+at("/shop/h1/a", rev), "2", "If-None-Match: *"), 412, "")
	s.want(s.do("PUT "+at("/shop/h1/a", rev), "2", `If-Match: "1-ab"`), 400, "")
	s.want(s.do("PUT "+at("/shop/h1/a", rev), "2", "As: ron"), 403, "")
	s.want(s.do("GET /shop/h1/a", "", "As: eve"), 403, "")
	if text := s.text("h1"); text != `{"a":1,"list":[1]}` {
		t.Errorf("the document is %s now", text)
	}
}

func TestAMergePatch(t *testing.T) {
	s := serve(t, nil)
	const patch = "Content-Type: application/merge-patch+json"
	rev := s.put("/shop/h1", `{"a":1.0,"b":{"c":2,"d":[3]},"e":"\u0041"}`)
	s.want(s.do("PATCH /shop/h1", `{"a":2}`, patch), 409, "")
	s.want(s.do("PATCH "+at("/shop/h1", rev), `{"a":2}`), 415, "")
	for _, wrong := range []string{`[1]`, `{`, `{"_id":"x"}`, `1`, `null`, `{"a":1}{}`} {
		s.want(s.do("PATCH "+at("/shop/h1", rev), wrong, patch), 400, "")
	}
	rev = s.want(s.do("PATCH "+at("/shop/h1", rev), `{"b":{"c":null,"x":1.50}, "f":{"g":null}}`, patch), 200, "").rev(t)
	if text := s.text("h1"); text != `{"a":1.0,"b":{"d":[3],"x":1.50},"e":"\u0041","f":{}}` {
		t.Errorf("got %s", text)
	}
	s.want(s.do("PATCH /shop/h1", `{"b":null}`, patch, `If-Match: "`+rev+`"`), 200, "")
	s.want(s.do("PATCH /shop/new", `{"a":1,"b":null}`, patch), 201, "")
	if text := s.text("new"); text != `{"a":1}` {
		t.Errorf("a new document: got %s", text)
	}
	s.want(s.do("PATCH /shop/new2", `{}`, patch, "As: ron"), 403, "")
}
