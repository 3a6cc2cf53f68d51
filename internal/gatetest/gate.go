package gatetest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// maxWaiting is how many requests may wait to be looked at.
const maxWaiting = 10

// Start starts a gateway in front of the listener at a URL ws://…, until the end of the test. It returns the URL of the
// listener by way of the gateway, and the cookies of each request. modify changes the responses.
func Start(t testing.TB, listener string, modify func(*http.Response) error) (through string, cookies <-chan string) {
	t.Helper()
	target, err := url.Parse("http" + strings.TrimPrefix(listener, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: target.Host})
	proxy.ModifyResponse = modify
	sent := make(chan string, maxWaiting)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent <- r.Header.Get("Cookie")
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(gateway.Close)
	return "ws" + strings.TrimPrefix(gateway.URL, "http") + target.Path, sent
}
