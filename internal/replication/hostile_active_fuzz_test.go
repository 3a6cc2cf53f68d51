package replication_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// FuzzReply lets our active side, with a document to push, call a listener whose reply to one kind of request is
// one that a real peer gave, or nearly so. The session ends, with an error of ours if any, and the database is sound.
func FuzzReply(f *testing.F) {
	kinds := []string{"getCollections", "getCheckpoint", "setCheckpoint", "subChanges", "proposeChanges", "rev"}
	const most = 8 // of a kind: each seed costs a database
	for _, kind := range kinds {
		replies := fuzzing.Recorded(f, kind+" answer")
		for _, m := range replies[:min(most, len(replies))] {
			f.Add(kind, strings.Join(m.Properties, "\x00"), m.Body, true)
		}
	}
	f.Add("getCollections", "", []byte(`[{"rev":"1-cc","local":1,"remote":"9"}]`), false)
	f.Fuzz(func(t *testing.T, kind, properties string, body []byte, vectors bool) {
		reply, ok := messageOf(properties, body)
		if !ok {
			return
		}
		versioning := store.RevTrees
		if vectors {
			versioning = store.VersionVectors
		}
		p := newPeer(t, versioning)
		p.put("mine", `{"from":"here"}`)
		fuzzing.Within(t, uint64(16<<20+4096*len(body)), func() {
			l := meetActive(t, p, nil, but(kind, func(r *blip.Request) { r.Reply(reply) }), caughtUp)
			err := l.await()
			if err != nil && fault.Of(err) == nil && !errors.Is(err, replication.ErrStartOver) {
				t.Errorf("%s answered with %v %q: %v is not a fault", kind, reply.Properties, body, err)
			}
		})
		problems, err := p.db.Check(t.Context())
		if err != nil || len(problems) > 0 {
			t.Errorf("the database has problems: %v %v", problems, err)
		}
	})
}
