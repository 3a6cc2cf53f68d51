package replication_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// replayNow is the clock of replayed databases: after everything recorded, whatever the
// date on this machine is.
var replayNow = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// replayRemote is how our active side calls the recorded passive one.
func replayRemote(r *recording) string {
	if strings.HasPrefix(r.name, "v4-41") { // under another URL each time
		return "ws://recorded/" + r.name
	}
	return "ws://recorded/db"
}

// ourSide is the database of our side, which lives through a story.
type ourSide struct {
	t       testing.TB
	db      *store.DB
	passive bool
	bodies  bodies
	colls   map[string]*store.Collection
	remote  store.Remote // 0 on the passive side

	merges map[string][]byte // what our resolver makes of conflicts; empty: the default rules
	early  []fact            // stated in a conversation before the one which has them

	mu          gosync.Mutex               // guards the following
	checkpoints map[string]savedCheckpoint // of our active side, as the other keeps them
}

type savedCheckpoint struct {
	n    int // saves so far
	body []byte
}

func newOurSide(t testing.TB, passive, vectors bool, known bodies) *ourSide {
	t.Helper()
	versioning := store.RevTrees
	if vectors {
		versioning = store.VersionVectors
	}
	db, err := storetest.Open(t, filepath.Join(t.TempDir(), "ours.tandem"), store.Options{
		Versioning: versioning, Now: func() time.Time { return replayNow },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &ourSide{
		t: t, db: db, passive: passive, bodies: known,
		colls: make(map[string]*store.Collection), checkpoints: make(map[string]savedCheckpoint),
	}
	if passive {
		if err := db.KeepBases(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		return s
	}
	return s
}

// call finds the number of the peer of a recording, for our active side.
func (s *ourSide) call(r *recording) {
	s.update(func(tx *store.Tx) (err error) {
		s.remote, err = tx.RemoteFor(replayRemote(r))
		return err
	})
}

func (s *ourSide) update(fn func(tx *store.Tx) error) {
	s.t.Helper()
	if err := s.db.Update(context.Background(), fn); err != nil {
		s.t.Fatal(err)
	}
}

func (s *ourSide) collection(name string) *store.Collection {
	s.t.Helper()
	if c := s.colls[name]; c != nil {
		return c
	}
	scope, short, _ := strings.Cut(name, ".")
	c, err := s.db.CreateCollection(context.Background(), scope, short)
	if err != nil {
		s.t.Fatal(err)
	}
	s.colls[name] = c
	return c
}

// head returns a document, or nil.
func (s *ourSide) head(collection, id string) (doc *store.Document) {
	s.t.Helper()
	c := s.collection(collection)
	err := s.db.View(context.Background(), func(tx *store.Tx) error {
		found, err := tx.Document(c, id)
		if err == nil {
			doc = found
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return doc
}

func (s *ourSide) lastSequence(collection string) (last store.Sequence) {
	s.t.Helper()
	c := s.collection(collection)
	err := s.db.View(context.Background(), func(tx *store.Tx) (err error) {
		last, err = tx.LastSequence(c)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return last
}

// put stores a revision just as it was recorded, unless the document has it already.
func (s *ourSide) put(collection, id string, rev revision.Rev, deleted bool, from store.Remote) {
	s.t.Helper()
	if s.has(collection, id, rev.ID) {
		return
	}
	c := s.collection(collection)
	body := storedForm(s.t, s.bodies.of(id, rev.ID))
	if deleted = deleted || s.bodies.deleted(id, rev.ID); deleted {
		body = []byte("{}")
	}
	s.update(func(tx *store.Tx) error {
		outcome, err := tx.Receive(c, store.Incoming{ID: id, Rev: rev, Deleted: deleted, Body: body, Remote: from})
		if err == nil && outcome != store.Stored {
			err = fmt.Errorf("%s %s was not stored: outcome %d", id, rev.ID, outcome)
		}
		return err
	})
}

// has reports whether a document has a revision, or one that descends from it.
func (s *ourSide) has(collection, id string, rev revision.ID) bool {
	s.t.Helper()
	head := s.head(collection, id)
	return head != nil && head.Rev.Contains(rev)
}

func (s *ourSide) purge(collection, id string) {
	s.t.Helper()
	c := s.collection(collection)
	s.update(func(tx *store.Tx) error { return tx.Purge(c, id) })
}

func (s *ourSide) save(collection, id, body string, deleted bool) {
	s.t.Helper()
	c := s.collection(collection)
	s.update(func(tx *store.Tx) error {
		_, err := tx.Save(c, store.Edit{ID: id, Body: []byte(body), Deleted: deleted})
		return err
	})
}

// storedForm is a body from the wire as a database keeps it.
func storedForm(t testing.TB, body []byte) []byte {
	t.Helper()
	if len(body) == 0 {
		return []byte("{}")
	}
	clean, _, err := document.FromGateway(body)
	if err != nil {
		t.Fatal(err)
	}
	return clean
}

// prepare brings the database to where it must have been when the conversation began.
func (s *ourSide) prepare(r *recording) {
	s.t.Helper()
	s.putBlob(icon)
	for _, m := range r.lines { // blobs that our side has sent
		if req := r.requestOf(m); req != nil && m.passive == s.passive && !m.failed && req.profile() == "getAttachment" {
			s.putBlob(m.body)
		}
	}
	if s.passive {
		s.preparePassive(r)
	} else {
		s.call(r)
		s.prepareActive(r)
	}
	for _, m := range r.beginning(s.passive) {
		s.putAnnounced(r, m)
	}
}

func (s *ourSide) putBlob(content []byte) {
	s.t.Helper()
	ctx := context.Background()
	w, err := s.db.BlobWriter(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		s.t.Fatal(err)
	}
	if _, _, err := w.Commit(ctx, ""); err != nil {
		s.t.Fatal(err)
	}
}

// requestOf returns the request that m answers, or nil.
func (r *recording) requestOf(m said) *said {
	if !m.reply {
		return nil
	}
	for i, req := range r.lines {
		if !req.reply && req.conn == m.conn && req.passive != m.passive && req.number == m.number {
			return &r.lines[i]
		}
	}
	return nil
}

// beginning returns the announcements of a side that were no news of edits made meanwhile:
// all of a one-shot replication, else those before the first pause.
func (r *recording) beginning(passive bool) (all []said) {
	news := r.continuous()
	if news && !passive && r.byTestClient() {
		return nil
	}
	for _, m := range r.requests(passive) {
		switch p := m.profile(); {
		case p == "changes" && m.noReply && news, p == "setCheckpoint" && news:
			return all
		case p == "changes" || p == "proposeChanges":
			all = append(all, m)
		}
	}
	return all
}

// continuous says whether edits were made during the conversation.
func (r *recording) continuous() bool {
	for _, m := range r.requests(false) {
		if m.profile() == "subChanges" && m.props.Bool("continuous") {
			return true
		}
	}
	return r.byTestClient()
}

// byTestClient says that Sync Gateway's own test client was active. It pulls with its first
// connection and pushes with the second.
func (r *recording) byTestClient() bool { return strings.HasPrefix(r.name, "sgc") }

// deletedThere is the deletion that the recording 41b takes for granted, and 41c shows.
func deletedThere() revision.Rev {
	return child(revision.Rev{ID: "18ec7b6a7bbd0000@0ITziLqxSdaXMwpx4LE6TQ"}, "18ec7b69fe000000@uZOKBPZPQ0ajqp/KdgkPow")
}

// putAnnounced stores the revisions that a recorded message of our side announces.
func (s *ourSide) putAnnounced(r *recording, m said) {
	s.t.Helper()
	collection := r.collectionOf(m)
	missing, _ := mayDiffer(r.name, s.passive)
	for _, e := range entriesOf(m) {
		if missing("makes " + e.id + " ") {
			continue // our side has made another revision
		}
		s.put(collection, e.id, r.revisionOf(e, s.passive), e.deleted, 0)
	}
}

// revisionOf returns an announced revision with its history, as far as the recording tells.
func (r *recording) revisionOf(e entry, passive bool) revision.Rev {
	for _, m := range r.requests(passive) {
		if p := m.props; m.profile() == "rev" && p.Value("id") == e.id && p.Value("rev") == string(e.rev.ID) {
			if whole, err := revision.ParseRev(p.Value("rev"), p.Value("history")); err == nil {
				return whole
			}
		}
	}
	parent, err := revision.ParseVector(e.parent)
	if err != nil {
		return e.rev
	}
	return child(e.rev, parent.ID)
}

// child returns rev as a descendant of parent.
func child(rev revision.Rev, parent revision.ID) revision.Rev {
	switch {
	case parent.IsTree():
		rev.History.Ancestors = append(rev.History.Ancestors, parent)
	case parent.Source() != rev.ID.Source() && !slices.Contains(rev.History.Previous, parent):
		rev.History.Previous = append(rev.History.Previous, parent)
	}
	return rev
}

// prepareActive adds what the recording takes for granted of conversations before it: what
// our side had from the peer.
func (s *ourSide) prepareActive(r *recording) {
	s.t.Helper()
	lacks := func(collection, id string, has revision.ID) {
		if s.head(collection, id) == nil && has != "" {
			s.put(collection, id, revision.Rev{ID: has}, false, s.remote)
		}
	}
	if r.continuous() {
		return // nothing was before these
	}
	for _, m := range r.requests(false) {
		if m.profile() != "proposeChanges" {
			continue
		}
		for _, e := range entriesOf(m) {
			if parent, err := revision.ParseVector(e.parent); err == nil {
				lacks(r.collectionOf(m), e.id, parent.ID)
			}
		}
	}
	for _, m := range r.requests(true) {
		reply := r.answerTo(m)
		if m.profile() != "changes" || reply == nil {
			continue
		}
		for _, f := range answerFacts("", m, *reply) {
			id, rest, _ := strings.Cut(f.key, " ")
			rev, answer, _ := strings.Cut(rest, ": ")
			switch {
			case len(f.known) > 0:
				lacks(r.collectionOf(m), id, revision.ID(f.known[len(f.known)-1]))
			case answer == "0":
				lacks(r.collectionOf(m), id, revision.ID(rev))
			}
		}
	}
}

// preparePassive adds what the recording takes for granted of our side: revisions that it
// has accepted children of, or found in conflict with others, and checkpoints.
func (s *ourSide) preparePassive(r *recording) {
	s.t.Helper()
	if strings.HasPrefix(r.name, "v4-41b-") {
		s.put("_default._default", "c", deletedThere(), true, 0)
	}
	announced := make(map[string]bool)
	for _, m := range r.requests(true) {
		if base := revision.ID(m.props.Value("deltaSrc")); base != "" && s.head(r.collectionOf(m), m.props.Value("id")) == nil {
			s.put(r.collectionOf(m), m.props.Value("id"), revision.Rev{ID: base}, false, 0)
		}
		for _, e := range entriesOf(m) {
			announced[r.collectionOf(m)+e.id] = true
		}
	}
	for _, m := range r.requests(false) {
		reply := r.answerTo(m)
		if reply == nil {
			continue
		}
		switch m.profile() {
		case "proposeChanges":
			s.prepareProposed(r, m, *reply, announced)
		case "getCollections":
			s.prepareCheckpoints(m, *reply)
		case "subChanges":
			if len(docIDs(m.body)) > 0 { // what was not asked for was there too
				s.save(r.collectionOf(m), "unwanted", "{}", false)
			}
		}
	}
}

func (s *ourSide) prepareProposed(r *recording, m, reply said, announced map[string]bool) {
	s.t.Helper()
	items := answerItems(reply.body)
	collection := r.collectionOf(m)
	for i, e := range entriesOf(m) {
		head := s.head(collection, e.id)
		if announced[collection+e.id] {
			continue
		}
		if i < len(items) {
			refusal, _ := items[i].(map[string]any)
			theirs, err := revision.ParseVector(fmt.Sprint(refusal["rev"]))
			if refusal != nil && err == nil {
				if head != nil {
					theirs = child(theirs, head.Rev.ID)
				}
				s.put(collection, e.id, theirs, false, 0)
			}
		} else if parent, err := revision.ParseVector(e.parent); err == nil && head == nil && !r.continuous() {
			s.put(collection, e.id, parent, false, 0)
		}
	}
}

// prepareCheckpoints stores the checkpoints that the recorded peer had, with as many saves.
func (s *ourSide) prepareCheckpoints(m, reply said) {
	s.t.Helper()
	ids := checkpointIDs(m.body)
	for i, item := range answerItems(reply.body) {
		members, _ := item.(map[string]any)
		text := fmt.Sprint(members["rev"], members["_rev"])
		n := 0
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
			value, _ := strconv.Atoi(part)
			n = max(n, value)
		}
		s.update(func(tx *store.Tx) error {
			rev, _, _, err := tx.PeerCheckpoint(ids[i])
			for err == nil && n > 0 && rev != fmt.Sprintf("%d-cc", n) {
				rev, err = tx.SetPeerCheckpoint(ids[i], rev, []byte(checkpointText(mustJSON(s.t, item))))
			}
			return err
		})
	}
}

// requireStored checks that our side has what the other one has sent it.
func (s *ourSide) requireStored(r *recording, whole func(said) []byte, may func(key string) bool) {
	s.t.Helper()
	for _, m := range r.requests(!s.passive) {
		reply := r.answerTo(m)
		if m.profile() != "rev" || reply != nil && reply.failed {
			continue
		}
		id, rev := m.props.Value("id"), revision.ID(m.props.Value("rev"))
		if may(fmt.Sprintf("stores %s %s", id, rev)) {
			continue
		}
		head := s.head(r.collectionOf(m), id)
		switch {
		case head == nil || !head.Rev.Contains(rev):
			s.t.Errorf("%s %s was sent, and our side has %+v", id, rev, head)
		case head.Rev.ID != rev: // it was edited since
		case head.Deleted != m.props.Bool("deleted"):
			s.t.Errorf("%s %s: deleted is %v", id, rev, head.Deleted)
		case !document.Equal(head.Body, storedForm(s.t, whole(m))):
			s.t.Errorf("%s %s: our side has %s, want %s", id, rev, head.Body, storedForm(s.t, whole(m)))
		}
	}
}

// activeConfig is the session of our active side for one recorded connection.
func (s *ourSide) activeConfig(r *recording, conn int) replication.Active {
	cfg := replication.Active{
		Common: replication.Common{
			DB: s.db, Deltas: r.takesDeltas(false), ReplyTimeout: patience, Log: testLog(s.t),
		},
		Remote: replayRemote(r),
	}
	var opts replication.CollectionOptions
	for _, m := range r.requests(false) {
		if m.conn != conn {
			continue
		}
		switch m.profile() {
		case "proposeChanges":
			opts.Push = true
			cfg.Continuous = cfg.Continuous || r.byTestClient()
		case "subChanges":
			opts.Pull = true
			cfg.Continuous = cfg.Continuous || m.props.Bool("continuous")
			opts.DocIDs = docIDs(m.body)
			if channels := m.props.Value("channels"); channels != "" {
				opts.Channels = strings.Split(channels, ",")
			}
		}
	}
	if len(s.merges) > 0 {
		opts.Resolver = func(_ context.Context, c replication.Conflict) (replication.Decision, error) {
			return replication.Decision{Winner: store.Merged, Body: s.merges[c.ID]}, nil
		}
	}
	for _, name := range r.collections(conn) {
		opts.Collection = s.collection(name)
		cfg.Collections = append(cfg.Collections, opts)
	}
	return cfg
}

// takesDeltas says whether a side asked for deltas; one that had no occasion would have.
func (r *recording) takesDeltas(passive bool) bool {
	occasion := false
	for _, m := range r.lines {
		req := r.requestOf(m)
		if req == nil || m.passive != passive || len(entriesOf(*req)) == 0 {
			continue
		}
		if m.props.Bool("deltas") {
			return true
		}
		occasion = true
	}
	return !occasion
}
