package replication_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// A client whose revision was refused waits for ours, and may have passed it over before: it hears of it again.
func TestARefusedClientHearsOfOurRevisionAgain(t *testing.T) {
	const tree, version = "1-cccccccccccccccccccccccccccccccccccccccc", "18a3f2c1d5e10000@AbCdEf0123456789+/abcA"
	for name, x := range map[string]struct {
		protocol, versioning string
		push                 func(s *stranger)
	}{
		"after its revision": {replication.CBMobile3, "rev-trees", func(s *stranger) {
			s.mustAsk("[]", "proposeChanges", "collection=0", `[["d","`+tree+`","",9]]`)
			s.mustAsk("HTTP/409", "rev", "collection=0 id=d sequence=1 rev="+tree, `{"n":2}`)
		}},
		"after its proposal": {replication.CBMobile4, "version-vectors", func(s *stranger) {
			s.mustAsk("[409]", "proposeChanges", "collection=0", `[["d","`+version+`","",9]]`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				ours := newPeerInBubble(t, store.Both)
				if err := ours.db.NoteMet(t.Context(), store.Third); err != nil {
					t.Fatal(err)
				}
				ours.put("d", `{"n":1}`)
				told := make(chan bool, 9)
				cfg := replication.Passive{
					Common:      replication.Common{DB: ours.db, Protocol: x.protocol, ReplyTimeout: patience, Log: testLog(t)},
					Collections: []*store.Collection{ours.coll},
				}
				s := meet(t, func(pipe blip.Pipe) *replication.Session { return replication.NewPassive(pipe, cfg) }, func(r *blip.Request) {
					if r.Profile() == "changes" && strings.Contains(string(r.Body), `"d"`) {
						told <- true
					}
					if !r.NoReply {
						r.Reply(&blip.Message{Body: []byte("[]")})
					}
				})
				s.mustAsk("[{}]", "getCollections", "", oneCollection)
				s.mustAsk("", "subChanges", "collection=0 continuous=true versioning="+x.versioning, "")
				s.mustAsk("", "proposeChanges", "collection=0", `[]`)
				<-told
				x.push(s)
				select {
				case <-told:
				case <-time.After(time.Minute):
					t.Error("the client does not hear of it again")
				}
			})
		})
	}
}

// A client subscribes to the changes until now, and then proposes an older name of a document. Our revision gets a
// later name by that, which moves it behind these changes: the client hears of it in this session all the same.
func TestADocumentThatAProposalRenamesIsAnnounced(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		ours := newPeerInBubble(t, store.Both)
		const first, second revision.ID = "0d234ccf00000000@AbCdEf0123456789+/abcA", "0d234ccf10000000@AbCdEf0123456789+/abcA"
		ours.receive(revision.Rev{ID: second}, `{"n":2}`)
		older, later := both.Embed(1, first), both.Embed(2, second)
		told := make(chan string, 9)
		s := meetListener(t, ours, replication.CBMobile3, func(r *blip.Request) {
			if r.Profile() == "changes" {
				told <- string(r.Body)
			}
			if !r.NoReply {
				r.Reply(&blip.Message{Body: []byte("[]")})
			}
		})
		s.mustAsk("[{}]", "getCollections", "", oneCollection)
		s.mustAsk("", "subChanges", "collection=0 versioning=rev-trees", "")
		synctest.Wait() // until it has come to the document
		s.mustAsk("[304]", "proposeChanges", "collection=0", `[["doc","`+string(older)+`","",9]]`)
		if got := <-told; !strings.Contains(got, string(later)) {
			t.Errorf("the client hears of %s, want %s", got, later)
		}
	})
}

// A client that subscribes to the changes until now, and then pushes into a conflict, hears of our revision first and of
// the end afterwards. It hears of nothing more then: Couchbase Lite 3.0 crashes.
func TestAOneShotClientHearsOfItsRefusalBeforeTheEnd(t *testing.T) {
	for _, proposes := range []bool{true, false} {
		testsize.Bubble(t, func(t *testing.T) {
			const tree = "1-cccccccccccccccccccccccccccccccccccccccc"
			ours := newPeerInBubble(t, store.Both)
			ours.put("d", `{"n":1}`)
			ours.put("e", `{"n":1}`)
			told := make(chan string, 9)
			heard := func() (all []string) {
				synctest.Wait()
				for len(told) > 0 {
					all = append(all, <-told)
				}
				return all
			}
			s := meetListener(t, ours, replication.CBMobile3, func(r *blip.Request) {
				if r.Profile() == "changes" {
					told <- string(r.Body)
				}
				if answer := func() { r.Reply(&blip.Message{Body: []byte("[]")}) }; string(r.Body) != "[]" {
					time.AfterFunc(2*time.Second, answer) // so long the push goes on
				} else if !r.NoReply {
					answer()
				}
			})
			s.mustAsk("[{}]", "getCollections", "", oneCollection)
			s.mustAsk("", "subChanges", "collection=0 versioning=rev-trees since=2", "")
			if got := heard(); len(got) > 0 {
				t.Errorf("before it pushes the client hears of %q, want nothing", got)
			}
			if proposes {
				s.mustAsk("[]", "proposeChanges", "collection=0", `[["d","`+tree+`","",9]]`)
				s.mustAsk("HTTP/409", "rev", "collection=0 id=d sequence=1 rev="+tree, `{"n":2}`)
			} else {
				time.Sleep(time.Second)
			}
			if got := heard(); len(got) == 0 || got[len(got)-1] != "[]" || strings.Contains(got[0], `"d"`) != proposes {
				t.Errorf("a client that pushes (%t) hears of %q, want our revision if it pushes, and then the end", proposes, got)
			}
			s.mustAsk("[]", "proposeChanges", "collection=0", `[["e","1-dd","",9]]`)
			s.mustAsk("HTTP/409", "rev", "collection=0 id=e sequence=2 rev=1-dd", `{"n":3}`)
			if got := heard(); len(got) > 0 {
				t.Errorf("after the end the client hears of %q, want nothing", got)
			}
		})
	}
}
