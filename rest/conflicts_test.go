package rest_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// conflict has document "doc" changed here and at a peer, so that the conflict stays open. It returns the
// peer's URL.
func (s *server) conflict() (peerURL string) {
	s.t.Helper()
	p := newPeer(s.t)
	ctx := s.t.Context()
	check(s.t, p.coll.Put(ctx, "doc", map[string]int{"n": 0}))
	both := `{"source":"shop","target":"` + p.url + `","bidirectional":true,"conflicts":"ask",` + sue + `}`
	s.becomes(s.start(both, "As: ann"), "Stopped", "ann")
	check(s.t, p.coll.Put(ctx, "doc", map[string]int{"theirs": 1}))
	check(s.t, s.coll.Put(ctx, "doc", map[string]int{"ours": 1}))
	s.becomes(s.start(both, "As: ann"), "Stopped", "ann")
	return p.url
}

type listed struct {
	Open []struct {
		KS, ID, Remote string
		Local, Theirs  struct {
			Rev  string
			Body json.RawMessage
		}
	}
	Settled []struct{ ID, Winner string }
}

func (s *server) conflicts(query string) (l listed) {
	s.t.Helper()
	got := s.want(s.do("GET /shop/_conflicts"+query, ""), 200, "")
	check(s.t, json.Unmarshal([]byte(got.body), &l))
	return l
}

func TestConflictsAreListedAndSettled(t *testing.T) {
	s := serve(t, nil)
	url := s.conflict()
	all := s.conflicts("?open=true")
	if len(all.Open) != 1 || all.Open[0].ID != "doc" || all.Open[0].Remote != url ||
		string(all.Open[0].Local.Body) != `{"ours":1}` || string(all.Open[0].Theirs.Body) != `{"theirs":1}` {
		t.Fatalf("conflicts: %+v", all)
	}
	open := all.Open[0]
	revs := `"local_rev":"` + open.Local.Rev + `","remote_rev":"` + open.Theirs.Rev + `"`
	path := "POST /shop/_conflicts/" + open.KS + "/doc"
	for body, status := range map[string]int{
		`{}`:                                           400,
		`{"take":"mine"}`:                              400,
		`{"take":"local","body":{}}`:                   400,
		`{"body":{"n":1}}`:                             400, // of what?
		`{"take":"local","rev":"1-a"}`:                 400,
		`{"body":[1],` + revs + `}`:                    400,
		`{"body":{"_id":1},` + revs + `}`:              400,
		`{"take":"local","remote":"ws://elsewhere/x"}`: 404,
		`{"take":"local","local_rev":"1-aa"}`:          409,
		`{"take":"local","remote_rev":"1-aa"}`:         409,
		`{"body":{"n":1},"local_rev":"x","remote_rev":"` + open.Theirs.Rev + `"}`: 409,
	} {
		if got := s.do(path, body); got.status != status {
			t.Errorf("%s: got %d %s, want %d", body, got.status, got.body, status)
		}
	}
	s.want(s.do("POST /shop/_conflicts/shop/other", `{"take":"local"}`), 404, "")
	s.want(s.do("POST /shop/_conflicts/other/doc", `{"take":"local"}`), 400, "")
	s.want(s.do(path, `{"take":"remote"}`, "As: ron"), 403, "")
	_, err := s.shop.CreateBlob(t.Context(), "", strings.NewReader("secret"))
	check(t, err)
	s.want(s.do(path, `{"body":{"b":`+blobRef("secret")+`},`+revs+`}`), 403, "")
	s.want(s.do(path, `{"body":{"merged":1.50},"remote":"`+url+`",`+revs+`}`), 200, "")
	if got := s.do("GET /shop/doc", ""); !strings.Contains(got.body, `"merged":1.50}`) {
		t.Errorf("the document is %s", got.body)
	}
	s.want(s.do(path, `{"take":"local"}`), 404, "")
	if after := s.conflicts(""); len(after.Open) != 0 || len(after.Settled) != 1 || after.Settled[0].ID != "doc" {
		t.Errorf("afterwards: %+v", after)
	}
	s.want(s.do("GET /shop/_conflicts", "", "As: eve"), 403, "")
}

func TestConflictsOfCollectionsWithoutAccessStayHidden(t *testing.T) {
	s := serve(t, nil)
	s.conflict()
	if _, err := s.shop.CreateCollection(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	s.handler.SetUsers(usersWith(t, `{"bob":{"password":"BOB","access":{"shop.a.b":["read"]}}}`))
	if all := s.conflicts(""); len(all.Open)+len(all.Settled) != 0 {
		t.Errorf("bob sees %+v", all)
	}
}

func TestASideIsTaken(t *testing.T) {
	for take, want := range map[string]string{"local": `"ours":1`, "remote": `"theirs":1`} {
		s := serve(t, nil)
		s.conflict()
		s.want(s.do("POST /shop/_conflicts/shop/doc", `{"take":"`+take+`"}`), 200, "")
		if got := s.do("GET /shop/doc", ""); !strings.Contains(got.body, want) {
			t.Errorf("with %s the document is %s", take, got.body)
		}
	}
}

func TestADocumentsSyncIsExplained(t *testing.T) {
	s := serve(t, nil)
	s.want(s.do("GET /shop/_explain/doc", ""), 200, `[]`)
	s.want(s.do("GET /shop/_explain/_x", ""), 400, "")
	url := s.conflict()
	got := s.do("GET /shop/_explain/doc", "")
	s.want(got, 200, `[{"peer":"`+url+`","state":"in conflict","reason":"*","revision":"*","remoteRevision":"*"}]`)
	s.want(s.do("GET /shop/_explain/doc", "", "As: eve"), 403, "")
}

func TestDatabasesAreCompactedAndChecked(t *testing.T) {
	s := serve(t, nil)
	for _, kind := range []string{"compact", "check"} {
		s.want(s.do("POST /shop/_"+kind, ""), 403, "")
		s.want(s.do("POST /shop/_"+kind, "", "As: ann"), 202, `{"ok":true,"task_id":"*"}`)
		eventually(t, kind, func() bool {
			var tasks []struct{ Type, Status string }
			check(t, json.Unmarshal([]byte(s.do("GET /_active_tasks", "", "As: ann").body), &tasks))
			for _, task := range tasks {
				if task.Type == kind && task.Status == "Done" {
					return true
				}
			}
			return false
		})
	}
	s.want(s.do("GET /_active_tasks", ""), 200, `[]`) // an admin's
	s.want(s.do("GET /_replicate/1", "", "As: ann"), 404, "")
}

func TestTheLogIsShownToAdmins(t *testing.T) {
	ring := rest.NewLog(nil)
	log := slog.New(ring)
	s := serve(t, func(cfg *rest.Configuration) { cfg.Log = ring })
	log.Debug("not kept")
	log.WithGroup("g").With("a", 1).Info("first", "b", rest.Secret("x"), slog.Group("c", "d", "e"))
	log.Warn(strings.Repeat("long ", 2000))
	got := s.want(s.do("GET /_log?follow=false", "", "As: ann"), 200, "")
	if !strings.Contains(got.body, `"msg":"first","attrs":{"g":{"a":1}`) && !strings.Contains(got.body, `"g":{`) ||
		strings.Contains(got.body, "not kept") || !strings.Contains(got.body, `"b":"(secret)"`) || len(got.body) > 8<<10 {
		t.Errorf("the log is %s", got.body)
	}
	if got := s.do("GET /_log?follow=false&level=warn", "", "As: ann"); strings.Contains(got.body, "first") || !strings.Contains(got.body, "long") {
		t.Errorf("from level warn on it is %.200s", got.body)
	}
	s.want(s.do("GET /_log?level=loud", "", "As: ann"), 400, "")
	s.want(s.do("GET /_log", ""), 403, "")
	for range 3000 {
		log.Info("many")
	}
	if got := s.do("GET /_log?follow=false", "", "As: ann"); strings.Count(got.body, `"msg":"many"`) != 2000 {
		t.Errorf("%d records are kept, want 2000", strings.Count(got.body, `"msg":"many"`))
	}
}

func TestIdentitiesAreShownWithoutTheirKeys(t *testing.T) {
	store := tandem.MemoryIdentityStore()
	id, err := tandem.CreateIdentity(store, tandem.TLSIdentityOptions{Label: "shop", CommonName: "shop"})
	check(t, err)
	s := serve(t, func(cfg *rest.Configuration) { cfg.Identities = store })
	got := s.want(s.do("GET /_identities", "", "As: ann"), 200, "")
	if !strings.Contains(got.body, id.Fingerprint()) || strings.Contains(got.body, "PRIVATE") {
		t.Errorf("identities: %s", got.body)
	}
	s.want(s.do("GET /_identities", ""), 403, "")
	s.want(serve(t, nil).do("GET /_identities", "", "As: ann"), 501, "")
}
