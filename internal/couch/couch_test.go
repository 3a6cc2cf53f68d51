package couch_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/couch"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

var background = context.Background()

// server is a collection of a new database, which has to be sound at the end.
type server struct {
	couch.Collection
	db   *store.DB
	coll *store.Collection
}

func newServer(t testing.TB, v store.Versioning) *server {
	t.Helper()
	db, err := store.Open(background, filepath.Join(t.TempDir(), "test"+store.Extension), store.Options{Versioning: v})
	check(t, err)
	coll, err := db.Collection(background, store.DefaultName, store.DefaultName)
	check(t, err)
	t.Cleanup(func() {
		problems, err := db.Check(background)
		if err != nil || len(problems) > 0 {
			t.Errorf("the database is not sound: %v, %v", problems, err)
		}
		check(t, db.Close())
	})
	access := couch.Access{
		View: db.View, Update: db.Update, Durable: db.UpdateDurable,
		Install: func(_ context.Context, body []byte) ([]byte, error) { return body, nil },
	}
	return &server{couch.New(access, coll), db, coll}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// push pushes one revision with its ancestors, the newest first.
func (s *server) push(t testing.TB, deleted bool, body string, path ...string) error {
	t.Helper()
	r := revision.Rev{ID: revision.ID(path[0])}
	for _, id := range path[1:] {
		r.History.Ancestors = append(r.History.Ancestors, revision.ID(id))
	}
	failed, err := s.Push(background, []couch.Pushed{{ID: "a", Rev: r, Deleted: deleted, Body: []byte(body)}})
	check(t, err)
	return failed[0]
}

// want checks the revisions that clients see: the head, and the tombstones.
func (s *server) want(t testing.TB, body string, leaves ...string) {
	t.Helper()
	got, err := s.Leaves(background, "a")
	check(t, err)
	if !slices.Equal(got, leaves) {
		t.Errorf("the leaves are %v, want %v", got, leaves)
	}
	head, err := s.Revisions(background, []couch.Wanted{{ID: "a"}}, false)
	check(t, err)
	if is := string(head[0].Body); is != body {
		t.Errorf("the body is %s, want %s", is, body)
	}
}

func closing(id string) string { return string(revision.ID(id).Closing()) }

func TestABranchIsSettledAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		deleted bool
		path    []string
		body    string
		leaves  []string
	}{
		"known":                         {false, []string{"2-b", "1-a"}, `{"n":3}`, []string{"3-c"}},
		"the next one":                  {false, []string{"4-d", "3-c", "2-b"}, `{"n":9}`, []string{"4-d"}},
		"with a lower ID":               {false, []string{"3-b", "2-b", "1-a"}, `{"n":3}`, []string{"3-c", closing("3-b")}},
		"with a higher ID":              {false, []string{"3-d", "2-b", "1-a"}, `{"n":9}`, []string{"3-d", closing("3-c")}},
		"a longer one":                  {false, []string{"5-a", "4-a", "3-a", "2-b", "1-a"}, `{"n":9}`, []string{"5-a", closing("3-c")}},
		"a shorter one":                 {false, []string{"2-z", "1-a"}, `{"n":3}`, []string{"3-c", closing("2-z")}},
		"a second root":                 {false, []string{"1-z"}, `{"n":3}`, []string{"3-c", closing("1-z")}},
		"a deletion of the head":        {true, []string{"4-d", "3-c"}, `{"n":9}`, []string{"4-d"}},
		"a deletion elsewhere":          {true, []string{"3-z", "2-b"}, `{"n":3}`, []string{"3-c", closing("3-z")}},
		"a longer deletion elsewhere":   {true, []string{"9-z", "8-z"}, `{"n":3}`, []string{"3-c", closing("9-z"), closing("8-z")}},
		"a deletion of an earlier head": {true, []string{"3-x", "2-x", "1-a"}, `{"n":3}`, []string{"3-c", closing("3-x"), closing("2-x")}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, store.RevTrees)
			check(t, s.push(t, false, `{"n":3}`, "3-c", "2-b", "1-a"))
			for range 2 { // the second time it is known
				check(t, s.push(t, c.deleted, `{"n":9}`, c.path...))
				s.want(t, c.body, c.leaves...)
			}
		})
	}
}

func TestAnEditWinsAgainstATombstone(t *testing.T) {
	s := newServer(t, store.RevTrees)
	check(t, s.push(t, true, `{}`, "5-d", "4-c"))
	check(t, s.push(t, false, `{"n":1}`, "2-b", "1-a"))
	s.want(t, `{"n":1}`, "2-b", closing("5-d"), closing("4-c"))
}

// An edit of a revision whose content won a conflict under another ID is later than that.
func TestAnEditOfWhatWonIsNotLost(t *testing.T) {
	s := newServer(t, store.RevTrees)
	check(t, s.push(t, false, `{"n":1}`, "2-k", "1-a"))
	check(t, s.push(t, false, `{"n":2}`, "2-b", "1-a")) // loses
	check(t, s.push(t, false, `{"n":3}`, "3-0", "2-k", "1-a"))
	s.want(t, `{"n":3}`, "3-0", closing("2-b"))

	s = newServer(t, store.RevTrees) // where a peer has given the content that won another revision
	won := revision.Rev{ID: "3-n", History: revision.History{Ancestors: []revision.ID{"2-b", "1-a"}, Superseded: []revision.ID{"2-k"}}}
	check(t, s.db.Update(background, func(tx *store.Tx) error {
		_, err := tx.Receive(s.coll, store.Incoming{ID: "a", Rev: won, Body: []byte(`{"n":1}`)})
		return err
	}))
	check(t, s.push(t, false, `{"n":3}`, "3-0", "2-k", "1-a"))
	s.want(t, `{"n":3}`, "3-0", closing("3-n"), closing("2-b"))
}

// A client tells a server the tombstones that another has told it. They end the same branches there, and no
// tombstone ends a tombstone.
func TestTombstonesOfAnotherServerAreKnown(t *testing.T) {
	s := newServer(t, store.RevTrees)
	check(t, s.push(t, false, `{"n":1}`, "2-b", "1-a"))
	check(t, s.push(t, true, `{}`, closing("2-b"), "2-b", "1-a"))
	check(t, s.push(t, false, `{"n":2}`, "2-k", "1-a"))
	s.want(t, `{"n":2}`, "2-k", closing("2-b"))
	for _, latest := range []bool{false, true} {
		found, err := s.Revisions(background, []couch.Wanted{{ID: "a", Rev: closing("2-b")}}, latest)
		check(t, err)
		if got := fmt.Sprint(found[0].Path); got != "["+closing("2-b")+" 2-b]" {
			t.Errorf("latest %v: the tombstone has the path %s", latest, got)
		}
	}
}

// A client that was told of a tombstone may ask for it when the branch has won after all.
func TestATombstoneIsFoundWhenItsBranchHasWon(t *testing.T) {
	s := newServer(t, store.RevTrees)
	check(t, s.push(t, false, `{"n":1}`, "2-k", "1-a"))
	check(t, s.push(t, false, `{"n":2}`, "2-b", "1-a"))
	check(t, s.push(t, false, `{"n":3}`, "3-b", "2-b", "1-a"))
	s.want(t, `{"n":3}`, "3-b", closing("2-k"))
	found, err := s.Revisions(background, []couch.Wanted{{ID: "a", Rev: closing("2-b")}, {ID: "a", Rev: "3-b"}}, true)
	check(t, err)
	if !found[0].Found || !found[0].Deleted || found[1].Deleted || len(found[1].Path) != 3 {
		t.Errorf("got %+v", found)
	}
	check(t, s.push(t, true, `{}`, closing("3-b"), "3-b", "2-b", "1-a")) // a deletion of the head is one
	found, err = s.Revisions(background, []couch.Wanted{{ID: "a", Rev: closing("3-b")}}, true)
	check(t, err)
	if len(found[0].Path) != 4 || !found[0].Deleted {
		t.Errorf("the deletion is %+v", found)
	}
}

func TestWhatLosesIsInTheLog(t *testing.T) {
	s := newServer(t, store.RevTrees)
	check(t, s.push(t, false, `{"n":1}`, "2-k", "1-a"))
	check(t, s.push(t, false, `{"n":2}`, "2-b", "1-a"))
	check(t, s.db.View(background, func(tx *store.Tx) error {
		log, err := tx.ConflictLog(store.ConflictFilter{}, 10)
		if err != nil || len(log) != 1 || string(log[0].Theirs.Body) != `{"n":2}` || log[0].Result != "2-k" {
			t.Errorf("the log is %+v, %v", log, err)
		}
		return nil
	}))
}

func TestRevisionsAreFound(t *testing.T) {
	s := newServer(t, store.RevTrees)
	check(t, s.push(t, false, `{"n":3}`, "3-c", "2-b", "1-a"))
	check(t, s.push(t, false, `{"n":2}`, "2-z", "1-a"))
	for _, c := range []struct {
		rev    string
		latest bool
		want   string // the path, "" if it is missing
	}{
		{"", false, "[3-c 2-b 1-a]"},
		{"3-c", false, "[3-c 2-b 1-a]"},
		{"2-b", false, ""},
		{"2-b", true, "[3-c 2-b 1-a]"},
		{"2-z", false, ""},
		{"2-z", true, "[" + closing("2-z") + " 2-z]"},
		{closing("2-z"), false, "[" + closing("2-z") + " 2-z]"},
		{"7-q", true, ""},
		{"no revision", true, ""},
	} {
		found, err := s.Revisions(background, []couch.Wanted{{ID: "a", Rev: c.rev}, {ID: "b"}}, c.latest)
		check(t, err)
		if got := fmt.Sprint(found[0].Path); found[0].Found != (c.want != "") || c.want != "" && got != c.want || found[1].Found {
			t.Errorf("%q, latest %v: got %+v, want %s", c.rev, c.latest, found, c.want)
		}
	}
	missing, err := s.Missing(background, []couch.Asked{{"a", []string{"1-a", "2-z", closing("2-z"), "4-d", "x"}}, {"a", []string{"2-b"}}, {"b", []string{"1-a"}}})
	check(t, err)
	if got := fmt.Sprint(missing); got != "[{a [4-d x] [3-c]} {b [1-a] []}]" {
		t.Errorf("missing are %s", got)
	}
}

func TestPathsOfClients(t *testing.T) {
	long := make([]string, 100_000)
	for i := range long {
		long[i] = "a"
	}
	for _, c := range []struct {
		rev     string
		start   uint64
		digests []string
		want    string // the number of ancestors; "" for an error
	}{
		{"3-c", 3, []string{"c", "b", "a"}, "2"},
		{"3-c", 0, nil, "0"},
		{"", 3, []string{"c"}, "0"},
		{"3-no hex", 0, nil, ""},
		{"3-ä", 0, nil, ""},
		{"3-zz", 3, []string{"zz", "Q"}, "1"}, // opaque, as elsewhere
		{"3-c", 3, []string{"c", "b", "a", "z"}, ""},
		{"3-c", 4, []string{"c"}, ""},
		{"3-c", 3, []string{"d"}, ""},
		{"3-c", 3, []string{"c", ""}, ""},
		{"", 0, nil, ""},
		{"1@source", 0, nil, ""},
		{"99999999999999999999-c", 0, nil, ""},
		{"", 1 << 63, []string{"c"}, ""},
		{"100000-a", 100_000, long, "999"},
	} {
		r, err := couch.ParsePath(c.rev, c.start, c.digests)
		switch {
		case c.want == "" && !errors.Is(err, fault.BadRevisionID):
			t.Errorf("%s: got %v, want a bad revision", c.rev, err)
		case c.want != "" && (err != nil || fmt.Sprint(len(r.History.Ancestors)) != c.want):
			t.Errorf("%s: got %d ancestors, %v, want %s", c.rev, len(r.History.Ancestors), err, c.want)
		}
	}
}

func TestAForgedGenerationIsRefused(t *testing.T) {
	s := newServer(t, store.RevTrees)
	for _, id := range []string{"4294967295-a", "2147483647-a", "1000002-a"} {
		if err := s.push(t, false, `{}`, id); !errors.Is(err, fault.BadRevisionID) {
			t.Errorf("%s: got %v, want a bad revision", id, err)
		}
	}
	check(t, s.push(t, false, `{"n":1}`, "1000001-a"))
	check(t, s.push(t, false, `{"n":2}`, "2000001-b", "2000000-a"))
	if err := s.push(t, false, `{}`, "3000002-c"); !errors.Is(err, fault.BadRevisionID) {
		t.Errorf("got %v, want a bad revision", err)
	}
	s.want(t, `{"n":2}`, "2000001-b", closing("1000001-a"))
	if err := newServer(t, store.VersionVectors).push(t, false, `{}`, "1-a"); !errors.Is(err, fault.Unsupported) {
		t.Errorf("got %v, want unsupported", err)
	}
}

// Thousands of branches of one document: what a client sees, and what is kept, stays bounded.
func TestManyBranchesAreBounded(t *testing.T) {
	s := newServer(t, store.RevTrees)
	_, err := s.SetLocal(background, "x", "", []byte(`{}`))
	check(t, err)
	var all []couch.Pushed
	pushed := testsize.Pick(1010, 3000)
	for i := range pushed {
		rev := revision.Rev{ID: revision.ID(fmt.Sprintf("2-%04d", i)), History: revision.History{Ancestors: []revision.ID{"1-a"}}}
		all = append(all, couch.Pushed{ID: "a", Rev: rev, Body: fmt.Appendf(nil, `{"n":%d}`, i)})
	}
	failed, err := s.Push(background, all)
	check(t, errors.Join(append(failed, err)...))
	leaves, err := s.Leaves(background, "a")
	check(t, err)
	if len(leaves) != 1000 || leaves[0] != fmt.Sprintf("2-%04d", pushed-1) {
		t.Errorf("there are %d leaves, and the first is %s", len(leaves), leaves[0])
	}
}

func TestHistoriesAreLongOnceAClientHasACheckpoint(t *testing.T) {
	s := newServer(t, store.RevTrees)
	edit := func(n int) {
		check(t, s.db.Update(background, func(tx *store.Tx) error {
			for i := range n {
				if _, err := tx.Save(s.coll, store.Edit{ID: "a", Body: fmt.Appendf(nil, `{"n":%d}`, i)}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	length := func() int {
		found, err := s.Revisions(background, []couch.Wanted{{ID: "a"}}, false)
		check(t, err)
		return len(found[0].Path)
	}
	edit(100)
	if n := length(); n != 50 {
		t.Errorf("before: %d revisions, want 50", n)
	}
	_, err := s.SetLocal(background, "x", "", []byte(`{}`))
	check(t, err)
	edit(1100)
	if n := length(); n != 1000 {
		t.Errorf("after: %d revisions, want 1000", n)
	}
}

// The first push of a client may have a path that reaches the head only after more than 50 revisions.
func TestTheFirstPushOfALongPathKnowsTheHead(t *testing.T) {
	s := newServer(t, store.RevTrees)
	check(t, s.db.Update(background, func(tx *store.Tx) error {
		_, err := tx.Receive(s.coll, store.Incoming{ID: "a", Rev: revision.Rev{ID: "1-d1"}, Body: []byte(`{"n":1}`)})
		return err
	}))
	var path []string
	for i := range 100 {
		path = append(path, fmt.Sprintf("%d-d%d", 100-i, 100-i))
	}
	check(t, s.push(t, true, `{}`, path...))
	s.want(t, `{}`, "100-d100")
}

func TestLocalDocuments(t *testing.T) {
	s := newServer(t, store.RevTrees)
	set := func(id, expect, body, want string, fails error) {
		t.Helper()
		var text []byte
		if body != "" {
			text = []byte(body)
		}
		rev, err := s.SetLocal(background, id, expect, text)
		if rev != want || !errors.Is(err, fails) {
			t.Errorf("%s over %q: got %q, %v, want %q, %v", id, expect, rev, err, want, fails)
		}
	}
	set("x", "", `{"n":1}`, "0-1", nil)
	set("x", "", `{"n":2}`, "", fault.Conflict)
	set("x", "0-1", `{"n":2}`, "0-2", nil)
	set("x", "0-1", ``, "", fault.Conflict)
	set("y", "0-1", `{}`, "", fault.Conflict)
	set("", "", `{}`, "", fault.BadDocID)
	set("z", "", `{"a":"`+string(make([]byte, store.MaxLocal))+`"}`, "", fault.Invalid)
	rev, body, err := s.Local(background, "x")
	if rev != "0-2" || string(body) != `{"n":2}` || err != nil {
		t.Errorf("got %s %s, %v", rev, body, err)
	}
	set("x", "0-2", ``, "0-2", nil)
	if rev, body, err := s.Local(background, "x"); rev != "" || body != nil || err != nil {
		t.Errorf("after the removal: got %s %s, %v", rev, body, err)
	}
}

// TestACheckpointIsDurable: a client goes on from it, and would not send again what a power cut has undone.
func TestACheckpointIsDurable(t *testing.T) {
	s := newServer(t, store.RevTrees)
	durable := 0
	c := couch.New(couch.Access{
		View:   s.db.View,
		Update: func(context.Context, func(*store.Tx) error) error { return errors.New("not durable") },
		Durable: func(ctx context.Context, do func(*store.Tx) error) error {
			durable++
			return s.db.UpdateDurable(ctx, do)
		},
	}, s.coll)
	rev, err := c.SetLocal(background, "x", "", []byte(`{}`))
	if rev != "0-1" || err != nil || durable != 1 {
		t.Errorf("got %s, %v, and %d durable commits, want one", rev, err, durable)
	}
}

func TestOldLocalDocumentsGo(t *testing.T) {
	s := newServer(t, store.RevTrees)
	for n := range 11 {
		check(t, s.db.Update(background, func(tx *store.Tx) error {
			for i := range 1000 {
				if _, err := tx.SetLocal(s.coll, fmt.Sprint(1000*n+i), "", []byte(`{}`)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	n := 0
	check(t, s.db.View(background, func(tx *store.Tx) error {
		return tx.Infos("local", func(string, []byte) error { n++; return nil })
	}))
	if n > 10_625 || n < 4000 {
		t.Errorf("%d local documents are kept, want at most 10,625, and half", n)
	}
}

// client keeps a tree of revisions, as PouchDB does.
type client struct {
	parent  map[revision.ID]revision.ID // "" of a root
	deleted map[revision.ID]bool
	body    map[revision.ID]string
}

func newClient() *client {
	return &client{map[revision.ID]revision.ID{}, map[revision.ID]bool{}, map[revision.ID]string{}}
}

// leaves returns the leaves, those that live first, the winner first among each.
func (c *client) leaves() (all []revision.ID) {
	inner := map[revision.ID]bool{}
	for _, parent := range c.parent {
		inner[parent] = true
	}
	for id := range c.parent {
		if !inner[id] {
			all = append(all, id)
		}
	}
	slices.SortFunc(all, func(a, b revision.ID) int {
		switch {
		case c.deleted[a] != c.deleted[b]:
			return map[bool]int{false: -1, true: 1}[c.deleted[a]]
		case a.Generation() != b.Generation():
			return int(b.Generation()) - int(a.Generation())
		case a > b:
			return -1
		}
		return 1
	})
	return all
}

func (c *client) live() (all []revision.ID) {
	return slices.DeleteFunc(c.leaves(), func(id revision.ID) bool { return c.deleted[id] })
}

func (c *client) add(path []string, deleted bool, body string) {
	for i, id := range path {
		if _, has := c.parent[revision.ID(id)]; has && c.parent[revision.ID(id)] != "" {
			break
		}
		c.parent[revision.ID(id)] = ""
		if i+1 < len(path) {
			c.parent[revision.ID(id)] = revision.ID(path[i+1])
		}
	}
	c.deleted[revision.ID(path[0])], c.body[revision.ID(path[0])] = deleted, body
}

func (c *client) path(id revision.ID) (path []string) {
	for ; id != ""; id = c.parent[id] {
		path = append(path, string(id))
	}
	return path
}

// sync pushes and pulls once. It reports whether anything was new to either side.
func (c *client) sync(t testing.TB, s *server) (changed bool) {
	for _, leaf := range c.leaves() {
		missing, err := s.Missing(background, []couch.Asked{{"a", []string{string(leaf)}}})
		check(t, err)
		if len(missing) > 0 {
			check(t, s.push(t, c.deleted[leaf], c.body[leaf], c.path(leaf)...))
			changed = true
		}
	}
	leaves, err := s.Leaves(background, "a")
	check(t, err)
	for _, leaf := range leaves {
		if _, has := c.parent[revision.ID(leaf)]; has {
			continue
		}
		found, err := s.Revisions(background, []couch.Wanted{{ID: "a", Rev: leaf}}, true)
		check(t, err)
		c.add(found[0].Path, found[0].Deleted, string(found[0].Body))
		changed = true
	}
	return changed
}

// TestClientsWithTreesAgree plays random edits, deletions and syncs of several clients. In the end all show
// what the server has, without a conflict; and that is no edit which somebody has edited further.
func TestClientsWithTreesAgree(t *testing.T) {
	testsize.Check(t, func(rt *rapid.T) {
		s := newServer(t, store.RevTrees)
		clients := []*client{newClient(), newClient(), newClient(), newClient()}
		edited := map[string]bool{} // bodies that were edited further
		for i := range rapid.IntRange(1, 40).Draw(rt, "steps") {
			c := clients[rapid.IntRange(0, len(clients)-1).Draw(rt, "client")]
			switch live := c.live(); rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0, 1:
				c.sync(t, s)
			case 2:
				if len(live) > 0 {
					leaf := live[rapid.IntRange(0, len(live)-1).Draw(rt, "leaf")] // a loser, too
					c.edit(leaf, true, fmt.Sprintf(`{"gone":%d}`, i))
				}
			default:
				var parent revision.ID
				if all := c.leaves(); len(all) > 0 {
					parent = all[0]
					edited[c.body[parent]] = true
				}
				c.edit(parent, false, fmt.Sprintf(`{"n":%d}`, i))
			}
		}
		for round, changed := 0, true; changed; round++ {
			changed = false
			for _, c := range clients {
				changed = c.sync(t, s) || changed
			}
			if round > 4 {
				rt.Fatal("the clients do not come to rest")
			}
		}
		head, err := s.Revisions(background, []couch.Wanted{{ID: "a"}}, false)
		check(t, err)
		for i, c := range clients {
			switch live := c.live(); {
			case len(live) > 1:
				rt.Errorf("client %d has the conflict %v", i, live)
			case head[0].Found && !head[0].Deleted && (len(live) != 1 || string(live[0]) != head[0].Rev):
				rt.Errorf("client %d shows %v, want %s", i, live, head[0].Rev)
			case head[0].Deleted && len(live) > 0:
				rt.Errorf("client %d shows %v, which was deleted", i, live)
			}
		}
		if body := string(head[0].Body); !head[0].Deleted && edited[body] {
			rt.Errorf("the end is %s, which was edited further", body)
		}
	})
}

func (c *client) edit(parent revision.ID, deleted bool, body string) {
	next := revision.EditTree(revision.Rev{ID: parent}, deleted, []byte(body))
	c.parent[next.ID] = parent
	c.deleted[next.ID], c.body[next.ID] = deleted, body
}

// A client may ask for many revisions of a document with many branches: the ID of each branch's tombstone is
// made once.
func TestManyUnknownRevisionsCostLittle(t *testing.T) {
	s := newServer(t, store.RevTrees)
	var all []couch.Pushed
	for i := range 500 {
		rev := revision.Rev{ID: revision.ID(fmt.Sprintf("2-%04d", i)), History: revision.History{Ancestors: []revision.ID{"1-a"}}}
		all = append(all, couch.Pushed{ID: "a", Rev: rev, Body: []byte(`{}`)})
	}
	failed, err := s.Push(background, all)
	check(t, errors.Join(append(failed, err)...))
	asked := couch.Asked{ID: "a", Revs: []string{"2-0007", closing("2-0007")}}
	for i := range 200 {
		asked.Revs = append(asked.Revs, fmt.Sprintf("3-%04d", i))
	}
	var got []couch.Missing
	made := testing.AllocsPerRun(1, func() {
		got, err = s.Missing(background, []couch.Asked{asked})
		check(t, err)
	})
	if len(got) != 1 || !slices.Equal(got[0].Revs, asked.Revs[2:]) {
		t.Errorf("got %v", got)
	}
	if made > 50_000 { // 200 times 500 tombstones, and more, if each is made anew
		t.Errorf("%.0f allocations", made)
	}
}

func TestAComparisonEndsWithItsRequest(t *testing.T) {
	s := newServer(t, store.RevTrees)
	ctx, cancel := context.WithCancel(background)
	begun := couch.New(couch.Access{View: func(_ context.Context, do func(*store.Tx) error) error {
		cancel()
		return s.db.View(background, do)
	}}, s.coll)
	if _, err := begun.Missing(ctx, []couch.Asked{{ID: "a", Revs: []string{"1-a"}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	if _, err := begun.Revisions(ctx, []couch.Wanted{{ID: "a"}}, false); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}
