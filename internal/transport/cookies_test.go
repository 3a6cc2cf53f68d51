package transport_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/transport"
)

// visit connects to url through a tunnel to a listener that sets cookies, and returns the Cookie
// header sent.
func visit(t *testing.T, jar *transport.Cookies, url string, parents bool, set ...string) string {
	t.Helper()
	proxy, requests := rawProxy(t, func(request string) string {
		var lines strings.Builder
		for _, cookie := range set {
			fmt.Fprintf(&lines, "Set-Cookie: %s\r\n", cookie)
		}
		return strings.Replace(switching(request), "\r\n\r\n", "\r\n"+lines.String()+"\r\n", 1)
	})
	c, err := transport.Dial(t.Context(), transport.DialConfig{
		Endpoint: endpoint(t, url), Protocols: []string{cbm4}, Proxy: proxy,
		Cookies: jar, AcceptParentDomainCookies: parents,
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Abort()
	return parsed(t, requests()[1]).Header.Get("Cookie")
}

func TestCookiesAreSentWhereTheyBelong(t *testing.T) {
	const home = "ws://peer.example.com/a/db"
	tests := map[string]struct {
		set     string
		parents bool
		then    string // the next visit
		want    string
	}{
		"same place":              {"x=1", false, home, "x=1"},
		"default path":            {"x=1", false, "ws://peer.example.com/a/other", ""},
		"path above":              {"x=1; Path=/", false, "ws://peer.example.com/other", "x=1"},
		"path is whole words":     {"x=1; Path=/a", false, "ws://peer.example.com/ab/db", ""},
		"another host":            {"x=1; Path=/", false, "ws://other.example.com/a/db", ""},
		"without a domain, below": {"x=1; Path=/", false, "ws://deep.peer.example.com/db", ""},
		"own domain, below": {
			"x=1; Domain=peer.example.com", false, "ws://deep.peer.example.com/a/db", "x=1",
		},
		"parent domain":                 {"x=1; Domain=example.com", false, home, ""},
		"parent domain, accepted":       {"x=1; Domain=.example.com", true, "ws://other.example.com/a/db", "x=1"},
		"foreign domain":                {"x=1; Domain=example.org", true, home, ""},
		"top-level domain":              {"x=1; Domain=com", true, home, ""},
		"end of a name is not a parent": {"x=1; Domain=ple.com", true, home, ""},
		"only by TLS":                   {"x=1; Secure", false, home, ""},
		"expired":                       {"x=1; Max-Age=0", false, home, ""},
		"expired long ago":              {"x=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT", false, home, ""},
		"not expired":                   {"x=1; Max-Age=3600", false, home, "x=1"},
		"too long":                      {"x=" + strings.Repeat("y", 5000), false, home, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var jar transport.Cookies
			if got := visit(t, &jar, home, test.parents, test.set); got != "" {
				t.Errorf("the first visit came with %q", got)
			}
			if got := visit(t, stored(t, &jar), test.then, false); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// stored returns a copy of a jar that was stored and loaded.
func stored(t *testing.T, jar *transport.Cookies) *transport.Cookies {
	t.Helper()
	data, err := json.Marshal(jar)
	if err != nil {
		t.Fatal(err)
	}
	var again transport.Cookies
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	return &again
}

func TestCookiesAreReplacedRemovedAndBounded(t *testing.T) {
	const home = "ws://peer.example.com/db"
	var jar transport.Cookies
	visit(t, &jar, home, false, "x=1", "y=1")
	visit(t, &jar, home, false, "x=2", "y=; Max-Age=0")
	var many []string
	if got := visit(t, &jar, home, false, many...); got != "x=2" {
		t.Errorf("got %q, want x=2", got)
	}
	for i := range 200 {
		many = append(many, fmt.Sprintf("c%d=1", i))
	}
	visit(t, &jar, home, false, many...)
	if got := strings.Split(visit(t, &jar, home, false), "; "); len(got) != 64 || got[63] != "c199=1" {
		t.Errorf("%d cookies are kept, want the latest 64", len(got))
	}
}
