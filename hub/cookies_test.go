package hub_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/hub"
	"github.com/tandemdb/tandem/internal/gatetest"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// TestCookiesAreTheNodesOwn has a node replicate through a gateway that gives sessions. It sends them again, and
// another node, or who reads the tables, never sees them.
func TestCookiesAreTheNodesOwn(t *testing.T) {
	server := storetest.SharedPostgres(t)
	at := server.In("cookies")
	one, endpoint := node(t, at)
	two := open(t, at, tandem.Options{Engine: hub.PostgreSQL()})
	through, sent := gatetest.Start(t, endpoint, func(r *http.Response) error {
		r.Header.Set("Set-Cookie", "session=secret; Path=/")
		return nil
	})
	var got []string
	for _, m := range []member{one, one, two} {
		syncOnce(t, m, through)
		got = append(got, <-sent)
	}
	if want := []string{"", "session=secret", ""}; !slices.Equal(got, want) {
		t.Errorf("cookies %q, want %q", got, want)
	}
	conn, err := pgx.Connect(t.Context(), server.Base())
	check(t, err)
	defer conn.Close(t.Context())
	var found int
	check(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM cookies.value WHERE position('secret' in value::text) > 0 OR
		position('736563726574' in value::text) > 0`).Scan(&found))
	if found != 0 {
		t.Errorf("%d rows have the cookie", found)
	}
}
