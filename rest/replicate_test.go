package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
	"github.com/tandemdb/tandem/rest"
)

// eventually waits until ok is true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !testsize.Eventually(testsize.Patience, ok) {
		t.Fatalf("%s has not come true", what)
	}
}

// usersWith reads a users file in which "ANN" stands for the hash of the password "ann", and so on.
func usersWith(t testing.TB, text string) *rest.Users {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("ray"), bcrypt.MinCost)
	check(t, err)
	text = strings.Replace(text, `"RAY"`, `"`+string(hash)+`"`, 1)
	return parseUsers(t, hashed(t, regexp.MustCompile(`"([A-Z]{3})"`).ReplaceAllString(text, `"$$2y$$04$$$1"`)))
}

// peer is another database that can be synced with by the user sue, with the password "sesame".
type peer struct {
	coll *tandem.Collection
	url  string
}

func newPeer(t testing.TB) peer {
	t.Helper()
	coll, err := open(t, "peer", tandem.Options{}).DefaultCollection(t.Context())
	check(t, err)
	l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{coll}, DisableTLS: true, NetworkInterface: "127.0.0.1",
		Authenticator: tandem.StaticPassword("sue", "sesame"),
	})
	check(t, err)
	check(t, l.Start())
	t.Cleanup(l.Stop)
	return peer{coll, l.URLs()[0]}
}

func (p peer) hostPort() string {
	u, _ := url.Parse(p.url)
	return u.Host
}

const sue = `"auth": {"user": "sue", "password": "sesame"}`

// start begins a replication, and returns its number.
func (s *server) start(body string, headers ...string) int {
	s.t.Helper()
	var begun struct {
		Number int `json:"task_id"`
	}
	got := s.want(s.do("POST /_replicate", body, headers...), 200, "")
	check(s.t, json.Unmarshal([]byte(got.body), &begun))
	return begun.Number
}

// task is what the tests look at.
type task struct {
	Status  string
	Error   *struct{ Error, Reason string }
	Read    int `json:"docs_read"`
	Written int `json:"docs_written"`
}

// becomes waits until a task has a status.
func (s *server) becomes(number int, status, as string) (t task) {
	s.t.Helper()
	eventually(s.t, "status "+status, func() bool {
		got := s.do(fmt.Sprintf("GET /_replicate/%d", number), "", "As: "+as)
		t = task{}
		return json.Unmarshal([]byte(got.body), &t) == nil && t.Status == status
	})
	return t
}

func TestReplicationsCarryDocumentsBothWays(t *testing.T) {
	p := newPeer(t)
	s := serve(t, nil)
	check(t, p.coll.Put(t.Context(), "theirs", map[string]int{"n": 1}))
	s.want(s.do("PUT /shop/ours", `{"n":2}`), 201, "")

	n := s.start(`{"source":"`+p.url+`","target":"shop",`+sue+`}`, "As: ann")
	if got := s.becomes(n, "Stopped", "ann"); got.Read != 1 || got.Written != 0 || got.Error != nil {
		t.Errorf("the pull ended as %+v", got)
	}
	s.want(s.do("GET /shop/theirs", ""), 200, "")
	n = s.start(`{"source":"shop","target":"`+p.url+`","bidirectional":true,"continuous":true,"collections":["_default"],"conflicts":"merge",`+sue+`}`, "As: ann")
	if got := s.becomes(n, "Idle", "ann"); got.Written != 1 {
		t.Errorf("the push is %+v, want 1 document", got)
	}
	if _, err := p.coll.Document(t.Context(), "ours"); err != nil {
		t.Error(err)
	}
	path := fmt.Sprintf("/_replicate/%d", n)
	for _, step := range []struct{ action, status string }{{"stop", "Stopped"}, {"start", "Idle"}, {"reset", "Idle"}, {"retry", "Idle"}} {
		s.want(s.do("POST "+path+"/"+step.action, "", "As: ann"), 200, "")
		s.becomes(n, step.status, "ann")
	}
	s.want(s.do("POST "+path+"/dance", "", "As: ann"), 404, "")
	s.want(s.do("DELETE "+path, "", "As: ann"), 200, `{"ok":true}`)
	s.want(s.do("GET "+path, "", "As: ann"), 404, "")
	if again := s.start(`{"source":"shop","target":"`+p.url+`",`+sue+`}`, "As: ann"); again != n+1 {
		t.Errorf("the next task has the number %d, want %d: numbers are not used again", again, n+1)
	}
}

func TestReplicationsThatCannotBeAreRefused(t *testing.T) {
	s := serve(t, nil)
	const target = `"target":"wss://peer.example/db"`
	for body, status := range map[string]int{
		`{`:                                  400,
		`{}`:                                 400,
		`{"source":"shop"}`:                  400,
		`{"source":"shop","target":"other"}`: 400,
		`{"source":"ws://a/b","target":"ws://c/d"}`:                                                 400,
		`{"source":"shop","target":"https://peer.example/db"}`:                                      400,
		`{"source":"shop","target":"wss://u:p@peer.example/db"}`:                                    400,
		`{"source":"missing",` + target + `}`:                                                       404,
		`{"source":"shop.missing",` + target + `}`:                                                  404,
		`{"source":"shop","colections":["a"],` + target + `}`:                                       400,
		`{"source":"shop","collections":["a.b.c"],` + target + `}`:                                  400,
		`{"source":"shop","collections":{"_default":{"chanels":[]}},` + target + `}`:                400,
		`{"source":"shop","conflicts":"luck",` + target + `}`:                                       400,
		`{"source":"shop","pinned_cert":"/etc/passwd",` + target + `}`:                              400,
		`{"source":"shop","trusted_root_certs":"none",` + target + `}`:                              400,
		`{"source":"shop","pinned_fingerprint":"xx",` + target + `}`:                                400,
		`{"source":"shop","headers":{"a b":"c"},` + target + `}`:                                    400,
		`{"source":"shop","proxy":"socks5://proxy",` + target + `}`:                                 400,
		`{"source":"shop","proxy":"https://proxy",` + target + `}`:                                  501,
		`{"source":"shop","auth":{"openid_token":"x"},` + target + `}`:                              501,
		`{"source":"shop","auth":{},` + target + `}`:                                                400,
		`{"source":"shop","auth":{"user":"u","password":"p","session_cookie":"c"},` + target + `}`:  400,
		`{"source":"shop","auth":{"tls_client_cert":"x","tls_client_cert_key":"y"},` + target + `}`: 400,
		`{"source":"shop","doc_ids":"a",` + target + `}`:                                            400,
		`{"source":"shop","collections":["a"` + strings.Repeat(`,"a"`, 1000) + `],` + target + `}`:  400,
	} {
		if got := s.do("POST /_replicate", body, "As: ann"); got.status != status {
			t.Errorf("%.200s: got %d %s, want %d", body, got.status, got.body, status)
		}
	}
	s.want(s.do("POST /_replicate", `{}`, "As: ann", "Content-Type: text/plain"), 415, "")
	s.want(s.do("GET /_replicate", "", "As: ann"), 200, `[]`)
	s.want(s.do("GET /_replicate/x", "", "As: ann"), 400, "")
}

func TestUsersReplicateWithListedHostsAndWhatTheyMayUse(t *testing.T) {
	p := newPeer(t)
	pull := `{"source":"` + p.url + `","target":"shop",` + sue + `}`
	s := serve(t, nil)
	s.want(s.do("POST /_replicate", pull, "As: bob"), 403, "") // no role
	s.want(s.do("POST /_replicate", pull, "As: rob"), 403, "") // no host is listed
	s = serve(t, func(cfg *rest.Configuration) { cfg.ReplicationTargets = []string{p.hostPort()} })
	n := s.start(pull, "As: rob")
	s.becomes(n, "Stopped", "rob")
	for _, body := range []string{
		strings.Replace(pull, p.hostPort(), "127.0.0.1:1", 1),
		strings.Replace(pull, p.hostPort(), "localhost:1", 1),
		`{"proxy":"http://10.0.0.1:3128",` + pull[1:],
	} {
		s.want(s.do("POST /_replicate", body, "As: rob"), 403, "")
		s.want(s.do("POST /_replicate", body, "As: ann"), 403, "")
	}

	// Another user's task is not there for those who may not see it.
	path := fmt.Sprintf("/_replicate/%d", n)
	s.want(s.do("GET "+path, "", "As: ann"), 200, "")
	s.handler.SetUsers(usersWith(t, `{"rob":{"password":"ROB","roles":["replicate"]},"ray":{"password":"RAY","roles":["replicate"],
		"access":{"shop":["read"]}}}`))
	for _, request := range []string{"GET " + path, "DELETE " + path, "POST " + path + "/start"} {
		s.want(s.do(request, "", "As: ray"), 404, "")
	}
	s.want(s.do("GET /_replicate", "", "As: ray"), 200, `[]`)
	s.want(s.do("GET /_active_tasks", "", "As: ray"), 200, `[]`)

	// A push needs the right to read, a pull the right to write, to each collection.
	s.want(s.do("POST /_replicate", pull, "As: ray"), 403, "")
	s.want(s.do("POST /_replicate", `{"source":"shop","bidirectional":true,"target":"`+p.url+`",`+sue+`}`, "As: ray"), 403, "")
	s.want(s.do("POST /_replicate", `{"source":"shop","collections":["_default","more"],"target":"`+p.url+`",`+sue+`}`, "As: ray"), 403, "")
	s.becomes(s.start(`{"source":"shop","target":"`+p.url+`",`+sue+`}`, "As: ray"), "Stopped", "ray")
	s.want(s.do("POST /_replicate", `{"source":"missing","target":"`+p.url+`"}`, "As: ray"), 403, "")
}

func TestAReplicationEndsWhenItsUserLosesHisRights(t *testing.T) {
	p := newPeer(t)
	s := serve(t, func(cfg *rest.Configuration) { cfg.ReplicationTargets = []string{p.hostPort()} })
	n := s.start(`{"source":"shop","continuous":true,"target":"`+p.url+`",`+sue+`}`, "As: rob")
	s.becomes(n, "Idle", "rob")
	s.handler.SetUsers(usersWith(t, `{"ann":{"password":"ANN","roles":["admin"]},"rob":{"password":"ROB","roles":["replicate"],"access":{}}}`))
	s.becomes(n, "Stopped", "ann")
	s.want(s.do(fmt.Sprintf("POST /_replicate/%d/start", n), "", "As: rob"), 403, "")

	// Nobody but an admin may name a peer where none is listed: one who is demoted may not go on.
	s = serve(t, unlimited)
	n = s.start(`{"source":"shop","continuous":true,"target":"`+p.url+`",`+sue+`}`, "As: ann")
	s.becomes(n, "Idle", "ann")
	s.handler.SetUsers(usersWith(t, `{"ann":{"password":"ANN","roles":["replicate"]}}`))
	s.becomes(n, "Stopped", "ann")
	s.want(s.do(fmt.Sprintf("POST /_replicate/%d/start", n), "", "As: ann"), 403, "")
}

// An allowed peer cannot send the server on to another one.
func TestAReplicationFollowsNoRedirectToAHostThatIsNotListed(t *testing.T) {
	p := newPeer(t)
	from := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", strings.Replace(p.url, "ws:", "http:", 1)+"/_blipsync")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	defer from.Close()
	pull := `{"source":"ws` + strings.TrimPrefix(from.URL, "http") + `/peer","target":"shop"}`
	for _, open := range []bool{false, true} {
		s := serve(t, func(cfg *rest.Configuration) {
			if cfg.ReplicationTargets = []string{strings.TrimPrefix(from.URL, "http://")}; open {
				cfg.ReplicationTargets = append(cfg.ReplicationTargets, p.hostPort())
			}
		})
		got := s.becomes(s.start(pull, "As: ann"), "Stopped", "ann")
		if got.Error == nil || strings.Contains(got.Error.Reason, "not allowed") == open {
			t.Errorf("with the other host listed: %v, ended as %+v", open, got.Error)
		}
	}
}

func TestReplicationsOfTheConfigurationAreStarted(t *testing.T) {
	p := newPeer(t)
	check(t, p.coll.Put(t.Context(), "a", map[string]int{}))
	s := serve(t, func(cfg *rest.Configuration) {
		cfg.Replications = []rest.Replication{{Source: p.url, Target: "shop", Auth: &rest.ReplicationAuth{User: "sue", Password: "sesame"}}}
	})
	check(t, s.handler.StartReplications(t.Context()))
	s.becomes(1, "Stopped", "ann")
	s.want(s.do("GET /shop/a", ""), 200, "")
	s.want(s.do("GET /_replicate/1", "", "As: rob"), 404, "") // an admin's

	_, err := rest.NewHandler(rest.Configuration{
		Databases: []rest.Database{{Database: s.shop}}, Anonymous: true,
		Replications: []rest.Replication{{Source: "missing", Target: p.url}},
	})
	if err == nil || !strings.Contains(err.Error(), "replication 1") {
		t.Errorf("a replication of a missing database is accepted: %v", err)
	}
}
