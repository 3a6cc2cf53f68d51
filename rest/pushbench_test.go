package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// BenchmarkPush has the handler answer what PouchDB asks for each batch of 100 new documents of 1 kB.
func BenchmarkPush(b *testing.B) {
	db := open(b, "list", tandem.Options{Versioning: tandem.RevTrees})
	h, err := rest.NewHandler(rest.Configuration{
		Databases: []rest.Database{{Database: db, ClientWrites: true}}, Users: testUsers(b),
		Limits: rest.Limits{RequestsPerSecond: 1e6, Burst: 1e6},
	})
	check(b, err)
	b.Cleanup(func() { check(b, h.Close(context.Background())) })
	checkpoint, filler := "", strings.Repeat("x", 950)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		docs, asked := make([]string, 100), make([]string, 100)
		for i := range docs {
			id := fmt.Sprintf("doc-%08d", 100*n+i)
			docs[i] = pushed(id, "1-4fe2a1a6bd3c5e7f9081726354a5b6c7", fmt.Sprintf(`,"number":%d,"note":%q`, 100*n+i, filler))
			asked[i] = fmt.Sprintf(`%q:["1-4fe2a1a6bd3c5e7f9081726354a5b6c7"]`, id)
		}
		benchmarkDo(b, h, "POST", "/list/_revs_diff", "{"+strings.Join(asked, ",")+"}", http.StatusOK)
		benchmarkDo(b, h, "POST", "/list/_bulk_docs", push(docs...), http.StatusCreated)
		if n > 0 {
			benchmarkDo(b, h, "GET", "/list/_local/x", "", http.StatusOK)
			checkpoint = fmt.Sprintf(`"_rev":"0-%d",`, n)
		}
		benchmarkDo(b, h, "PUT", "/list/_local/x", fmt.Sprintf(`{%s"last_seq":%d}`, checkpoint, n), http.StatusCreated)
	}
}

func benchmarkDo(b *testing.B, h http.Handler, method, path, body string, want int) {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), method, "http://localhost"+path, strings.NewReader(body))
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("bob", "bob")
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != want {
		b.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, want)
	}
}
