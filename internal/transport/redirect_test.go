package transport_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/transport"
)

func redirect(status int, location string) string {
	return fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status, location)
}

func TestRedirectsAreFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 307, 308} {
		e, requests := rawServer(t, func(request string) string {
			if strings.HasPrefix(request, "GET /db/") {
				return redirect(status, "/other/_blipsync?x=1")
			}
			return switching(request)
		})
		c, err := transport.Dial(t.Context(), transport.DialConfig{
			Endpoint: e, Protocols: []string{cbm4}, Credentials: &transport.Credentials{User: "u", Password: "p"},
		})
		if err != nil {
			t.Fatalf("%d: %v", status, err)
		}
		_ = c.Abort()
		second := parsed(t, requests()[1])
		if second.RequestURI != "/other/_blipsync?x=1" || second.Header.Get("Authorization") == "" {
			t.Errorf("%d: the second request is %v", status, second)
		}
	}
}

func TestARedirectMayNameAnyOfTheSchemes(t *testing.T) {
	for _, scheme := range []string{"http", "ws"} {
		there, requests := rawServer(t, switching)
		e, _ := rawServer(t, func(string) string {
			return redirect(308, strings.Replace(there.String(), "ws", scheme, 1)+"/_blipsync")
		})
		c, err := transport.Dial(t.Context(), transport.DialConfig{Endpoint: e, Protocols: []string{cbm4}})
		if err != nil {
			t.Errorf("%s: %v", scheme, err)
			continue
		}
		_ = c.Abort()
		if got := parsed(t, requests()[0]).RequestURI; got != "/db/_blipsync" {
			t.Errorf("%s: the second request is for %s", scheme, got)
		}
	}
}

func TestNoRedirectLeadsFromTLSToClearText(t *testing.T) {
	for _, scheme := range []string{"http", "ws"} {
		var location string
		s := redirectingTLS(t, func() string { return location })
		location = scheme + "://" + s + "/db/_blipsync"
		_, err := transport.Dial(t.Context(), transport.DialConfig{
			Endpoint: endpoint(t, "wss://"+s+"/db"), Protocols: []string{cbm4}, Trust: transport.Trust{SelfSignedOnly: true},
		})
		checkFault(t, err, fault.Network, fault.InvalidRedirect.Code)
		if err != nil && !strings.Contains(err.Error(), "clear text") {
			t.Errorf("%s: got %v", scheme, err)
		}
	}
}

// redirectingTLS returns the address of a server that redirects everybody.
func redirectingTLS(t *testing.T, location func() string) string {
	t.Helper()
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location())
		w.WriteHeader(http.StatusPermanentRedirect)
	}))
	web.TLS = &tls.Config{Certificates: []tls.Certificate{*issue(t, nil, nil).tls()}}
	web.StartTLS()
	t.Cleanup(web.Close)
	return web.Listener.Addr().String()
}

func TestAnotherHostGetsNoCredentials(t *testing.T) {
	there, requests := rawServer(t, switching)
	elsewhere := strings.Replace(strings.Replace(there.String(), "ws:", "http:", 1), "127.0.0.1", "localhost", 1)
	e, _ := rawServer(t, func(string) string { return redirect(302, elsewhere+"/_blipsync") })
	c, err := transport.Dial(t.Context(), transport.DialConfig{
		Endpoint: e, Protocols: []string{cbm4}, Credentials: &transport.Credentials{User: "u", Password: "p"},
		Headers: http.Header{"Authorization": {"Bearer x"}, "Cookie": {"session=1"}, "X-Mine": {"1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	r := parsed(t, requests()[0])
	if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
		t.Errorf("the other host got %v", r.Header)
	}
}

func TestAPeerMayAskForAProxy(t *testing.T) {
	proxy, requests := rawProxy(t, switching)
	e, direct := rawServer(t, func(string) string { return redirect(305, proxy.String()+"/") })
	c, err := transport.Dial(t.Context(), transport.DialConfig{
		Endpoint: e, Protocols: []string{cbm4}, Credentials: &transport.Credentials{User: "u", Password: "p"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	if got, want := requests()[0], "CONNECT "+e.Address()+" HTTP/1.1\r\n"; !strings.HasPrefix(got, want) {
		t.Errorf("the proxy got %q, want %q", got, want)
	}
	if strings.Contains(requests()[0], "Authorization") {
		t.Errorf("the proxy sees what the peer alone should: %q", requests()[0])
	}
	first, second := parsed(t, direct()[0]), parsed(t, requests()[1])
	if second.RequestURI != first.RequestURI || second.Header.Get("Authorization") == "" {
		t.Errorf("through the proxy the request is %v", second)
	}
}

func TestBadProxiesAreRefused(t *testing.T) {
	for _, location := range []string{"", "/db", "https://127.0.0.1:1", "http://u:p@127.0.0.1:1", "http://:80", "http://h:99999"} {
		e, _ := rawServer(t, func(string) string { return redirect(305, location) })
		_, err := transport.Dial(t.Context(), transport.DialConfig{Endpoint: e, Protocols: []string{cbm4}})
		checkFault(t, err, fault.Network, fault.InvalidRedirect.Code)
	}
	proxy, _ := rawProxy(t, func(string) string { return redirect(305, "http://127.0.0.1:1") })
	_, err := transport.Dial(t.Context(), transport.DialConfig{
		Endpoint: endpoint(t, "ws://peer.example/db"), Protocols: []string{cbm4}, Proxy: proxy,
	})
	checkFault(t, err, fault.Network, fault.InvalidRedirect.Code)
}

func TestBadRedirectsAreRefused(t *testing.T) {
	for location, want := range map[string]*fault.Error{
		"/db/_blipsync":          fault.TooManyRedirects, // to itself
		"relative":               fault.InvalidRedirect,
		"ftp://example.com/db":   fault.InvalidRedirect,
		"http://u:p@example.com": fault.InvalidRedirect,
		"//example.com/db":       fault.InvalidRedirect,
		"http://:80/db":          fault.InvalidRedirect,
		"http://h:99999/db":      fault.InvalidRedirect,
		"http://%zz/":            fault.InvalidRedirect,
		"":                       fault.InvalidRedirect,
	} {
		e, requests := rawServer(t, func(string) string { return redirect(302, location) })
		_, err := transport.Dial(t.Context(), transport.DialConfig{Endpoint: e, Protocols: []string{cbm4}})
		checkFault(t, err, want.Domain, want.Code)
		if want == fault.TooManyRedirects && len(requests()) != 11 {
			t.Errorf("%d requests, want the first and ten more", len(requests()))
		}
	}
}

func TestTheCallerMayRefuseARedirect(t *testing.T) {
	there, requests := rawServer(t, switching)
	for _, status := range []int{302, 305} {
		location := strings.Replace(there.String(), "ws:", "http:", 1) + "/_blipsync"
		e, _ := rawServer(t, func(string) string { return redirect(status, location) })
		var asked string
		_, err := transport.Dial(t.Context(), transport.DialConfig{
			Endpoint: e, Protocols: []string{cbm4}, CheckRedirect: func(to *url.URL) error {
				asked = to.Host
				return errors.New("no")
			},
		})
		checkFault(t, err, fault.Network, fault.InvalidRedirect.Code)
		if asked != there.Address() || len(requests()) != 0 {
			t.Errorf("%d: asked about %q, and %d requests came", status, asked, len(requests()))
		}
	}
}
