package tandem_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tandemdb/tandem"
)

// with no authenticator everybody is let in, whatever they bring.
func TestWithoutAuthenticatorEverybodyIsLetIn(t *testing.T) {
	for name, a := range map[string]tandem.ReplicatorAuthenticator{
		"nothing":     nil,
		"password":    tandem.BasicAuthenticator{Username: "u", Password: "p"},
		"session":     tandem.SessionAuthenticator{SessionID: "s"},
		"certificate": tandem.ClientCertificateAuthenticator{Identity: newIdentity(t, "client")},
	} {
		l, theirs := share(t)
		_, err := attempt(t, l.URLs()[0], selfSigned, as(a))
		wantSynced(t, name, theirs, err)
	}
}

// T-06, X-09, R-16: by password, with TLS and without.
func TestAPasswordListenerRefusesEverythingElse(t *testing.T) {
	client := newIdentity(t, "client")
	for name, configure := range map[string]func(*tandem.URLEndpointListenerConfiguration){
		"wss": func(*tandem.URLEndpointListenerConfiguration) {}, "ws": clearText,
	} {
		auth := withAuthenticator(tandem.StaticPassword("jöhn", "pä:ss"))
		l, theirs := share(t, configure, auth)
		for what, a := range map[string]tandem.ReplicatorAuthenticator{
			"nothing":        nil,
			"wrong user":     tandem.BasicAuthenticator{Username: "jim", Password: "pä:ss"},
			"wrong password": tandem.BasicAuthenticator{Username: "jöhn", Password: "pä"},
			"a certificate":  tandem.ClientCertificateAuthenticator{Identity: client},
		} {
			r, err := attempt(t, l.URLs()[0], selfSigned, as(a))
			wantRefused(t, name+", "+what, theirs, err, tandem.ErrUnauthorized)
			if r.Status().Activity != tandem.Stopped {
				t.Errorf("%s, %s: the replicator goes on", name, what)
			}
		}
		_, err := attempt(t, l.URLs()[0], selfSigned, as(tandem.BasicAuthenticator{Username: "jöhn", Password: "pä:ss"}))
		wantSynced(t, name, theirs, err)
	}
}

// the function gets the bytes that were sent, which are wiped afterwards.
func TestThePasswordFunctionGetsWhatWasSent(t *testing.T) {
	var mu sync.Mutex
	var user, password string
	var kept []byte
	l, _ := share(t, withAuthenticator(tandem.ListenerPasswordAuthenticator(func(u string, p []byte) bool {
		mu.Lock()
		defer mu.Unlock()
		user, password, kept = u, string(p), p
		return p[0] == 's'
	})))
	for _, c := range []struct {
		password string
		want     int
	}{{"s\x00ß:", http.StatusUpgradeRequired}, {"wrong", http.StatusUnauthorized}} {
		if got := ask(t, l, "ü", c.password); got != c.want {
			t.Errorf("password %q: status %d, want %d", c.password, got, c.want)
		}
		mu.Lock()
		if user != "ü" || password != c.password {
			t.Errorf("the function got %q and %q", user, password)
		}
		if !bytes.Equal(kept, make([]byte, len(kept))) {
			t.Error("the password stays in memory")
		}
		mu.Unlock()
	}
}

// ask sends a plain HTTP request, as curl does, and returns the status of the answer.
func ask(t *testing.T, l *tandem.URLEndpointListener, user, password string) int {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // any listener
	defer transport.CloseIdleConnections()
	url := strings.Replace(l.URLs()[0], "wss:", "https:", 1) + "/_blipsync"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	check(t, err)
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	answer, err := transport.RoundTrip(request)
	check(t, err)
	_ = answer.Body.Close()
	if answer.StatusCode == http.StatusUnauthorized && !strings.HasPrefix(answer.Header.Get("WWW-Authenticate"), "Basic") {
		t.Error("the answer does not say how to log in")
	}
	return answer.StatusCode
}

// I-29, X-10, R-12: by certificate, with a list of roots.
func TestCertificatesByRoots(t *testing.T) {
	ca, other := newAuthority(t, "our CA"), newAuthority(t, "another CA")
	middle := newIdentity(t, "middle", issuedBy(ca), usage(tandem.IssuerUsage))
	issued := newIdentity(t, "issued", issuedBy(ca), usage(tandem.ClientUsage))
	deep := newIdentity(t, "deep", issuedBy(middle))
	own := newIdentity(t, "self-signed")
	foreign := newIdentity(t, "foreign", issuedBy(other))
	expired := newIdentity(t, "expired", issuedBy(ca), expires(-1))
	server := newIdentity(t, "for servers", issuedBy(ca), usage(tandem.ServerUsage))

	file := filepath.Join(t.TempDir(), "ca.pem")
	check(t, os.WriteFile(file, ca.CertificatesPEM(), 0o600))
	data, err := os.ReadFile(file)
	check(t, err)
	fromFile, err := tandem.ParseCertificates(data)
	check(t, err)
	store := tandem.MemoryIdentityStore()
	_, err = tandem.SaveIdentity(store, "client", own)
	check(t, err)
	stored, err := tandem.GetIdentity(store, "client")
	check(t, err)

	for name, c := range map[string]struct {
		roots  []*x509.Certificate
		client *tandem.TLSIdentity
		good   bool
	}{
		"issued by the root":             {fromFile, issued, true},
		"issued below the root":          {ca.Certificates(), deep, true},
		"self-signed, in the list":       {stored.Certificates(), own, true},
		"leaf and intermediate as roots": {deep.Certificates()[:2], deep, true},
		"issued by another":              {ca.Certificates(), foreign, false},
		"self-signed, not in the list":   {ca.Certificates(), own, false},
		"expired":                        {ca.Certificates(), expired, false},
		"for servers alone":              {ca.Certificates(), server, false},
		"an empty list":                  {nil, issued, false},
		"none":                           {ca.Certificates(), nil, false},
	} {
		l, theirs := share(t, withAuthenticator(tandem.ListenerRootsAuthenticator(c.roots)))
		var auth tandem.ReplicatorAuthenticator
		if c.client != nil {
			auth = tandem.ClientCertificateAuthenticator{Identity: c.client}
		}
		_, err := attempt(t, l.URLs()[0], selfSigned, as(auth))
		switch {
		case c.good:
			wantSynced(t, name, theirs, err)
		case c.client == nil:
			wantRefused(t, name, theirs, err, tandem.ErrCertRequired, tandem.ErrTLSHandshake)
		default:
			wantRefused(t, name, theirs, err, tandem.ErrCertRejected, tandem.ErrTLSHandshake)
		}
	}
}

// the function alone decides, and sees the chain, leaf first.
func TestCertificatesByFunction(t *testing.T) {
	ca := newAuthority(t, "CA")
	good := newIdentity(t, "good", issuedBy(ca))
	bad := newIdentity(t, "expired", expires(-1))
	for name, c := range map[string]struct {
		client *tandem.TLSIdentity
		answer bool
	}{"a good one, refused": {good, false}, "a good one": {good, true}, "a bad one, let in": {bad, true}} {
		var calls atomic.Int32
		l, theirs := share(t, withAuthenticator(tandem.ListenerCertificateAuthenticator(func(chain []*x509.Certificate) bool {
			calls.Add(1)
			return chain[0].Equal(c.client.Leaf()) && len(chain) == len(c.client.Certs()) && c.answer
		})))
		_, err := attempt(t, l.URLs()[0], selfSigned, as(tandem.ClientCertificateAuthenticator{Identity: c.client}))
		if c.answer {
			wantSynced(t, name, theirs, err)
		} else {
			wantRefused(t, name, theirs, err, tandem.ErrCertRejected, tandem.ErrTLSHandshake)
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%s: the function was asked %d times", name, n)
		}
		_, err = attempt(t, l.URLs()[0], selfSigned)
		if err == nil || calls.Load() != 1 {
			t.Errorf("%s: without a certificate: %v", name, err)
		}
	}
	cfg := tandem.ReplicatorConfiguration{Authenticator: tandem.ClientCertificateAuthenticator{}}
	wantError(t, "no identity", cfg.Validate(), tandem.ErrInvalid)
}

// a panic refuses one client; the listener goes on, and the log knows no secret.
func TestAPanickingAuthenticatorRefuses(t *testing.T) {
	const secret = "s3cr3t"
	for name, c := range map[string]struct {
		listener *tandem.ListenerAuthenticator
		client   tandem.ReplicatorAuthenticator
		want     error
	}{
		"password": {
			tandem.ListenerPasswordAuthenticator(func(_ string, p []byte) bool { panic(string(p)) }),
			tandem.BasicAuthenticator{Username: "u", Password: secret},
			tandem.ErrUnauthorized,
		},
		"certificate": {
			tandem.ListenerCertificateAuthenticator(func(chain []*x509.Certificate) bool { return chain[7].IsCA }),
			tandem.ClientCertificateAuthenticator{Identity: newIdentity(t, "client")},
			tandem.ErrCertRejected,
		},
	} {
		var log logbook
		l, theirs := share(t, withAuthenticator(c.listener),
			func(cfg *tandem.URLEndpointListenerConfiguration) { cfg.Logger = log.logger() })
		for range 2 {
			_, err := attempt(t, l.URLs()[0], selfSigned, as(c.client))
			wantRefused(t, name, theirs, err, c.want, tandem.ErrTLSHandshake)
		}
		if text := log.String(); strings.Count(text, "panicked") != 2 || strings.Contains(text, secret) {
			t.Errorf("%s: the log says %s", name, text)
		}
	}
}

// No secret in a log, an error or a status, on either side.
func TestSecretsStayOutOfLogsAndErrors(t *testing.T) {
	const secret = "s3cr3t"
	var log logbook
	l, _ := share(t, withAuthenticator(tandem.StaticPassword("u", secret)),
		func(cfg *tandem.URLEndpointListenerConfiguration) { cfg.Logger = log.logger() })
	logged := func(c *tandem.ReplicatorConfiguration) { c.Logger = log.logger() }
	_, good := attempt(t, l.URLs()[0], selfSigned, logged, as(tandem.BasicAuthenticator{Username: "u", Password: secret}))
	check(t, good)
	_, bad := attempt(t, l.URLs()[0], selfSigned, logged, as(tandem.BasicAuthenticator{Username: "v", Password: secret}))
	_, session := attempt(t, l.URLs()[0], selfSigned, logged, as(tandem.SessionAuthenticator{SessionID: secret}))
	_, url := tandem.NewURLEndpoint("wss://u:" + secret + "@host/db")
	for _, err := range []error{bad, session, url} {
		if err == nil || strings.Contains(err.Error()+tandem.HintOf(err), secret) {
			t.Errorf("error %v", err)
		}
	}
	if text := log.String(); strings.Contains(text, secret) || strings.Contains(text, "dTpzM2NyM3Q") || text == "" {
		t.Errorf("the log says %s", text)
	}
}

// two listeners of one database, each with rules of its own.
func TestEachListenerHasItsOwnRules(t *testing.T) {
	byPassword, theirs := share(t, withAuthenticator(tandem.StaticPassword("u", "p")))
	client := newIdentity(t, "client")
	byCertificate := serve(t, tandem.URLEndpointListenerConfiguration{
		Collections:   []*tandem.Collection{theirs},
		Authenticator: tandem.ListenerRootsAuthenticator(client.Certificates()),
	})
	password := as(tandem.BasicAuthenticator{Username: "u", Password: "p"})
	certificate := as(tandem.ClientCertificateAuthenticator{Identity: client})
	_, err := attempt(t, byPassword.URLs()[0], selfSigned, certificate)
	wantRefused(t, "certificate for password", theirs, err, tandem.ErrUnauthorized)
	_, err = attempt(t, byCertificate.URLs()[0], selfSigned, password)
	wantRefused(t, "password for certificate", theirs, err, tandem.ErrCertRequired, tandem.ErrTLSHandshake)
	for l, auth := range map[*tandem.URLEndpointListener]configureReplicator{byPassword: password, byCertificate: certificate} {
		_, err = attempt(t, l.URLs()[0], selfSigned, auth)
		wantSynced(t, l.URLs()[0], theirs, err)
	}
}

//
func TestAClientThatRejectsTheListenerGetsNothing(t *testing.T) {
	l, theirs := share(t)
	r, err := attempt(t, l.URLs()[0])
	wantRefused(t, "a strict client", theirs, err, tandem.ErrCertUnknownRoot)
	if n := r.Status().Progress.Pull.Documents; n != 0 {
		t.Errorf("it got %d documents", n)
	}
	if got := l.Statistics().Connections; got != 0 {
		t.Errorf("the listener counts %d connections", got)
	}
}

//
func TestSeveralReplicatorsAtOnce(t *testing.T) {
	for name, readOnly := range map[string]bool{"open": false, "read-only": true} {
		l, theirs := share(t, func(c *tandem.URLEndpointListenerConfiguration) { c.ReadOnly = readOnly })
		var running sync.WaitGroup
		colls := make([]*tandem.Collection, 5)
		for i := range colls {
			colls[i] = newCollection(t)
			put(t, colls[i], "from "+string(rune('a'+i)), `{}`)
			r := replicator(t, l.URLs()[0], colls[i], func(c *tandem.ReplicatorConfiguration) {
				if readOnly {
					c.Type = tandem.Pull
				}
			})
			running.Go(func() {
				if err := r.Start(); err != nil {
					t.Error(err)
				}
				if err := r.Wait(context.Background()); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		running.Wait()
		for _, coll := range colls {
			wantBody(t, coll, "theirs", `{"of":"the listener"}`)
		}
		if n, err := theirs.Count(t.Context()); err != nil || readOnly && n != 1 || !readOnly && n != 6 {
			t.Errorf("%s: the listener has %d documents (%v)", name, n, err)
		}
	}
}

// A configuration that could never connect is refused before the first attempt, and no error
// tells a secret.
func TestACredentialThatCannotBeSentIsRefused(t *testing.T) {
	coll := newCollection(t)
	endpoint, err := tandem.NewURLEndpoint("wss://peer.example/db")
	check(t, err)
	for name, test := range map[string]struct {
		configure configureReplicator
		refused   bool
	}{
		"a user":                   {as(tandem.BasicAuthenticator{Username: "ann", Password: "p:q"}), false},
		"a user with a colon":      {as(tandem.BasicAuthenticator{Username: "ann:secret", Password: "p"}), true},
		"a session":                {as(tandem.SessionAuthenticator{SessionID: "0123abc"}), false},
		"no session":               {as(tandem.SessionAuthenticator{}), true},
		"a session with a line":    {as(tandem.SessionAuthenticator{SessionID: "secret\r\n"}), true},
		"a cookie with a space":    {as(tandem.SessionAuthenticator{SessionID: "secret", CookieName: "a b"}), true},
		"a header":                 {func(c *tandem.ReplicatorConfiguration) { c.Headers = http.Header{"X-Mine": {"1"}} }, false},
		"a header with a space":    {func(c *tandem.ReplicatorConfiguration) { c.Headers = http.Header{"X Mine": {"secret"}} }, true},
		"a proxy without a scheme": {func(c *tandem.ReplicatorConfiguration) { c.Proxy = &url.URL{Host: "proxy:80"} }, true},
		"no proxy":                 {func(c *tandem.ReplicatorConfiguration) { c.Proxy = &url.URL{} }, false},
	} {
		cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint}
		cfg.AddCollection(coll)
		test.configure(&cfg)
		err := cfg.Validate()
		if got := errors.Is(err, tandem.ErrInvalid); got != test.refused || !got && err != nil {
			t.Errorf("%s: got %v, refused should be %t", name, err, test.refused)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the secret: %v", name, err)
		}
	}
}
