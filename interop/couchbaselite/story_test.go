package couchbaselite

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// story is one app and one Tandem that meet.
type story struct {
	testing.TB

	version string
	app     *app
	db      string // the app's database
	peer    *peer
	given   args // what each sync of this story is given
}

// replicated is what a replicator of the app has told.
type replicated struct {
	Activity  string
	Ended     bool
	Error     *fault
	Conflicts []string // the documents for which the resolver was called
	Documents []struct {
		ID    string
		Push  bool
		Error *fault
	}
}

// with adds to, or replaces, what the app's replicators are given.
func (s *story) with(more args) args {
	c := args{"db": s.db, "url": s.peer.url()}
	if s.peer.tls {
		c["certificate"] = s.peer.certificate(s)
	}
	if s.peer.user != "" {
		c["user"], c["password"] = s.peer.user, s.peer.password
	}
	maps.Copy(c, s.given)
	maps.Copy(c, more)
	return c
}

// sync has the app sync once; everything must go well.
func (s *story) sync(more args) replicated {
	s.Helper()
	r := s.trySync(more)
	if r.Error != nil {
		s.Fatalf("the app's sync: %v", r.Error)
	}
	for _, d := range r.Documents {
		if d.Error != nil {
			s.Fatalf("the app's sync of %s (push: %t): %v", d.ID, d.Push, d.Error)
		}
	}
	return r
}

// trySync has the app sync once, however that ends.
func (s *story) trySync(more args) (r replicated) {
	s.Helper()
	check(s, s.app.do("replicate", s.with(more), &r))
	if !r.Ended {
		s.Fatalf("the app's sync has not ended; it is %s", r.Activity)
	}
	return r
}

// put stores a document in the app.
func (s *story) put(id, body string) {
	s.Helper()
	check(s, s.app.do("put", args{"db": s.db, "id": id, "json": body}, nil))
}

func (s *story) del(id string) {
	s.Helper()
	check(s, s.app.do("delete", args{"db": s.db, "id": id}, nil))
}

// save stores a document in Tandem.
func (s *story) save(id, body string) {
	s.Helper()
	check(s, s.peer.docs.Put(s.Context(), id, json.RawMessage(body)))
}

func (s *story) remove(id string) {
	s.Helper()
	d, err := s.peer.docs.Document(s.Context(), id)
	check(s, err)
	check(s, s.peer.docs.Delete(s.Context(), d))
}

// appDocuments gives the app's documents by ID.
func (s *story) appDocuments() map[string]any {
	s.Helper()
	var dump map[string]string
	check(s, s.app.do("dump", args{"db": s.db}, &dump))
	return decoded(s, dump)
}

// tandemDocuments gives Tandem's documents by ID.
func (s *story) tandemDocuments() map[string]any {
	s.Helper()
	all := map[string]string{}
	for d, err := range s.peer.docs.All(s.Context()) {
		check(s, err)
		all[d.ID()] = string(d.Body())
	}
	return decoded(s, all)
}

func decoded(t testing.TB, bodies map[string]string) map[string]any {
	t.Helper()
	docs := make(map[string]any, len(bodies))
	for id, text := range bodies {
		var body any
		if err := json.Unmarshal([]byte(text), &body); err != nil {
			t.Fatalf("document %s, %q: %v", id, text, err)
		}
		docs[id] = body
	}
	return docs
}

// settled checks how every story ends: both sides have the same, Tandem's database is sound, and one
// more sync moves nothing.
func (s *story) settled(more args) {
	s.Helper()
	s.equal()
	if r := s.sync(more); len(r.Documents) > 0 {
		s.Errorf("one more sync moved %v, want nothing", r.Documents)
	}
	s.sound()
}

func (s *story) sound() {
	s.Helper()
	problems, err := s.peer.db.Check(s.Context())
	check(s, err)
	for _, p := range problems {
		s.Errorf("tandem check: %v", p)
	}
}

func (s *story) equal() {
	s.Helper()
	theirs, ours := s.appDocuments(), s.tandemDocuments()
	if reflect.DeepEqual(theirs, ours) {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(ours)) {
		if !reflect.DeepEqual(theirs[id], ours[id]) {
			s.Errorf("document %s: the app has %v, Tandem %v", id, theirs[id], ours[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(theirs)) {
		if _, both := ours[id]; !both {
			s.Errorf("document %s: the app has %v, Tandem nothing", id, theirs[id])
		}
	}
}

// want checks one document on both sides; "" for none.
func (s *story) want(id, body string) {
	s.Helper()
	var want any
	if body != "" {
		check(s, json.Unmarshal([]byte(body), &want))
	}
	for who, docs := range map[string]map[string]any{"the app": s.appDocuments(), "Tandem": s.tandemDocuments()} {
		if !reflect.DeepEqual(docs[id], want) {
			s.Errorf("document %s: %s has %v, want %v", id, who, docs[id], want)
		}
	}
}

// until waits for a condition: what a continuous replicator does has no end to wait for.
func (s *story) until(what string, ok func() bool) {
	s.Helper()
	deadline := time.Now().Add(testsize.Patience)
	for !ok() {
		if time.Now().After(deadline) {
			s.Fatalf("%s: not within %v", what, testsize.Patience)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// tell is a story, and the Tandem that it needs.
type tell struct {
	name string
	run  func(s *story)
	// versioning of Tandem's database; empty for the app's own generation.
	versioning tandem.Versioning
	// prepare may change the peer before it listens.
	prepare func(t testing.TB, p *peer)
	// libraryOnly marks what the command has no flag for.
	libraryOnly bool
}

func TestStories(t *testing.T) {
	stories := slices.Concat(documentStories, conflictStories, accessStories, lifeStories)
	for _, version := range versions(t) {
		for _, who := range []side{library, command} {
			for _, withTLS := range []bool{false, true} {
				how := strings.Join([]string{version, string(who), scheme(withTLS)}, ", ")
				t.Run(how, func(t *testing.T) {
					t.Parallel()
					shared := startApp(t, version, t.TempDir())
					for i, one := range stories {
						if one.libraryOnly && who != library {
							continue
						}
						tried := true
						ok := t.Run(one.name, func(t *testing.T) {
							defer func() { tried = !t.Skipped() }()
							s := &story{TB: t, version: version, app: shared, db: fmt.Sprintf("app%d", i)}
							one.tell(s, who, withTLS)
						})
						if tried {
							results.note(one.name, how, ok)
						}
					}
				})
			}
		}
	}
}

func (one tell) tell(s *story, who side, withTLS bool) {
	versioning := one.versioning
	if versioning == "" {
		versioning = tandem.Versioning(*formOfOurs) // of Couchbase Lite 3
	}
	s.peer = newPeer(s, who, withTLS, versioning)
	if one.prepare != nil {
		one.prepare(s, s.peer)
	}
	s.peer.listen(s)
	check(s, s.app.do("open", args{"db": s.db}, nil))
	s.Cleanup(func() { check(s, s.app.do("close", args{"db": s.db}, nil)) })
	one.run(s)
}

func scheme(withTLS bool) string {
	if withTLS {
		return "wss"
	}
	return "ws"
}

// versions gives those whose driver was built.
func versions(t testing.TB) (all []string) {
	t.Helper()
	if *buildFolder == "" {
		t.Skip("no driver: run `make interop`")
	}
	jars, err := filepath.Glob(filepath.Join(*buildFolder, "*", "lib"))
	check(t, err)
	for _, path := range jars {
		all = append(all, filepath.Base(filepath.Dir(path)))
	}
	if len(all) == 0 {
		t.Fatalf("no driver in %s: run interop/couchbaselite/build", *buildFolder)
	}
	return all
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
