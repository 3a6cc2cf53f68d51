package rest_test

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// No other writer finds a document that was to expire without its expiry.
func TestADocumentIsSavedWithItsExpiry(t *testing.T) {
	s := serve(t, unlimited)
	end, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for next := 0; ; {
			err := s.shop.InBatch(t.Context(), func(b *tandem.Batch) error {
				id := fmt.Sprint("d", next)
				if _, err := s.coll.Document(b.Context(), id); err != nil {
					return nil //nolint:nilerr // it is not there yet
				}
				next++
				at, err := s.coll.Expiration(b.Context(), id)
				if err == nil && at.IsZero() {
					err = fmt.Errorf("%s is there without its expiry", id)
				}
				return err
			})
			select {
			case <-end:
				ended <- err
				return
			default:
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	for i := range 50 {
		s.want(s.do(fmt.Sprint("PUT /shop/d", i), `{"_exp":3600}`), 201, "")
	}
	close(end)
	check(t, <-ended)
}

func TestADocumentIsReadAsItWas(t *testing.T) {
	s := serve(t, nil)
	first := s.do("PUT /other/a", `{"n":1}`).rev(t)
	second := s.do("PUT /other/a?rev="+first, `{"n":2,"_exp":86400}`).rev(t)
	_, d1, _ := strings.Cut(first, "-")
	_, d2, _ := strings.Cut(second, "-")
	body := `{"_id":"a","_rev":"` + second + `","n":2}`
	s.want(s.do("GET /other/a", ""), 200, body)
	s.want(s.do("GET /other/a?rev="+second, ""), 200, body)
	s.want(s.do("GET /other/a?rev=9-ab", ""), 404, `{"error":"not_found","reason":"missing","x-litecore-domain":1,"x-litecore-code":7,"id":"*"}`)
	s.want(s.do("GET /other/a?revs=true", ""), 200, `{"_id":"a","_rev":"`+second+`","_revisions":{"start":2,"ids":["`+d2+`","`+d1+`"]},"n":2}`)
	s.want(s.do("GET /other/a?show_exp=true", ""), 200, `{"_id":"a","_rev":"`+second+`","_exp":"*","n":2}`)
	s.want(s.do("GET /other/a?conflicts=true", ""), 200, body)
	s.want(s.do("GET /other/a?revs=1", ""), 400, "")
	s.want(s.do(`GET /other/a?open_revs=all`, ""), 200, `[{"ok":`+body+`}]`)
	s.want(s.do(`GET /other/a?open_revs=["`+second+`","1-00"]`, ""), 200, `[{"ok":`+body+`},{"missing":"1-00"}]`)
	s.want(s.do(`GET /other/a?open_revs=[]`, ""), 200, `[]`)
	s.want(s.do(`GET /other/a?open_revs=1`, ""), 400, "")
	s.want(s.do(`GET /other/b?open_revs=all`, ""), 404, "")
	s.want(s.do("GET /other/a", "", `If-None-Match: "`+second+`"`), 304, "")
	s.want(s.do("GET /other/a", "", `If-None-Match: "x", W/"`+second+`"`), 304, "")
	s.want(s.do("GET /other/a", "", `If-None-Match: "`+first+`"`), 200, body)
	if head := s.want(s.do("HEAD /other/a", ""), 200, ""); head.body != "" || head.header.Get("Etag") != `"`+second+`"` {
		t.Errorf("HEAD gives %q and %s", head.body, head.header.Get("Etag"))
	}
	third := s.do("DELETE /other/a?rev="+second, "").rev(t)
	s.want(s.do("GET /other/a", ""), 404, `{"error":"not_found","reason":"deleted","x-litecore-domain":1,"x-litecore-code":7,"id":"*"}`)
	s.want(s.do("GET /other/a?rev="+third, ""), 200, `{"_id":"a","_rev":"`+third+`","_deleted":true}`)
}

func TestRevisionsThatDifferAreRefused(t *testing.T) {
	s := serve(t, nil)
	rev := s.do("PUT /other/a", `{}`).rev(t)
	for _, x := range []struct {
		request, body, match string
		status               int
	}{
		{"PUT /other/a?rev=" + rev, `{"_rev":"` + rev + `"}`, rev, 201},
		{"PUT /other/a?rev=1-00", `{"_rev":"` + rev + `"}`, "", 400},
		{"PUT /other/a", `{"_rev":"` + rev + `"}`, `"1-00"`, 400},
		{"PUT /other/a", `{"_rev":"` + rev + `"}`, "", 409},
		{"PUT /other/a", `{"_rev":7}`, "", 400},
		{"PUT /other/b", `{"_rev":"` + rev + `"}`, "", 409},
		{"DELETE /other/a", "", "", 409},
		{"DELETE /other/b?rev=" + rev, "", "", 404},
		{"DELETE /other/b", "", "", 404},
	} {
		var headers []string
		if x.match != "" {
			headers = append(headers, "If-Match: "+x.match)
		}
		if got := s.do(x.request, x.body, headers...); got.status != x.status {
			t.Errorf("%s %s %s: got %d %s, want %d", x.request, x.body, x.match, got.status, got.body, x.status)
		}
	}
}

func TestADocumentIsCreatedOnlyOnce(t *testing.T) {
	s := serve(t, nil)
	s.want(s.do("PUT /shop/a", `{}`, "If-None-Match: *"), 201, "")
	s.want(s.do("PUT /shop/a", `{}`, "If-None-Match: *"), 412, "")
	made := s.want(s.do("POST /shop", `{"n":1}`), 200, `{"ok":true,"id":"*","rev":"*"}`)
	place := made.header.Get("Location")
	if got := s.do("GET "+place, ""); got.status != 200 || !strings.Contains(got.body, `"n":1`) {
		t.Errorf("GET %s gives %d %s", place, got.status, got.body)
	}
	s.want(s.do("POST /shop", `{"_id":"p/q"}`), 200, `{"ok":true,"id":"p/q","rev":"*"}`)
	s.want(s.do("GET /shop/p%2Fq", ""), 200, "")
	s.want(s.do("POST /shop", `{"_id":"p/q"}`), 409, "")
	s.want(s.do("POST /shop", `{"_id":""}`), 400, "")
	s.want(s.do("POST /shop", `{"_id":"_x"}`), 400, "")
	rev := s.do("PUT /shop/d", `{}`).rev(t)
	deleted := s.do("PUT /shop/d?rev="+url.QueryEscape(rev), `{"_deleted":true}`).rev(t)
	s.want(s.do("GET /shop/d", ""), 404, "")
	s.want(s.do("PUT /shop/d?rev="+url.QueryEscape(deleted), `{"back":1}`), 201, "")
	s.want(s.do("PUT /shop/d", `{"back":1}`), 409, "")
}

func TestBodiesThatAreNoDocumentsAreRefused(t *testing.T) {
	s := serve(t, nil)
	for body, status := range map[string]int{
		`{"a":1`: 400, `[]`: 400, `7`: 400, `{"a":1,"a":2}`: 400, `{"_x":1}`: 400, `{"_id":"b"}`: 400, `{"a":1}}`: 400,
		`{"_exp":"soon"}`: 400, `{"_exp":-1}`: 400, `{"_deleted":1}`: 400, `{"a":NaN}`: 400, "{\"a\":\"\xff\"}": 400,
		`{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`: 400,
		`{"a":{"_ok":1}}`: 201,
	} {
		if got := s.do("PUT /shop/a", body); got.status != status {
			t.Errorf("%.40s: got %d %s, want %d", body, got.status, got.body, status)
		}
	}
	long := `{"a":"` + strings.Repeat("x", 21<<20) + `"}`
	s.want(s.do("PUT /shop/long", long), 413, "")
	s.want(s.do("PUT /shop/a", `{}`, "Content-Type: text/plain"), 415, "")
	s.want(s.do("PUT /shop/a", `{}`, "Content-Type: application/json; charset=latin1"), 415, "")
	s.want(s.do("PUT /shop/b", `{}`, "Content-Type: application/json; charset=UTF-8"), 201, "")
}

func TestAllDocumentsAreListed(t *testing.T) {
	s := serve(t, nil)
	for i := range 5 {
		s.want(s.do(fmt.Sprintf("PUT /shop/d%d", i), fmt.Sprintf(`{"n":%d}`, i)), 201, "")
	}
	s.want(s.do("PUT /shop/e%2F", `{}`), 201, "")
	gone := s.do("PUT /shop/gone", `{}`).rev(t)
	s.want(s.do("DELETE /shop/gone?rev="+url.QueryEscape(gone), ""), 200, "")
	for query, want := range map[string]string{
		"":                                       "d0 d1 d2 d3 d4 e/",
		"?descending=true":                       "e/ d4 d3 d2 d1 d0",
		"?limit=2":                               "d0 d1",
		"?limit=0":                               "d0",
		"?skip=4":                                "d4 e/",
		"?skip=1&limit=2&descending=true":        "d4 d3",
		`?startkey="d3"`:                         "d3 d4 e/",
		"?startkey=d3&limit=1":                   "d3",
		"?endkey=d1":                             "d0 d1",
		"?endkey=d1&inclusive_end=false":         "d0",
		"?startkey=d3&endkey=d1":                 "",
		"?startkey=d3&endkey=d1&descending=true": "d3 d2 d1",

		"?startkey=d3&endkey=d1&descending=true&inclusive_end=false": "d3 d2",

		"?startkey=d1&endkey=d3": "d1 d2 d3",
		"?key=d2":                "d2",
		`?keys=["d4","no","d1"]`: "d4 !no d1",
		`?keys=["d4","gone"]`:    "d4 -gone",
		"?keys=[]":               "",
	} {
		got := s.want(s.do("GET /shop/_all_docs"+query, ""), 200, "")
		if ids := idsOf(t, got.body); ids != want {
			t.Errorf("%s: got %s, want %s", query, ids, want)
		}
		with := s.want(s.do("GET /shop/_all_docs"+strings.Replace(query+"&include_docs=true", "&", "?", map[bool]int{true: 1}[query == ""]), ""), 200, "")
		if ids := idsOf(t, with.body); ids != want {
			t.Errorf("%s with documents: got %s, want %s", query, ids, want)
		}
	}
	s.want(s.do("POST /shop/_all_docs?include_docs=true", `{"keys":["d1","no","gone"]}`), 200, `{"total_rows":6,"update_seq":8,"rows":[
		{"key":"d1","id":"d1","value":{"rev":"*","cv":"*"},"doc":{"_id":"d1","_rev":"*","_cv":"*","n":1}},{"key":"no","error":"not_found"},
		{"key":"gone","id":"gone","value":{"rev":"*","cv":"*","deleted":true},"doc":null}]}`)
	s.want(s.do("POST /shop/_all_docs", `{"keys":7}`), 400, "")
	for _, x := range [][2]string{ // options may be in the body, and come before those of the URL
		{`{"startkey":"d1","endkey":"d3","inclusive_end":false,"limit":5}`, "?startkey=d1&endkey=d3&inclusive_end=false&limit=5"},
		{`{"descending":true,"skip":1,"limit":2,"include_docs":true}`, "?descending=true&skip=1&limit=2&include_docs=true"},
		{`{"key":"d1","startkey":null,"reduce":false}`, `?key="d1"`},
		{`{}`, ""},
	} {
		s.want(s.do("POST /shop/_all_docs?limit=1", x[0]), 200, s.do("GET /shop/_all_docs"+cmp.Or(x[1], "?limit=1"), "").body)
	}
	s.want(s.do("POST /shop/_all_docs", `{"limit":"x"}`), 400, "")
	s.want(s.do("POST /shop/_all_docs", `[]`), 400, "")
	s.want(s.do("GET /shop/_all_docs?limit=x", ""), 400, "")
	s.want(s.do("GET /shop/_all_docs?descending=yes", ""), 400, "")
}

func TestARevisionMayBeWrittenAsItIs(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) { cfg.Limits.RequestsPerSecond = -1 })
	d, err := tandem.NewDocumentWithBody("a", []byte(`{"n":1}`))
	check(t, err)
	const rev = "18c1f00000000000@+++++++++++++++++++++A"
	check(t, s.shop.InBatch(t.Context(), func(b *tandem.Batch) error {
		_, err := b.Restore(s.coll, d, tandem.RestoreOptions{RevisionID: rev})
		return err
	}))
	s.want(s.do("GET /shop/a?rev="+rev, ""), 200, "")
	s.want(s.do("PUT /shop/a?rev="+rev, `{"n":2}`), 201, "")
}
