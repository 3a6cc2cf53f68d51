package tandem_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// TestCookiesAreKeptUntilThePeerTakesThemBack syncs through a gateway that gives sessions and ends them, at last
// along with a refusal. Each replicator is a new one: the cookies are in the database.
func TestCookiesAreKeptUntilThePeerTakesThemBack(t *testing.T) {
	l := offer(t, newCollection(t))
	target, err := url.Parse("http" + strings.TrimPrefix(l.URLs()[0], "ws"))
	check(t, err)
	var set string
	sent := make(chan string, 10)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: target.Host})
	proxy.ModifyResponse = func(r *http.Response) error {
		if set != "" {
			r.Header.Set("Set-Cookie", set)
		}
		if strings.HasPrefix(set, "refused") {
			r.StatusCode = http.StatusUnauthorized
		}
		return nil
	}
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent <- r.Header.Get("Cookie")
		proxy.ServeHTTP(w, r)
	}))
	defer gateway.Close()

	ours := newCollection(t)
	var got []string
	for _, set = range []string{"session=a; Path=/", "", "session=; Path=/; Max-Age=0", "refused=b; Path=/", ""} {
		r := replicator(t, "ws"+strings.TrimPrefix(gateway.URL, "http")+target.Path, ours)
		var want error
		if strings.HasPrefix(set, "refused") {
			want = tandem.ErrUnauthorized
		}
		endWith(t, r, want)
		got = append(got, <-sent)
	}
	if want := []string{"", "session=a", "session=a", "", "refused=b"}; !slices.Equal(got, want) {
		t.Errorf("cookies %q, want %q", got, want)
	}
}
