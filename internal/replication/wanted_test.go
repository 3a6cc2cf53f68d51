package replication_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	gosync "sync"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// blobBody is a document with the blob of someDigest.
var blobBody = fmt.Sprintf(`{"b":{"@type":"blob","digest":%q,"length":12}}`, someDigest)

// TestADocumentLeftForLaterHoldsUpNoOther lets the second of very many documents fail for a
// reason that may pass: the others are pulled, and the checkpoint stays before it.
func TestADocumentLeftForLaterHoldsUpNoOther(t *testing.T) {
	const batches, perBatch = 60, 200 // more than may be open after one that is not stored
	a := newPeer(t, store.RevTrees)
	var saved gosync.Map
	answer := but("getAttachment", failing("HTTP", 503))
	l := meetActive(t, a, nil, func(r *blip.Request) {
		if r.Profile() == "setCheckpoint" {
			saved.Store("last", r.Body)
		}
		answer(r)
	}, func(l *listener) {
		l.ask("changes", "collection=0", `[[1,"gone","1-aa",2],[2,"late","1-aa"]]`)
		l.tell("rev", "collection=0 id=late rev=1-aa sequence=2", blobBody)
		for batch := range batches {
			var entries []string
			for i := range perBatch {
				n := batch*perBatch + i
				entries = append(entries, fmt.Sprintf(`[%d,"d%d","1-aa",2]`, 3+n, n))
			}
			l.ask("changes", "collection=0", "["+strings.Join(entries, ",")+"]")
		}
		l.ask("changes", "collection=0", `[[99999,"last","1-aa"]]`)
		l.tell("rev", "collection=0 id=last rev=1-aa sequence=99999", "{}")
		caughtUp(l)
	})
	if err := l.await(); !errors.Is(err, fault.New(fault.WebSocket, 503, "")) {
		t.Errorf("ended with %v, want 503", err)
	}
	if _, ok := a.contents()["last"]; !ok {
		t.Error("the last document is not stored")
	}
	body, _ := saved.Load("last")
	var checkpoint struct{ Remote int }
	if err := json.Unmarshal(body.([]byte), &checkpoint); err != nil || checkpoint.Remote != 1 {
		t.Errorf("the checkpoint is %s (%v), want it at sequence 1", body, err)
	}
}

// TestBlobsOfOneCollectionDoNotStrandAnother announces changes of one collection while another
// one's documents wait for so many blobs that nothing more is asked for: they get their
// answer when the blobs are there.
func TestBlobsOfOneCollectionDoNotStrandAnother(t *testing.T) {
	inFolders(t)
	const documents = 200
	a := newPeer(t, store.RevTrees)
	other, err := a.db.CreateCollection(t.Context(), "_default", "other")
	if err != nil {
		t.Fatal(err)
	}
	asked, release := make(chan struct{}, documents), make(chan struct{})
	handle := func(r *blip.Request) {
		switch r.Profile() {
		case "getCollections":
			r.Reply(&blip.Message{Body: []byte("[{},{}]")})
		case "getAttachment":
			asked <- struct{}{}
			go func() {
				<-release
				r.Reply(&blip.Message{Body: []byte("Hello, blob!")})
			}()
		default:
			politely(r)
		}
	}
	l := meetActive(t, a, func(cfg *replication.Active) {
		cfg.Collections = append(cfg.Collections, replication.CollectionOptions{Collection: other, Pull: true})
	}, handle, func(l *listener) {
		var entries []string
		for i := range documents {
			entries = append(entries, fmt.Sprintf(`[%d,"d%d","1-aa"]`, i+1, i))
		}
		l.ask("changes", "collection=1", "["+strings.Join(entries, ",")+"]")
		for i := range documents {
			l.tell("rev", fmt.Sprintf("collection=1 id=d%d rev=1-aa sequence=%d", i, i+1), blobBody)
		}
		l.tell("changes", "collection=1", "[]")
		<-asked
		// The answer to a request that comes after them shows that the revisions have been read.
		l.ask("proveAttachment", "collection=0 digest="+someDigest, "nonce")
		l.tell("changes", "collection=0", `[[1,"gone","1-aa",2]]`)
		caughtUp(l)
		l.ask("proveAttachment", "collection=0 digest="+someDigest, "nonce")
		close(release)
	})
	if err := l.await(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestAVersionIsNamedWithOneTreeRevision announces a tree revision of a document that was upgraded and
// edited here: Sync Gateway takes a version followed by one tree revision, and no more.
func TestAVersionIsNamedWithOneTreeRevision(t *testing.T) {
	a := newPeer(t, store.VersionVectors)
	var answer string
	pull := func(announced string, revs ...[2]string) {
		l := meetActive(t, a, func(cfg *replication.Active) {
			cfg.Deltas = false
			cfg.Collections[0].Push = false
		}, politely, func(l *listener) {
			answer = l.ask("changes", "collection=0", announced)
			for _, rev := range revs {
				l.tell("rev", "collection=0 "+rev[0], rev[1])
			}
			l.tell("norev", "collection=0 id=doc rev=4-dd sequence=2", "")
			caughtUp(l)
		})
		if err := l.await(); err != nil {
			t.Fatal(err)
		}
	}
	pull(`[[1,"doc","3-cc"]]`, [2]string{"id=doc rev=3-cc history=2-bb,1-aa sequence=1", "{}"})
	a.put("doc", `{"n":2}`)
	pull(`[[2,"doc","4-dd"]]`)
	version, _, _ := strings.Cut(a.contents()["doc"], " ")
	if want := fmt.Sprintf(`[[%q,"3-cc"]]`, version); answer != want {
		t.Errorf("answered %s, want %s", answer, want)
	}
}

// TestWhatIsLostWhileItsBlobIsFetchedDoesNotCome takes the access to a document away while its
// revision waits for a blob.
func TestWhatIsLostWhileItsBlobIsFetchedDoesNotCome(t *testing.T) {
	for name, c := range map[string]struct {
		keep   bool
		stored int
	}{"purged": {false, 0}, "kept": {true, 1}} {
		t.Run(name, func(t *testing.T) {
			a := newPeer(t, store.RevTrees)
			asked, release := make(chan struct{}), make(chan struct{})
			fetch := func(r *blip.Request) {
				close(asked)
				go func() {
					<-release
					r.Reply(&blip.Message{Body: []byte("Hello, blob!")})
				}()
			}
			l := meetActive(t, a, func(cfg *replication.Active) { cfg.KeepLost = c.keep }, but("getAttachment", fetch),
				func(l *listener) {
					l.ask("changes", "collection=0", `[[1,"doc","1-aa"]]`)
					l.tell("rev", "collection=0 id=doc rev=1-aa sequence=1", blobBody)
					<-asked
					l.ask("changes", "collection=0", `[[2,"doc","1-aa",2]]`)
					close(release)
					caughtUp(l)
				})
			if err := l.await(); err != nil {
				t.Errorf("ended with %v", err)
			}
			if stored := a.contents(); len(stored) != c.stored {
				t.Errorf("stored is %v, want %d documents", stored, c.stored)
			}
		})
	}
}

// TestAnIDThatIsNoUTF8SpoilsItsDocumentAlone pulls what Sync Gateway lets other clients make: such IDs,
// which read otherwise in an announcement than in the revision's properties. Items of an entry that
// nobody knows yet do no harm either.
func TestAnIDThatIsNoUTF8SpoilsItsDocumentAlone(t *testing.T) {
	for name, id := range map[string]string{"bytes": "a\xff", "half a surrogate": `a\ud800`} {
		t.Run(name, func(t *testing.T) {
			a := newPeer(t, store.RevTrees)
			l := meetActive(t, a, nil, politely, offers(`[[1,"`+id+`","1-aa"],[2,"b","1-bb",0,9,"x",{},[],1,2]]`,
				[2]string{"id=_otherwise rev=1-aa sequence=1", "{}"}, [2]string{"id=b rev=1-bb sequence=2", "{}"}))
			if err := l.await(); err != nil {
				t.Errorf("ended with %v", err)
			}
			if events := l.events.sorted(); !slices.Equal(events, []string{"pull _otherwise LiteCore/29", "pull b"}) {
				t.Errorf("reported %q", events)
			}
		})
	}
}
