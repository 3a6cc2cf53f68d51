package rest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/testsize"
	"github.com/tandemdb/tandem/rest"
)

// idsOf lists the IDs of rows, with ! before a missing one and - before a deleted one.
func idsOf(t *testing.T, text string) string {
	t.Helper()
	var all struct {
		Rows []struct {
			ID, Key, Error string
			Value          struct{ Deleted bool }
		}
	}
	check(t, json.Unmarshal([]byte(text), &all))
	var ids []string
	for _, row := range all.Rows {
		switch {
		case row.Error != "":
			row.Key = "!" + row.Key
		case row.Value.Deleted:
			row.Key = "-" + row.Key
		}
		ids = append(ids, row.Key)
	}
	return strings.Join(ids, " ")
}

func TestABulkRequestSavesEachDocumentByItself(t *testing.T) {
	s := serve(t, nil)
	rev := s.do("PUT /shop/a", `{"n":0}`).rev(t)
	gone := s.do("PUT /shop/gone", `{}`).rev(t)
	s.want(s.do("POST /shop/_bulk_docs", `{"ignored":[{}],"docs":[
		{"_id":"a","n":1}, {"_id":"a","_rev":"`+rev+`","n":2}, {"_id":"b"}, {"n":3}, {"_id":"_c"}, {"_id":"d","_x":1},
		{"_id":"gone","_deleted":true,"_rev":"`+gone+`"}, {"_id":"no","_deleted":true,"_rev":"1-a"}, 7, {"_id":"b"}
	],"new_edits":true}`), 201, `[
		{"id":"a","error":"conflict","reason":"*","hint":"*","status":409},
		{"id":"a","rev":"*"},{"id":"b","rev":"*"},{"id":"*","rev":"*"},
		{"id":"_c","error":"bad_request","reason":"*","status":400},
		{"id":"d","error":"bad_request","reason":"*","status":400},
		{"id":"gone","rev":"*"},
		{"id":"no","error":"not_found","reason":"*","status":404},
		{"error":"bad_request","reason":"*","status":400},
		{"id":"b","error":"conflict","reason":"*","hint":"*","status":409}]`)
	s.want(s.do("GET /shop/a", ""), 200, `{"_id":"a","_rev":"*","_cv":"*","n":2}`)
	s.want(s.do("GET /shop/gone", ""), 404, "")
}

func TestABulkRequestIsWholeOrRefused(t *testing.T) {
	s := serve(t, nil)
	for body, status := range map[string]int{
		"": 400, "{}": 400, "[]": 400, "7": 400, `{"docs":7}`: 400, `{"docs":[{"_id":"x"}`: 400, `{"docs":[{"_id":"x"}]`: 400,
		`{"docs":[{"_id":"x"}]}{`: 400, `{"docs":[{"_id":"x"}],}`: 400, `{"docs":[],"docs":[{"_id":"x"}]}`: 400,
		`{"docs":[{"_id":"x"},nul]}`: 400, `{"docs":[{"_id":"x"}],"new_edits":false}`: 501, `{"new_edits":false,"docs":[{"_id":"x"}]}`: 501,
		`{"docs":[]}`: 201, `{"docs":[],"more":{"a":[1,2]}}`: 201,
	} {
		if got := s.do("POST /shop/_bulk_docs", body, "Content-Type: application/json"); got.status != status {
			t.Errorf("%s: got %d %s, want %d", body, got.status, got.body, status)
		}
	}
	s.want(s.do("GET /shop/x", ""), 404, "")
	s.want(s.do("POST /shop/_bulk_docs", `{"docs":[{"a":"`+strings.Repeat("x", 21<<20)+`"}]}`), 413, "")
}

// TestABulkBodyCutAnywhereStoresNothing: what was not acknowledged is not there either, in one group.
func TestABulkBodyCutAnywhereStoresNothing(t *testing.T) {
	s := serve(t, nil)
	whole := `{"docs":[{"_id":"x","n":[1,{"a":"\u00e4"}]},{"_id":"y"}],"new_edits":true}`
	for cut := range len(whole) {
		s.want(s.do("POST /shop/_bulk_docs", whole[:cut], "Content-Type: application/json"), 400, "")
	}
	if n, err := s.coll.Count(t.Context()); err != nil || n != 0 {
		t.Errorf("there are %d documents, %v", n, err)
	}
	s.want(s.do("POST /shop/_bulk_docs", whole), 201, "")
}

// TestALongBulkRequestGetsItsResultsInOrder: while it is sent, from some size on.
func TestALongBulkRequestGetsItsResultsInOrder(t *testing.T) {
	s := serve(t, nil)
	n := testsize.Pick(10_000, 60_000)
	var body bytes.Buffer
	body.WriteString(`{"docs":[`)
	for i := range n {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"_id":"d%06d"}`, i)
	}
	body.WriteString(`]}`)
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/shop/_bulk_docs", &body)
	check(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("bob", "bob")
	got := s.send(r)
	var rows []struct{ ID, Rev string }
	check(t, json.Unmarshal([]byte(got.body), &rows))
	if len(rows) != n || got.status != 201 {
		t.Fatalf("%d with %d rows, want %d", got.status, len(rows), n)
	}
	for i, row := range rows {
		if row.ID != fmt.Sprintf("d%06d", i) || row.Rev == "" {
			t.Fatalf("row %d is %v", i, row)
		}
	}
}

func TestManyDocumentsAreReadAtOnce(t *testing.T) {
	s := serve(t, nil)
	rev := s.do("PUT /other/a", `{"n":1}`).rev(t)
	ask := `{"docs":[{"id":"a"},{"id":"a","rev":"` + rev + `"},{"id":"a","rev":"2-00"},{"id":"no"},{"id":"_x"}]}`
	doc := `{"_id":"a","_rev":"` + rev + `","n":1}`
	s.want(s.do("POST /other/_bulk_get", ask), 200, `{"results":[{"id":"a","docs":[{"ok":`+doc+`}]},{"id":"a","docs":[{"ok":`+doc+`}]},
		{"id":"a","docs":[{"error":{"id":"a","rev":"2-00","error":"not_found","reason":"missing","status":404}}]},
		{"id":"no","docs":[{"error":{"id":"no","rev":"","error":"not_found","reason":"missing","status":404}}]},
		{"id":"_x","docs":[{"error":{"id":"_x","rev":"","error":"bad_request","reason":"*","status":400}}]}]}`)
	s.want(s.do("POST /other/_bulk_get?revs=true", `{"docs":[{"id":"a"}]}`), 200,
		`{"results":[{"id":"a","docs":[{"ok":{"_id":"a","_rev":"`+rev+`","_revisions":{"start":1,"ids":["`+rev[2:]+`"]},"n":1}}]}]}`)
	s.want(s.do("POST /other/_bulk_get", `{"docs":[]}`), 200, `{"results":[]}`)
	s.want(s.do("POST /other/_bulk_get", `{}`), 400, "")

	got := s.do("POST /other/_bulk_get", ask, "Accept: multipart/mixed")
	_, params, err := mime.ParseMediaType(got.header.Get("Content-Type"))
	check(t, err)
	var parts []string
	for in := multipart.NewReader(strings.NewReader(got.body+"\n"), params["boundary"]); ; {
		part, err := in.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
		text, err := io.ReadAll(part)
		check(t, err)
		parts = append(parts, part.Header.Get("X-Doc-Id")+" "+part.Header.Get("Content-Type")+" "+string(text[:min(len(text), 12)]))
	}
	want := []string{
		`a application/json {"_id":"a","`, `a application/json {"_id":"a","`, `a application/json; error="true" {"id":"a","r`,
		`no application/json; error="true" {"id":"no","`, `_x application/json; error="true" {"id":"_x","`,
	}
	if strings.Join(parts, "\n") != strings.Join(want, "\n") {
		t.Errorf("the parts are\n%s", strings.Join(parts, "\n"))
	}
}

func TestPurgeLeavesNoTrace(t *testing.T) {
	s := serve(t, nil)
	s.do("PUT /shop/a", `{}`)
	s.want(s.do("POST /shop/_purge", `{"a":["*"]}`), 403, "")
	s.want(s.do("POST /shop/_purge", `{"a":["1-a"]}`, "As: ann"), 400, "")
	s.want(s.do("POST /shop/_purge", `{"a":["*"],"no":["*"]}`, "As: ann"), 200, `{"purged":{"a":["*"]}}`)
	s.want(s.do("GET /shop/a", ""), 404, "")
}

func TestNothingIsWrittenToAReadOnlyDatabase(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) { cfg.Databases[0].ClientWrites = false })
	for _, request := range []string{"PUT /shop/a", "POST /shop", "POST /shop/_bulk_docs", "POST /shop/_purge", "PUT /shop", "POST /shop/_blob"} {
		s.want(s.do(request, `{}`, "As: ann"), 403, "")
	}
}

func TestAUserHasABoundedNumberOfBulkRequests(t *testing.T) {
	s := serve(t, nil)
	for { // until as many as are allowed have come: one is refused that comes beside the one that asks
		s.raw("POST /shop/_bulk_docs HTTP/1.1\r\n" + bobLogin + "Content-Length: 100\r\n\r\n{\"docs\":[")
		if got := s.do("POST /shop/_bulk_docs", `{"docs":[]}`); got.status == http.StatusTooManyRequests {
			break
		}
	}
	s.want(s.do("POST /shop/_bulk_docs", `{"docs":[]}`, "As: ann"), 201, "")
}
