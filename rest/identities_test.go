package rest_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

func TestIdentitiesAreMade(t *testing.T) {
	store := tandem.MemoryIdentityStore()
	s := serve(t, func(cfg *rest.Configuration) { cfg.Identities = store })
	post := func(body string, status int) answer {
		return s.want(s.do("POST /_identities", body, "As: ann"), status, "")
	}
	post(`{"label":"root","usage":["issuer"],"common_name":"The shop","expires":"2130-01-01T00:00:00Z"}`, 201)
	got := post(`{"label":"till","issuer":"root","usage":["client"],"dns":["till.example"],"ips":["192.0.2.7"],"groups":["tills"]}`, 201)
	if strings.Contains(got.body, "KEY") {
		t.Errorf("the answer has a key: %s", got.body)
	}
	id, err := tandem.GetIdentity(store, "till")
	check(t, err)
	leaf := id.Leaf()
	if leaf.Subject.CommonName != "till" || leaf.Issuer.CommonName != "The shop" || len(leaf.DNSNames) != 1 || len(leaf.IPAddresses) != 1 ||
		len(leaf.URIs) != 1 || len(leaf.ExtKeyUsage) != 1 || leaf.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Errorf("the certificate is %+v", leaf)
	}
	s.want(s.do("GET /_identities", "", "As: ann"), 200, `[
		{"label":"root","fingerprint":"*","expires":"2130-01-01T00:00:00Z","certificates":"*"},
		{"label":"till","fingerprint":"*","expires":"*","certificates":"*"}]`)
	post(`{"label":"till"}`, 409)
	for _, body := range []string{`{}`, `{"label":"a","usage":["all"]}`, `{"label":"a","issuer":"none"}`, `{"label":"a","issuer":"till"}`, `{"label":"a","expires":"2001-01-01T00:00:00Z"}`, `{"label":"a","ips":["x"]}`} {
		post(body, 400)
	}
	s.want(s.do("POST /_identities", `{"label":"a"}`), 403, "")
}

func TestKnownServersAreListedAndForgotten(t *testing.T) {
	s := serve(t, nil)
	theirs, err := open(t, "theirs", tandem.Options{}).DefaultCollection(t.Context())
	check(t, err)
	l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{theirs}, NetworkInterface: "127.0.0.1", IdentityStore: tandem.MemoryIdentityStore(),
	})
	check(t, err)
	check(t, l.Start())
	t.Cleanup(l.Stop)
	s.want(s.do("GET /shop/_known_servers", "", "As: ann"), 200, `[]`)

	body := `{"source":"shop","target":"` + l.URLs()[0] + `","trust_on_first_use":true}`
	s.want(s.do("POST /_replicate/_test", body, "As: ann"), 200, `{"ok":true,"fingerprint":"`+l.TLSIdentity().Fingerprint()+`"}`)
	s.want(s.do("GET /shop/_known_servers", "", "As: ann"), 200, `[]`) // a test remembers nothing
	n := s.start(body, "As: ann")
	s.becomes(n, "Stopped", "ann")
	host := peer{url: l.URLs()[0]}.hostPort()
	s.want(s.do("GET /shop/_known_servers", "", "As: ann"), 200, `[{"address":"`+host+`","fingerprint":"`+l.TLSIdentity().Fingerprint()+`","since":"*"}]`)
	s.want(s.do("DELETE /shop/_known_servers/none:1", "", "As: ann"), 404, "")
	s.want(s.do("DELETE /shop/_known_servers/"+host, "", "As: bob"), 403, "")
	s.want(s.do("DELETE /shop/_known_servers/"+host, "", "As: ann"), 200, `{"ok":true}`)
	s.want(s.do("GET /shop/_known_servers", "", "As: ann"), 200, `[]`)
}

func TestAConnectionIsTestedBeforeItIsUsed(t *testing.T) {
	p := newPeer(t)
	s := serve(t, func(cfg *rest.Configuration) { cfg.ReplicationTargets = []string{"127.0.0.1"} })
	try := func(target, auth string, as string) answer {
		return s.do("POST /_replicate/_test", `{"source":"shop","target":"`+target+`",`+auth+`}`, "As: "+as)
	}
	s.want(try(p.url, sue, "rob"), 200, `{"ok":true}`)
	for _, x := range [][3]string{
		{p.url, `"auth":{"user":"sue","password":"wrong"}`, `"error":"unauthorized"`},
		{p.url + "x", sue, `"error":"not_found"`},
		{"ws://127.0.0.1:9/shop", sue, `"error":"unreachable"`},
	} {
		got := s.want(try(x[0], x[1], "rob"), 200, "")
		if !strings.Contains(got.body, `"ok":false`) || !strings.Contains(got.body, x[2]) {
			t.Errorf("%s with %s: %s", x[0], x[1], got.body)
		}
	}
	s.want(try("ws://192.0.2.1/shop", sue, "rob"), 403, "") // no target of users
	s.want(try(p.url, sue, "bob"), 403, "")
	s.want(try("shop", sue, "rob"), 400, "")
	s.want(s.do("GET /_replicate", "", "As: ann"), 200, `[]`)
}
