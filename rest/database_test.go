package rest_test

import (
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

func TestTheServerSaysWhatItIs(t *testing.T) {
	s := serve(t, nil)
	got := s.want(s.do("GET /", ""), 200,
		`{"couchdb":"Welcome","vendor":{"name":"Tandem","version":"`+tandem.Version+`"},"version":"Tandem/`+tandem.Version+`","uuid":"`+s.shop.UUID()+`"}`)
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "Server": "Tandem/" + tandem.Version, "X-Content-Type-Options": "nosniff",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
		}
	}
	if len(got.header.Get("X-Correlation-Id")) != 16 {
		t.Errorf("the correlation ID is %q", got.header.Get("X-Correlation-Id"))
	}
	for _, path := range []string{"/_ping", "/_ready"} {
		s.want(s.do("GET "+path, "", "As: "), 200, "ok")
	}
	s.want(s.do("GET /metrics", "", "As: ann"), 404, "")
	s.want(s.do("GET /metrics", ""), 403, "")
	s.want(s.do("POST /nothing/at/all/here", ""), 405, "")
	s.want(s.do("GET /_all_dbs", ""), 200, `["other","shop"]`)
	s.want(s.do("GET /_all_dbs", "", "As: eve"), 200, `["other"]`)
	s.want(s.do("GET /", "", "API-Version: 1.0"), 200, "")
	s.want(s.do("GET /", "", "API-Version: 2.0"), 400, "")
}

func TestADatabaseAndItsCollectionsAreDescribed(t *testing.T) {
	s := serve(t, nil)
	s.want(s.do("PUT /shop.inv.hotel", "", "As: bob"), 403, "")
	s.want(s.do("PUT /shop.inv.hotel", "", "As: ann"), 201, `{"ok":true}`)
	s.want(s.do("PUT /shop.inv.hotel", "", "As: ann"), 412, "")
	s.want(s.do("PUT /shop.inv.%2Fx", "", "As: ann"), 400, "")
	s.want(s.do("PUT /shop.inv.hotel", `{"_id":"h1"}`), 200, `{"ok":true,"id":"h1","rev":"*"}`)
	s.want(s.do("PUT /shop.inv.missing", `{"_id":"h1"}`), 403, "")
	uuid := s.shop.UUID()
	for _, path := range []string{"/shop", "/shop/"} {
		s.want(s.do("GET "+path, ""), 200, `{"db_name":"shop","db_uuid":"`+uuid+`","encrypted":false,"versioning":"version-vectors",`+
			`"collections":{"_default._default":{"doc_count":0,"update_seq":0},"inv.hotel":{"doc_count":1,"update_seq":1}},`+
			`"doc_count":0,"update_seq":0,"committed_update_seq":0,"instance_start_time":"0"}`)
	}
	s.want(s.do("GET /shop.inv.hotel/", ""), 200, `{"db_name":"shop","db_uuid":"`+uuid+`","scope_name":"inv","collection_name":"hotel",`+
		`"doc_count":1,"update_seq":1,"committed_update_seq":1,"instance_start_time":"0"}`)
	s.want(s.do("GET /shop._default", ""), 200, "")
	s.want(s.do("DELETE /shop.inv.hotel", "", "As: bob"), 403, "")
	s.want(s.do("DELETE /shop", "", "As: ann"), 400, "")
	s.want(s.do("DELETE /shop.inv.hotel", "", "As: ann"), 200, `{"ok":true}`)
	s.want(s.do("GET /shop.inv.hotel", ""), 403, "")
	s.want(s.do("GET /shop.inv.hotel/h1", ""), 403, "")
	check(t, s.shop.ServeBothGenerations(t.Context()))
	if got := s.do("GET /shop", ""); !strings.Contains(got.body, `"versioning":"both"`) {
		t.Errorf("a database of both generations is %s", got.body)
	}
}

func TestACollectionThatAnotherProcessMakesAnewIsFoundAgain(t *testing.T) {
	s := serve(t, nil)
	for range 2 {
		c, err := s.shop.CreateCollection(t.Context(), "inv", "hotel")
		check(t, err)
		check(t, c.Put(t.Context(), "h1", map[string]any{}))
		s.do("GET /shop.inv.hotel/h1", "") // may meet the collection that is gone
		s.want(s.do("GET /shop.inv.hotel/h1", ""), 200, "")
		check(t, s.shop.DeleteCollection(t.Context(), "inv", "hotel"))
	}
}
