package pouchdb_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

type synced struct {
	OK       bool
	Written  []int
	Failures []int
	Denied   []string
}

// sync syncs a PouchDB once; way is push, pull or both.
func (d *driver) sync(name string, s *server, way string) (r synced) {
	d.t.Helper()
	d.do("sync", args{"name": name, "url": s.url, "way": way}, &r)
	if !r.OK {
		d.t.Errorf("the sync of %s has not ended well: %+v", name, r)
	}
	return r
}

// all returns the documents of a PouchDB as [server.all] does. None may have a conflict.
func (d *driver) all(name string) map[string]string {
	d.t.Helper()
	var docs []map[string]any
	d.do("all", args{"name": name}, &docs)
	all := map[string]string{}
	for _, doc := range docs {
		if doc["_conflicts"] != nil {
			d.t.Errorf("%s: %s has the conflicts %v", name, doc["_id"], doc["_conflicts"])
		}
		id, rev := fmt.Sprint(doc["_id"]), fmt.Sprint(doc["_rev"])
		all[id] = rev + " " + content(d.t, doc)
	}
	return all
}

// same fails unless PouchDBs have what a server has.
func (d *driver) same(s *server, names ...string) {
	d.t.Helper()
	want := s.all()
	for _, name := range names {
		got := d.all(name)
		for id := range want {
			if got[id] != want[id] {
				d.t.Errorf("%s: %s is %q, want %q", name, id, got[id], want[id])
			}
		}
		for id := range got {
			if want[id] == "" {
				d.t.Errorf("%s: %s is %q, and is not on the server", name, id, got[id])
			}
		}
	}
}

func TestManyDocumentsAreePushedAndPulled(t *testing.T) {
	n := testsize.Pick(500, 20_000)
	d, s := drive(t), serve(t, nil)
	d.do("load", args{"name": "a", "from": 0, "count": n, "size": 900}, nil)
	// A pull takes five requests for each hundred documents, and some in the end. A push takes four for each
	// batch, which has what PouchDB has read of its own changes meanwhile, and so often less than a hundred.
	most, mostPushed := int64(n/100*5+12), int64(n/5+12)
	if took := s.took(func() { d.sync("a", s, "push") }); took > mostPushed {
		t.Errorf("the push took %d requests, want at most %d", took, mostPushed)
	}
	if got, err := s.coll.Count(t.Context()); err != nil || got != uint64(n) {
		t.Fatalf("the server has %d documents, %v, want %d", got, err, n)
	}
	if took := s.took(func() { d.sync("b", s, "pull") }); took > most {
		t.Errorf("the pull took %d requests, want at most %d", took, most)
	}
	var count int
	if d.do("count", args{"name": "b"}, &count); count != n {
		t.Errorf("b has %d documents, want %d", count, n)
	}
	d.same(s, "b")
	if took := s.took(func() { d.sync("b", s, "pull") }); took > 6 {
		t.Errorf("with nothing to do it took %d requests, want at most 6", took)
	}
	// b asks about all that it has pulled, and pushes nothing.
	r := synced{}
	if took := s.took(func() { r = d.sync("b", s, "push") }); r.Written[0] != 0 || took > mostPushed {
		t.Errorf("b has pushed %d documents in %d requests, want none in %d", r.Written[0], took, mostPushed)
	}
}

func TestAttachmentsComeBackAsTheyWere(t *testing.T) {
	d, s := drive(t), serve(t, nil)
	large := make([]byte, 1<<20)
	_, _ = rand.Read(large)
	attached := map[string][]byte{"t.txt": []byte("hello"), "a folder/of ä.bin": {0, 1, 255}, "large": large, "empty": {}}
	list := map[string]any{}
	for key, data := range attached {
		list[key] = map[string]any{"content_type": "application/x-" + key[:1], "data": base64.StdEncoding.EncodeToString(data)}
	}
	d.do("put", args{"name": "a", "docs": []any{map[string]any{"_id": "x/y", "n": 1, "t.txt": "a property", "_attachments": list}}}, nil)
	d.sync("a", s, "push")
	d.sync("b", s, "both")
	compare := func() {
		t.Helper()
		for key, want := range attached {
			var text string
			d.do("attachment", args{"name": "b", "id": "x/y", "key": key}, &text)
			if got, err := base64.StdEncoding.DecodeString(text); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s has %d bytes, %v, want %d", key, len(got), err, len(want))
			}
		}
	}
	compare()
	d.do("put", args{"name": "b", "docs": []any{map[string]any{"_id": "x/y", "n": 2}}}, nil) // keeps them
	d.do("removeAttachment", args{"name": "b", "id": "x/y", "key": "large"}, nil)
	d.sync("b", s, "both")
	d.sync("a", s, "both")
	d.same(s, "a", "b")
	delete(attached, "large")
	compare()
	var doc map[string]any
	d.do("get", args{"name": "a", "id": "x/y"}, &doc)
	if list, _ := doc["_attachments"].(map[string]any); len(list) != 3 {
		t.Errorf("a has the attachments %v, want 3", doc["_attachments"])
	}

	// A blob of a program on the server is an attachment, too.
	photo := tandem.NewBlob("image/png", []byte("picture"))
	doc2 := tandem.NewDocument("photo")
	check(t, doc2.SetValue("picture", photo))
	check(t, s.coll.Save(t.Context(), doc2))
	d.sync("a", s, "both")
	var text string
	d.do("attachment", args{"name": "a", "id": "photo", "key": "blob_/picture"}, &text)
	if got, _ := base64.StdEncoding.DecodeString(text); string(got) != "picture" {
		t.Errorf("the blob is %q", got)
	}
	d.do("put", args{"name": "a", "docs": []any{map[string]any{"_id": "photo", "picture": nil, "n": 1}}}, nil)
	d.sync("a", s, "both")
}

func TestBothWaysLive(t *testing.T) {
	d, s := drive(t), serve(t, nil)
	for _, name := range []string{"a", "b"} {
		d.do("live", args{"name": name, "url": s.url}, nil)
	}
	seen := func(name, id string) {
		t.Helper()
		if !testsize.Eventually(testsize.Patience, func() bool {
			var has bool
			d.do("seen", args{"name": name, "id": id}, &has)
			return has
		}) {
			t.Fatalf("%s has not seen %s", name, id)
		}
	}
	for i := range 5 {
		id := fmt.Sprint("a", i)
		d.do("put", args{"name": "a", "docs": []any{map[string]any{"_id": id, "n": i}}}, nil)
		seen("b", id)
		id = fmt.Sprint("server", i)
		s.put(id, map[string]any{"n": i})
		seen("a", id)
		seen("b", id)
	}
	s.put("server0", nil)
	if !testsize.Eventually(testsize.Patience, func() bool { return d.all("a")["server0"] == "" && d.all("b")["server0"] == "" }) {
		t.Error("a deletion has not come")
	}
	for _, name := range []string{"a", "b"} {
		var errs []string
		if d.do("stop", args{"name": name}, &errs); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
	}
	d.same(s, "a", "b")
	// The live syncs ask in a bounded number of requests: 15 changes, each for two clients and both ways.
	if n := s.requests.Load(); n > 800 {
		t.Errorf("%d requests were sent", n)
	}
}

// TestConflicts has two clients change one document in each pair of ways, and sync in both orders. A third
// one looks on. In the end all have what the server has, without a conflict, and in a bounded number
// of requests.
func TestConflicts(t *testing.T) {
	d := drive(t)
	ways := []string{"edit", "edit twice", "delete", "delete and make anew", "nothing"}
	number := 0
	for _, first := range ways {
		for _, second := range testsize.Pick([]string{"edit", "delete"}, ways) {
			t.Run(first+", "+second, func(t *testing.T) {
				s := serve(t, nil)
				number++
				a, b, c := fmt.Sprint("a", number), fmt.Sprint("b", number), fmt.Sprint("c", number)
				d.t = t
				d.change(a, "edit", "from the start")
				for _, name := range []string{a, b, c} {
					d.sync(name, s, "both")
				}
				d.change(a, first, "of a")
				d.change(b, second, "of b")
				took := s.took(func() {
					for _, name := range []string{b, a, c, a, b, c} {
						d.sync(name, s, "both")
					}
				})
				d.same(s, a, b, c)
				if took > 6*16 {
					t.Errorf("%d requests, want at most %d", took, 6*16)
				}
				edits := strings.Contains(first+second, "edit") || strings.Contains(first+second, "anew")
				if is := s.all()["x"]; edits == (is == "") && (edits || strings.Contains(first+second, "delete")) {
					t.Errorf("the document is %q; an edit wins against a deletion", is)
				}
				if is := s.all()["x"]; edits && strings.Contains(is, "start") {
					t.Errorf("the document is %q: the edits are lost", is)
				}
			})
		}
	}
}

// change changes the document x of a PouchDB.
func (d *driver) change(name, how, text string) {
	d.t.Helper()
	put := func(text string) {
		d.do("put", args{"name": name, "docs": []any{map[string]any{"_id": "x", "text": text}}}, nil)
	}
	switch how {
	case "edit":
		put(text)
	case "edit twice":
		put("first " + text)
		put(text)
	case "delete":
		d.do("remove", args{"name": name, "id": "x"}, nil)
	case "delete and make anew":
		d.do("remove", args{"name": name, "id": "x"}, nil)
		put("anew " + text)
	}
}

// TestAnAppEndsABranchByItself: who has a conflict before the server has settled it may delete one side.
func TestAnAppEndsABranchByItself(t *testing.T) {
	d, s := drive(t), serve(t, nil)
	d.change("a", "edit", "start")
	d.sync("a", s, "both")
	d.sync("b", s, "both")
	d.change("a", "edit", "of a")
	d.change("b", "edit", "of b")
	d.sync("a", s, "push")
	d.sync("b", s, "pull") // b has both now
	var doc map[string]any
	d.do("get", args{"name": "b", "id": "x", "options": map[string]any{"conflicts": true}}, &doc)
	lost, _ := doc["_conflicts"].([]any)
	if len(lost) != 1 {
		t.Fatalf("b has the conflicts %v, want one", lost)
	}
	d.do("removeRevision", args{"name": "b", "id": "x", "rev": lost[0]}, nil)
	kept := content(t, doc)
	for _, name := range []string{"b", "a", "b"} {
		d.sync(name, s, "both")
	}
	d.same(s, "a", "b")
	if is := s.all()["x"]; !strings.HasSuffix(is, kept) {
		t.Errorf("the document is %q, want %s as b shows it", is, kept)
	}
}

// TestLongHistories: a client that was away meets more revisions than a database keeps of others.
func TestLongHistories(t *testing.T) {
	d, s := drive(t), serve(t, nil)
	d.change("a", "edit", "start")
	d.sync("a", s, "both")
	d.sync("b", s, "both")
	for i := range testsize.Pick(120, 900) {
		s.put("x", map[string]any{"text": "server", "n": i})
	}
	d.sync("b", s, "both")
	d.same(s, "b")
	for i := range testsize.Pick(120, 1100) {
		d.change("b", "edit", fmt.Sprint("of b ", i))
	}
	d.sync("b", s, "both")
	d.same(s, "b")
	d.sync("a", s, "both") // which only has the first
	d.same(s, "b")
	if testsize.All() { // its revision is beyond all histories, and so a branch, which ends
		d.sync("a", s, "both")
	}
	d.same(s, "a")
}

// TestWhatIsRefusedHoldsUpNothing: documents that the server cannot store are denied, once.
func TestWhatIsRefusedHoldsUpNothing(t *testing.T) {
	d, s := drive(t), serve(t, nil)
	d.do("put", args{"name": "a", "docs": []any{
		map[string]any{"_id": "_design/index", "views": map[string]any{}}, map[string]any{"_id": "good"}, map[string]any{"_id": strings.Repeat("x", 300)},
	}}, nil)
	r := d.sync("a", s, "push")
	if len(r.Denied) != 2 || r.Written[0] != 1 {
		t.Errorf("got %+v, want two that are denied and one that is written", r)
	}
	if took := s.took(func() { r = d.sync("a", s, "push") }); took > 6 || len(r.Denied) > 0 {
		t.Errorf("the next push took %d requests: %+v", took, r)
	}
	if got := s.all(); len(got) != 1 {
		t.Errorf("the server has %v", got)
	}
}

// TestInterruptedSyncsGoOn: the server fails at each kind of request once.
func TestInterruptedSyncsGoOn(t *testing.T) {
	requests := []string{"PUT _local", "POST _bulk_docs", "GET _changes", "GET _local", "POST _revs_diff", "POST _bulk_get", "GET a/t.txt"}
	for _, at := range testsize.Pick(requests[:3], requests) {
		t.Run(at, func(t *testing.T) {
			d, s := drive(t), serve(t, nil)
			s.put("server", map[string]any{"n": 1})
			d.do("load", args{"name": "a", "from": 0, "count": 250, "size": 10}, nil)
			attached := map[string]any{"t.txt": map[string]any{"content_type": "text/plain", "data": "aGVsbG8="}}
			d.do("put", args{"name": "a", "docs": []any{map[string]any{"_id": "a", "_attachments": attached}}}, nil)
			d.sync("a", s, "push")
			d.do("load", args{"name": "b", "from": 1000, "count": 250, "size": 10}, nil)
			method, part, _ := strings.Cut(at, " ")
			times := 0
			refuse := func(r *http.Request) bool {
				if r.Method != method || !strings.Contains(r.URL.Path, "/"+part) {
					return false
				}
				times++
				return times == 2 || times == 1 && !strings.Contains(at, "POST")
			}
			s.refuse.Store(&refuse)
			_ = d.try("sync", args{"name": "b", "url": s.url, "way": "both"}, nil) // fails, perhaps
			if times == 0 {
				t.Fatal("there was no such request")
			}
			s.refuse.Store(nil)
			d.sync("b", s, "both")
			d.sync("b", s, "both")
			d.same(s, "b")
			if n := len(s.all()); n != 502 {
				t.Errorf("the server has %d documents, want 502", n)
			}
		})
	}
}

func TestVersionVectorsAreRefusedWithAWord(t *testing.T) {
	d, s := drive(t), serve(t, nil)
	check(t, s.db.UpgradeVersioning(t.Context()))
	err := d.try("sync", args{"name": "a", "url": s.url, "way": "both"}, nil)
	if err == nil || !strings.Contains(err.Error(), "version vectors") || !strings.Contains(err.Error(), "501") {
		t.Errorf("got %v, want an error that says why", err)
	}
}

// peers syncs two servers with each other once.
func peers(t testing.TB, one, other *server) {
	t.Helper()
	cfg := tandem.ReplicatorConfiguration{Endpoint: tandem.NewDatabaseEndpoint(other.db), Collections: []tandem.CollectionConfiguration{{Collection: one.coll}}}
	r, err := tandem.NewReplicator(cfg)
	check(t, err)
	defer r.Close()
	check(t, r.Start())
	check(t, r.Wait(context.Background()))
}
