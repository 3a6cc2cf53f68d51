package tandem_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/gatetest"
)

// TestCookiesAreKeptUntilThePeerTakesThemBack syncs through a gateway that gives sessions and ends them, at last
// along with a refusal. Each replicator is a new one: the cookies are in the database.
func TestCookiesAreKeptUntilThePeerTakesThemBack(t *testing.T) {
	l := offer(t, newCollection(t))
	var set string
	through, sent := gatetest.Start(t, l.URLs()[0], func(r *http.Response) error {
		if set != "" {
			r.Header.Set("Set-Cookie", set)
		}
		if strings.HasPrefix(set, "refused") {
			r.StatusCode = http.StatusUnauthorized
		}
		return nil
	})
	ours := newCollection(t)
	var got []string
	for _, set = range []string{"session=a; Path=/", "", "session=; Path=/; Max-Age=0", "refused=b; Path=/", ""} {
		r := replicator(t, through, ours)
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
