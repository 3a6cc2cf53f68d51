package replication_test

import (
	"crypto/sha1" //nolint:gosec // the protocol names blobs so
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// took returns how long a session over the third protocol waits for something.
func took(t *testing.T, a, p *peer, configure ...func(*replication.Active, *replication.Passive)) time.Duration {
	t.Helper()
	began := time.Now()
	sync(t, a, p, append(configure, func(a *replication.Active, p *replication.Passive) {
		a.Protocol, p.Protocol = replication.CBMobile3, replication.CBMobile3
	})...)
	return time.Since(began)
}

// Only a document that the client may know by another name waits for the client to push first.
func TestOnlyDocumentsWithOtherNamesWaitForTheClient(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		app, again, ours := newPeerInBubble(t, store.RevTrees), newPeerInBubble(t, store.RevTrees), newPeerInBubble(t, store.Both)
		const wait = 2 * time.Second
		for n := range 3 {
			app.put("a", fmt.Sprintf(`{"n":%d}`, n))
			if got := took(t, app, ours); got >= wait {
				t.Errorf("a client that pushes waits for %v", got)
			}
			if got := took(t, app, ours); got >= wait {
				t.Errorf("a client that has nothing to push waits for %v", got)
			}
		}
		pullOnly := func(a *replication.Active, _ *replication.Passive) { a.Collections[0].Push = false }
		if got := took(t, again, ours, pullOnly); got >= wait || len(again.contents()) != 1 {
			t.Errorf("a client that only pulls waits for %v, and has %v", got, again.contents())
		}
		ours.put("b", `{"n":1}`)
		if got := took(t, again, ours, pullOnly); got < wait || len(again.contents()) != 2 {
			t.Errorf("the name that we have made comes after %v, want at least %v; the client has %v", got, wait, again.contents())
		}
	})
}

// One of ours says at once that it has nothing to push.
func TestOursSayThatTheyHaveNothingToPush(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		a, b := newPeerInBubble(t, store.Both), newPeerInBubble(t, store.Both)
		b.put("a", `{"n":1}`)
		trees := newPeerInBubble(t, store.RevTrees)
		for _, app := range []*peer{a, trees} {
			if got := took(t, app, b); got != 0 || len(app.contents()) != 1 {
				t.Errorf("a database of %s waits for %v, and has %v", app.db.Versioning(), got, app.contents())
			}
		}
	})
}

// A client may want a revision by the alias that we announce, late. It is told that there is none: it would wait.
func TestAWantedAliasIsAnsweredThoughAllElseIsDone(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		ours := newPeerInBubble(t, store.Both)
		if err := ours.db.NoteMet(t.Context(), store.Third); err != nil {
			t.Fatal(err)
		}
		ours.put("d", `{"n":1}`)
		var alias, now revision.ID
		if err := ours.db.Update(t.Context(), func(tx *store.Tx) error {
			d, err := tx.Head(ours.coll, "d")
			if err != nil {
				return err
			}
			alias, now = d.TreeID(), both.Embed(5, d.Rev.ID)
			return tx.Learn(ours.coll, "d", now, 0)
		}); err != nil {
			t.Fatal(err)
		}
		told := make(chan string, 2)
		s := meetListener(t, ours, replication.CBMobile3, func(r *blip.Request) {
			switch {
			case r.Profile() == "norev":
				told <- r.Properties.Value("rev")
			case r.Profile() == "changes" && strings.Contains(string(r.Body), string(now)):
				r.Reply(&blip.Message{Body: fmt.Appendf(nil, `[["%s"]]`, alias)})
			case r.Profile() == "changes" && strings.Contains(string(r.Body), string(alias)):
				time.AfterFunc(time.Second, func() { r.Reply(&blip.Message{Body: []byte(`[[]]`)}) })
			case !r.NoReply:
				r.Reply(&blip.Message{})
			}
		})
		s.mustAsk("[{}]", "getCollections", "", oneCollection)
		s.mustAsk("", "subChanges", "collection=0", "")
		for _, want := range []revision.ID{now, alias} {
			select {
			case got := <-told:
				if got != string(want) {
					t.Errorf("told that there is no %s, want %s", got, want)
				}
			case <-time.After(time.Minute):
				t.Fatalf("not told that there is no %s", want)
			}
		}
	})
}

// A revision that the client has proposed, and then withdraws, is not waited for.
func TestAWithdrawnRevisionIsNotWaitedFor(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		ours := newPeerInBubble(t, store.Both)
		ours.put("d", `{"n":1}`)
		told := make(chan time.Time, 1)
		s := meetListener(t, ours, replication.CBMobile3, func(r *blip.Request) {
			if r.Profile() == "changes" && len(r.Body) > len("[]") {
				told <- time.Now()
			}
			if !r.NoReply {
				r.Reply(&blip.Message{Body: []byte("[]")})
			}
		})
		began := time.Now()
		s.mustAsk("[{}]", "getCollections", "", oneCollection)
		s.mustAsk("[]", "proposeChanges", "collection=0", `[["x","1-aa","",9]]`)
		s.mustAsk("", "subChanges", "collection=0 versioning=rev-trees", "")
		s.mustAsk("", "norev", "collection=0 id=x rev=1-aa", "")
		if got := (<-told).Sub(began); got >= 2*time.Second {
			t.Errorf("our document is announced after %v", got)
		}
	})
}

// A client of the fourth generation that lists a tree revision which we lack has yet to push it: ours comes
// after that.
func TestAClientThatListsAnUnknownTreeRevisionPushesFirst(t *testing.T) {
	for pushes, want := range map[bool]time.Duration{true: time.Second, false: 2 * time.Second} {
		testsize.Bubble(t, func(t *testing.T) {
			ours := newPeerInBubble(t, store.Both)
			if err := ours.db.NoteMet(t.Context(), store.Third); err != nil {
				t.Fatal(err)
			}
			ours.put("d", `{"n":1}`)
			told := make(chan time.Time, 1)
			s := meetListener(t, ours, replication.CBMobile4, func(r *blip.Request) {
				switch {
				case r.Profile() == "changes" && len(r.Body) > len("[]"):
					r.Reply(&blip.Message{Body: []byte(`[["2-aa"]]`)})
					return
				case r.Profile() == "rev":
					told <- time.Now()
				}
				if !r.NoReply {
					r.Reply(&blip.Message{})
				}
			})
			began := time.Now()
			s.mustAsk("[{}]", "getCollections", "", oneCollection)
			s.mustAsk("", "subChanges", "collection=0 versioning=version-vectors", "")
			if pushes {
				time.Sleep(time.Second) // of the bubble's clock
				s.mustAsk("", "proposeChanges", "collection=0", `[]`)
			}
			if got := (<-told).Sub(began); got != want {
				t.Errorf("pushes %t: our document comes after %v, want %v", pushes, got, want)
			}
		})
	}
}

// A revision that has come is waited for until it is stored, which takes as long as its blobs take. Before that
// our document would be announced as it was.
func TestAnAppsRevisionIsStoredBeforeOursAreAnnounced(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		ours := newPeerInBubble(t, store.Both)
		ours.put("d", `{"n":1}`)
		const content = "a blob that takes a second"
		var sent atomic.Int64
		told := make(chan time.Time, 1)
		s := meetListener(t, ours, replication.CBMobile3, func(r *blip.Request) {
			switch {
			case r.Profile() == "getAttachment":
				go func() {
					time.Sleep(time.Second)
					sent.Store(time.Now().UnixNano())
					r.Reply(&blip.Message{Body: []byte(content)})
				}()
				return
			case r.Profile() == "changes" && len(r.Body) > len("[]"):
				told <- time.Now()
			}
			if !r.NoReply {
				r.Reply(&blip.Message{Body: []byte("[]")})
			}
		})
		s.mustAsk("[{}]", "getCollections", "", oneCollection)
		s.mustAsk("[]", "proposeChanges", "collection=0", `[["x","1-aa","",9]]`)
		s.mustAsk("", "subChanges", "collection=0 versioning=rev-trees", "")
		sum := sha1.Sum([]byte(content)) //nolint:gosec // the protocol names blobs so
		s.mustAsk("", "rev", "collection=0 id=x rev=1-aa", fmt.Sprintf(`{"b":{"@type":"blob","digest":"sha1-%s","length":%d}}`,
			base64.StdEncoding.EncodeToString(sum[:]), len(content)))
		if got := <-told; sent.Load() == 0 || got.UnixNano() < sent.Load() {
			t.Errorf("our document is announced at %v, and the app's blob came at %v", got, time.Unix(0, sent.Load()))
		}
	})
}
