package replication_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// TestLateNewsOfAPushIsNone has a listener announce the first revision of a document when it has taken the second
// one already, as a Sync Gateway does whose feed is late: nothing is proposed once more.
func TestLateNewsOfAPushIsNone(t *testing.T) {
	eachKind(t, func(t *testing.T, v store.Versioning) {
		a := newPeer(t, v)
		a.put("a", `{"n":1}`)
		proposed, taken := make(chan string, 100), make(chan string, 100)
		ready := make(chan struct{})
		l := meetActive(t, a, func(cfg *replication.Active) { cfg.Continuous = true }, func(r *blip.Request) {
			switch r.Profile() {
			case "proposeChanges":
				var items [][]any
				if err := json.Unmarshal(r.Body, &items); err != nil {
					t.Errorf("proposals %s: %v", r.Body, err)
				}
				for _, item := range items {
					proposed <- item[0].(string)
				}
				r.Reply(&blip.Message{Body: []byte("[]")})
			case "rev":
				r.Reply(nil)
				taken <- r.Properties.Value("id") + " " + r.Properties.Value("rev")
			default:
				politely(r)
			}
		}, func(l *listener) {
			caughtUp(l)
			close(ready)
		})
		next := func(from chan string) string {
			select {
			case text := <-from:
				return text
			case <-time.After(patience):
				t.Fatal("nothing more comes")
				return ""
			}
		}
		<-ready
		_, first, _ := strings.Cut(next(taken), " ")
		a.put("a", `{"n":2}`)
		next(taken)
		a.put("between", "{}") // when it has arrived, so has the reply before
		next(taken)
		if got := l.ask("changes", "collection=0", `[[1,"a","`+first+`"]]`); got != "[]" && got != "[0]" {
			t.Errorf("the news is answered %s", got)
		}
		a.put("last", "{}")
		next(taken)
		l.stop()
		if err := l.await(); err != nil {
			t.Errorf("the session ends with %v", err)
		}
		close(proposed)
		var all []string
		for id := range proposed {
			all = append(all, id)
		}
		if want := []string{"a", "a", "between", "last"}; !slices.Equal(all, want) {
			t.Errorf("proposed is %v, want %v", all, want)
		}
	})
}
