package rest_test

import (
	"context"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// FuzzPouchDBRequests: whatever a client of CouchDB's replication protocol sends, the server stores it or refuses
// it, answers as the document says, and stays sound.
func FuzzPouchDBRequests(f *testing.F) {
	for i, text := range []string{
		`{"_id":"_local/x","a":1}`, `{"_rev":"0-1"}`, `{"a":["1-a","x"],"b":[]}`, `["1-a","2-b"]`, `all`,
		push(pushed("a", "3-c b a", `,"n":1`), pushed("a", "3-d b a", `,"_deleted":true`)),
		push(pushed("a", "2-b", `,"_attachments":{"x/y":{"data":"aGVsbG8=","digest":"md5-XUFAKrxLKna5cZ2REBfFkg=="}}`)),
		`{"docs":[{"id":"a","rev":"3-c"},{"id":"a"}]}`, `{"docs":[{"_id":"a","_revisions":{"start":18446744073709551615,"ids":["a"]}}],"new_edits":false}`,
	} {
		f.Add(uint8(i), text)
		f.Add(uint8(5), text)
	}
	db, err := tandem.Open(context.Background(), filepath.Join(f.TempDir(), "shop"), tandem.Options{Versioning: tandem.RevTrees})
	check(f, err)
	handler, err := rest.NewHandler(rest.Configuration{
		Databases: []rest.Database{{Database: db, ClientWrites: true}}, Anonymous: true, Limits: rest.Limits{RequestsPerSecond: -1},
	})
	check(f, err)
	f.Cleanup(func() {
		check(f, handler.Close(context.Background()))
		problems, err := db.Check(context.Background())
		if err != nil || len(problems) > 0 {
			f.Errorf("the database is not sound: %v, %v", problems, err)
		}
		check(f, db.Close())
	})
	watched := document(f).Watch(handler, func(err error) { f.Error(err) })
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		requests := []string{
			"PUT /shop/_local/x", "DELETE /shop/_local/x?rev=" + url.QueryEscape(text), "POST /shop/_revs_diff",
			"GET /shop/a?revs=true&latest=true&attachments=true&open_revs=" + url.QueryEscape(text),
			"GET /shop/a?revs=true&open_revs=all", "POST /shop/_bulk_docs", "POST /shop/_bulk_get?revs=true&latest=true&attachments=true",
			"PUT /shop/a?new_edits=false", "GET /shop/a/" + url.PathEscape(text), "GET /shop/a?rev=" + url.QueryEscape(text),
		}
		method, target, _ := strings.Cut(requests[int(kind)%len(requests)], " ")
		r := httptest.NewRequest(method, "http://127.0.0.1"+target, strings.NewReader(text))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		watched.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != 501 {
			t.Errorf("%s %s: got %d %s", method, target, w.Code, w.Body)
		}
	})
}
