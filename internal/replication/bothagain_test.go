package replication_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
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
