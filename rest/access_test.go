package rest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/rest"
)

func TestWhoMayNotDoSomethingIsToldSo(t *testing.T) {
	s := serve(t, nil)
	for _, x := range []struct {
		as, request string
		status      int
	}{
		{"nobody", "GET /shop/x", 401},
		{"ron", "GET /shop/x", 404},
		{"ron", "PUT /shop/x", 403},
		{"eve", "GET /missing/x", 403},
		{"ann", "GET /missing/x", 403},
		{"eve", "GET /other", 200},
		{"bob", "GET /shop.nothing/x", 403},
		{"bob", "GET /shop.a.b.c/x", 403},
		{"bob", "GET /%FF/x", 403},
	} {
		body := ""
		if x.request[:3] == "PUT" {
			body = "{}"
		}
		if got := s.do(x.request, body, "As: "+x.as); got.status != x.status {
			t.Errorf("%s as %q: got %d %s, want %d", x.request, x.as, got.status, got.body, x.status)
		}
	}
}

// everyEndpoint has a request to each endpoint, with the status for: nobody, a user, one with the role
// replicate, an admin, and a user of another database.
var everyEndpoint = []struct {
	request, body string
	want          [5]int
}{
	{"GET /", "", [5]int{401, 200, 200, 200, 200}},
	{"GET /_ping", "", [5]int{200, 200, 200, 200, 200}},
	{"GET /_ready", "", [5]int{200, 200, 200, 200, 200}},
	{"GET /_openapi.json", "", [5]int{200, 200, 200, 200, 200}},
	{"GET /metrics", "", [5]int{401, 403, 403, 404, 403}},
	{"GET /_all_dbs", "", [5]int{401, 200, 200, 200, 200}},
	{"GET /_session", "", [5]int{200, 200, 200, 200, 200}},
	{"POST /_session", "", [5]int{401, 200, 200, 200, 200}},
	{"DELETE /_session", "", [5]int{200, 200, 200, 200, 200}},
	{"GET /shop/_session", "", [5]int{200, 200, 200, 200, 200}},
	{"POST /shop/_session", "", [5]int{401, 200, 200, 200, 200}},
	{"POST /shop/_session?one_time=true", "", [5]int{401, 200, 200, 200, 403}},
	{"POST /none/_session?one_time=true", "", [5]int{401, 400, 400, 400, 400}},
	{"DELETE /shop/_session", "", [5]int{200, 200, 200, 200, 200}},
	{"GET /shop/_blipsync", "", [5]int{501, 501, 501, 501, 501}},
	{"GET /shop", "", [5]int{401, 200, 200, 200, 403}},
	{"GET /none", "", [5]int{401, 403, 403, 403, 403}},
	{"PUT /shop.new", "", [5]int{401, 403, 403, 201, 403}},
	{"PUT /shop.new", "{}", [5]int{401, 200, 200, 200, 403}},
	{"POST /shop", "{}", [5]int{401, 200, 200, 200, 403}},
	{"DELETE /shop._default.gone", "", [5]int{401, 403, 403, 200, 403}},
	{"GET /shop/a", "", [5]int{401, 200, 200, 200, 403}},
	{"PUT /shop/a", "{}", [5]int{401, 409, 409, 409, 403}},
	{"DELETE /shop/a", "", [5]int{401, 409, 409, 409, 403}},
	{"PATCH /shop/a", "{}", [5]int{401, 409, 409, 409, 403}},
	{"GET /shop/a/n", "", [5]int{401, 200, 200, 200, 403}},
	{"GET /shop/a/n/m", "", [5]int{401, 404, 404, 404, 403}},
	{"GET /shop/_local/x", "", [5]int{401, 501, 501, 501, 403}},
	{"PUT /shop/_local/x", "{}", [5]int{401, 501, 501, 501, 403}},
	{"DELETE /shop/_local/x", "", [5]int{401, 501, 501, 501, 403}},
	{"POST /shop/_revs_diff", "{}", [5]int{401, 501, 501, 501, 403}},
	{"PUT /shop/a/n", "2", [5]int{401, 409, 409, 409, 403}},
	{"DELETE /shop/a/n", "", [5]int{401, 409, 409, 409, 403}},
	{"POST /shop/_blob", "{}", [5]int{401, 201, 201, 201, 403}},
	{"GET /shop/_blob/sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "", [5]int{401, 404, 404, 404, 403}},
	{"GET /shop/_all_docs", "", [5]int{401, 200, 200, 200, 403}},
	{"POST /shop/_all_docs", "{}", [5]int{401, 200, 200, 200, 403}},
	{"POST /shop/_bulk_docs", `{"docs":[]}`, [5]int{401, 201, 201, 201, 403}},
	{"POST /shop/_bulk_get", `{"docs":[]}`, [5]int{401, 200, 200, 200, 403}},
	{"POST /shop/_purge", `{"x":["*"]}`, [5]int{401, 403, 403, 200, 403}},
	{"GET /shop/_changes", "", [5]int{401, 200, 200, 200, 403}},
	{"POST /shop/_changes", "{}", [5]int{401, 200, 200, 200, 403}},
	{"GET /shop/_changes_all", "", [5]int{401, 0, 0, 0, 403}},
	{"GET /shop/_conflicts", "", [5]int{401, 200, 200, 200, 403}},
	{"POST /shop/_conflicts/shop/a", "{}", [5]int{401, 400, 400, 400, 403}},
	{"GET /shop/_explain/a", "", [5]int{401, 200, 200, 200, 403}},
	{"GET /shop/_history/a", "", [5]int{401, 200, 200, 200, 403}},
	{"GET /shop/_expiry/a", "", [5]int{401, 200, 200, 200, 403}},
	{"PUT /shop/_expiry/a", `{"_exp":null}`, [5]int{401, 200, 200, 200, 403}},
	{"GET /shop/_known_servers", "", [5]int{401, 403, 403, 200, 403}},
	{"DELETE /shop/_known_servers/x:1", "", [5]int{401, 403, 403, 404, 403}},
	{"GET /shop/_mesh", "", [5]int{401, 403, 403, 501, 403}},
	{"POST /shop/_mesh/_invitations", "", [5]int{401, 403, 403, 501, 403}},
	{"DELETE /shop/_mesh/_invitations/x", "", [5]int{401, 403, 403, 501, 403}},
	{"POST /shop/_query", `{"query":"SELECT META().id FROM _"}`, [5]int{401, 403, 403, 200, 403}},
	{"GET /shop/_query/q", "", [5]int{401, 403, 403, 403, 403}},
	{"POST /shop/_query/q", "{}", [5]int{401, 403, 403, 403, 403}},
	{"POST /shop/_compact", "", [5]int{401, 403, 403, 202, 403}},
	{"POST /shop/_check", "", [5]int{401, 403, 403, 202, 403}},
	{"GET /_active_tasks", "", [5]int{401, 200, 200, 200, 200}},
	{"GET /_listener", "", [5]int{401, 403, 403, 501, 403}},
	{"GET /_replicate", "", [5]int{401, 403, 200, 200, 403}},
	{"POST /_replicate", "{}", [5]int{401, 403, 400, 400, 403}},
	{"POST /_replicate/_test", "{}", [5]int{401, 403, 400, 400, 403}},
	{"GET /_replicate/9", "", [5]int{401, 403, 404, 404, 403}},
	{"DELETE /_replicate/9", "", [5]int{401, 403, 404, 404, 403}},
	{"POST /_replicate/9/stop", "", [5]int{401, 403, 404, 404, 403}},
	{"GET /_peers", "", [5]int{401, 403, 403, 0, 403}},
	{"GET /_identities", "", [5]int{401, 403, 403, 501, 403}},
	{"POST /_identities", `{"label":"x"}`, [5]int{401, 403, 403, 501, 403}},
	{"POST /_page_link", "", [5]int{401, 501, 501, 501, 501}},
	{"POST /_replicate/9/push", "{}", [5]int{401, 403, 404, 404, 403}},
	{"GET /_log/level", "", [5]int{401, 403, 403, 501, 403}},
	{"PUT /_log/level", "{}", [5]int{401, 403, 403, 501, 403}},
	{"GET /_log", "", [5]int{401, 403, 403, 501, 403}},
}

func TestEachEndpointAsksForItsRole(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) { cfg.Limits.RequestsPerSecond = -1 })
	_, err := s.shop.CreateCollection(t.Context(), "_default", "gone")
	check(t, err)
	s.want(s.do("PUT /shop/a", `{"n":1}`), 201, "")
	asked := map[[2]string]bool{}
	for _, x := range everyEndpoint {
		method, path, _ := strings.Cut(x.request, " ")
		asked[[2]string{method, rest.PatternOf(method, s.url+path)}] = true
		for i, as := range []string{"", "bob", "rob", "ann", "eve"} {
			var headers []string
			if method == "PATCH" {
				headers = append(headers, "Content-Type: application/merge-patch+json")
			}
			if got := s.status(x.request, x.body, append(headers, "As: "+as)...); x.want[i] != 0 && got != x.want[i] {
				t.Errorf("%s %s as %q: got %d, want %d", x.request, x.body, as, got, x.want[i])
			}
		}
	}
	for _, row := range rest.Routes() {
		if !asked[row] {
			t.Errorf("nobody has asked for %s %s: add a row to everyEndpoint", row[0], row[1])
		}
	}
}

// status returns the status of an answer, whose body may go on for ever.
func (s *server) status(request, body string, headers ...string) int {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	r := s.request(request, body, headers...).WithContext(ctx)
	got, err := http.DefaultClient.Do(r)
	check(s.t, err)
	defer got.Body.Close()
	return got.StatusCode
}
