package replication_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// patience is how long a replay waits for what has to come.
const patience = testsize.Patience

// TestRecordedConversations replays what real peers have said to each other, with our side
// in the place of one of them: each story from its first conversation to its last.
func TestRecordedConversations(t *testing.T) {
	all, known := stories(t)
	for _, passive := range []bool{true, false} {
		role := map[bool]string{true: "passive", false: "active"}[passive]
		t.Run(role, func(t *testing.T) {
			for _, story := range all {
				if passive && storyOf(story[0].name) == "sg from 40" {
					continue // no database of ours has tree revisions and versions of one document, as a gateway has
				}
				t.Run(storyOf(story[0].name), func(t *testing.T) { replayStory(t, story, passive, known) })
			}
		})
	}
}

func replayStory(t *testing.T, story []*recording, passive bool, known bodies) {
	sides := make(map[string]*ourSide)
	for _, r := range story {
		name := "the listener"
		if !passive {
			name = r.client()
		}
		if r.http == http.StatusSwitchingProtocols && sides[name] == nil {
			sides[name] = newOurSide(t, passive, r.vectors(passive), known)
			sides[name].merges = recordedMerges(story)
		}
		if side := sides[name]; side != nil && r.vectors(passive) && side.db.Versioning() == store.RevTrees {
			if err := side.db.UpgradeVersioning(t.Context()); err != nil { // sg4-40b
				t.Fatal(err)
			}
		}
		ok := t.Run(r.name, func(t *testing.T) {
			if r.http != http.StatusSwitchingProtocols {
				t.Skipf("ends with HTTP status %d: internal/transport tests that", r.http)
			}
			replayOne(t, r, sides[name], storyBlobs(story))
		})
		if !ok {
			t.Fatalf("the story ends with %s", r.name)
		}
	}
}

// recordedMerges returns what the recorded resolver of the conversations 24 has made.
func recordedMerges(story []*recording) map[string][]byte {
	merges := make(map[string][]byte)
	for _, r := range story {
		for _, m := range r.requests(false) {
			if strings.Contains(r.name, "24b-") && m.profile() == "rev" {
				merges[m.props.Value("id")] = m.body
			}
		}
	}
	return merges
}

// storyBlobs returns all blobs that travelled.
func storyBlobs(story []*recording) map[string][]byte {
	blobs := map[string][]byte{digestOf(icon): icon}
	for _, r := range story {
		for _, m := range r.lines {
			if req := r.requestOf(m); req != nil && req.profile() == "getAttachment" && !m.failed {
				blobs[digestOf(m.body)] = m.body
			}
		}
	}
	return blobs
}

// replay is one conversation under way.
type replay struct {
	t       *testing.T
	ctx     context.Context // ends the sessions of one test
	r       *recording
	passive bool // our side
	ours    *ourSide
	blobs   map[string][]byte
	ledger  *ledger
	group   gosync.WaitGroup

	scripts      map[int]*script
	ended        map[int]<-chan error
	since        map[string]store.Sequence // passive: what the recorded since stands for
	checkpointID map[string]string         // active, by collection

	missing, beyond func(key string) bool // differences
}

func replayOne(t *testing.T, r *recording, ours *ourSide, blobs map[string][]byte) {
	ctx, cancel := context.WithCancel(context.Background())
	ours.t = t
	p := &replay{
		t: t, ctx: ctx, r: r, passive: ours.passive, ours: ours, blobs: blobs, ledger: newLedger(),
		scripts: make(map[int]*script), ended: make(map[int]<-chan error),
		since: make(map[string]store.Sequence), checkpointID: make(map[string]string),
	}
	p.missing, p.beyond = mayDiffer(r.name, p.passive)
	defer p.abort()
	defer cancel()
	ours.prepare(r)
	p.ledger.state(ours.early...)
	p.findSince()
	for i, m := range r.lines {
		p.connect(m.conn)
		p.play(i, m)
	}
	p.ledger.expect(p.lastPull()...)
	p.ledger.wait(t, "at the end", p.mayBeMissing)
	p.end(cancel)
	ours.early = p.ledger.close(t, p.mayBeBeyond, p.agree)
	if p.passive {
		ours.early = nil // only a push can be ahead of the recording
	}
	ours.requireStored(r, p.whole, p.mayBeMissing)
}

func (p *replay) mayBeMissing(key string) bool { return p.missing(key) || p.isEcho(key) }

func (p *replay) mayBeBeyond(key string) bool {
	early := slices.ContainsFunc(p.ours.early, func(f fact) bool { return f.key == key })
	return p.beyond(key) || p.isEcho(key) || early
}

// isEcho says that a client is offered what it has pushed in the same conversation. It
// answers that it has it, so that it makes no difference whether a listener does that.
func (p *replay) isEcho(key string) bool {
	offer, ok := strings.CutPrefix(key, "offers ")
	return ok && p.passive && slices.ContainsFunc(p.r.requests(false), func(m said) bool {
		return m.profile() == "rev" && strings.HasPrefix(offer, revKey(m))
	})
}

// connect begins the connection, if it has not begun.
func (p *replay) connect(n int) {
	if p.scripts[n] != nil {
		return
	}
	here, there := blip.NewPipePair()
	c := newScript(p, n)
	c.conn = blip.NewConn(there, blip.Config{Handler: c.handle, ReplyTimeout: patience})
	p.scripts[n] = c
	p.group.Go(func() {
		if err := c.conn.Run(context.Background()); err != nil {
			p.t.Logf("connection %d of the script: %v", n, err)
		}
	})
	var session *replication.Session
	if p.passive {
		cfg := replication.Passive{Common: replication.Common{
			DB: p.ours.db, Protocol: protocolOf(&peer{db: p.ours.db}),
			Deltas: p.r.takesDeltas(true), ReplyTimeout: patience, Log: testLog(p.t),
		}}
		for _, name := range p.r.collections(n) {
			if !p.r.refused(name) {
				cfg.Collections = append(cfg.Collections, p.ours.collection(name))
			}
		}
		session = replication.NewPassive(here, cfg)
	} else {
		session = replication.NewActive(here, p.ours.activeConfig(p.r, n))
	}
	p.ended[n] = p.run(session.Run)
}

// refused says that the recorded listener did not share a collection.
func (r *recording) refused(collection string) bool {
	for _, m := range r.requests(false) {
		reply := r.answerTo(m)
		i := slices.Index(collectionNames(m.body), collection)
		if m.profile() == "getCollections" && reply != nil && i >= 0 {
			items := answerItems(reply.body)
			return i < len(items) && items[i] == nil
		}
	}
	return false
}

// play takes one recorded message: what our side has said is expected, and what the other
// side has asked is sent.
func (p *replay) play(i int, m said) {
	ours := m.passive == p.passive
	switch {
	case ours && m.reply:
		if req := p.r.requestOf(m); req != nil && !req.noReply {
			p.ledger.expect(replyFacts(*req, m, p.r.collectionOf(*req))...)
		}
	case ours:
		if p.r.continuous() {
			p.ledger.wait(p.t, fmt.Sprintf("before our edit of line %d", i), p.mayBeMissing)
			p.awaitStored(i)
			p.ours.putAnnounced(p.r, m)
		}
		p.ledger.expect(requestFacts(m, p.r.collectionOf(m), p.whole)...)
	case !m.reply:
		p.ledger.wait(p.t, fmt.Sprintf("before line %d, %s %s", i, m.profile(), m.props.Value("id")), p.mayBeMissing)
		p.beforeSend(m)
		p.scripts[m.conn].send(m)
	}
}

// awaitStored waits until our side has stored what it was sent before line i, replied to or not.
func (p *replay) awaitStored(i int) {
	p.t.Helper()
	news := p.ours.db.Subscribe()
	defer news.Close()
	for _, m := range p.r.lines[:i] {
		if m.reply || m.passive == p.passive || m.profile() != "rev" {
			continue
		}
		for !p.ours.has(p.r.collectionOf(m), m.props.Value("id"), revision.ID(m.props.Value("rev"))) {
			select {
			case <-news.C:
			case <-time.After(patience):
				p.t.Fatalf("our side does not store %s", revKey(m))
			}
		}
	}
}

// findSince finds the sequence of ours that a recorded since stands for: the one before
// what the recorded side went on with.
func (p *replay) findSince() {
	if !p.passive {
		return
	}
	for _, name := range p.r.collections(1) {
		p.since[name] = p.ours.lastSequence(name)
	}
	for _, m := range p.r.beginning(true) {
		name := p.r.collectionOf(m)
		for _, e := range entriesOf(m) {
			if head := p.ours.head(name, e.id); head != nil && head.Sequence <= p.since[name] {
				p.since[name] = head.Sequence - 1
			}
		}
	}
}

// lastPull is how far the recorded checkpoint says that the pull came.
func (p *replay) lastPull() (facts []fact) {
	if p.passive {
		return nil
	}
	for _, m := range p.r.requests(false) {
		if found := pulledUpTo(m.body); m.profile() == "setCheckpoint" && len(found) > 0 && !p.r.byTestClient() {
			facts = found
		}
	}
	return facts
}

// end brings the connections to their end, and checks that this is the recorded one.
func (p *replay) end(cancel context.CancelFunc) {
	p.t.Helper()
	want := error(nil)
	switch goodbye := p.r.close; {
	case p.passive:
		want = fault.PeerClosed
		for _, c := range p.scripts {
			c.conn.Close(1000, "")
		}
	case goodbye.passive: // the listener was stopped
		want = fault.PeerClosed
		p.scripts[1].conn.Close(goodbye.code, "")
	case strings.Contains(p.r.name, "collection-missing"):
		want = fault.NotFoundRemotely
	case strings.Contains(p.r.name, "v4-refused"):
		want = fault.New(fault.Tandem, 501, "")
	case p.r.continuous():
		cancel()
	}
	for n, ended := range p.ended {
		want := want
		if n > 1 && !p.passive {
			want = nil
		}
		select {
		case err := <-ended:
			if !errors.Is(err, want) && !(want == nil && err == nil) {
				p.t.Errorf("connection %d of our side ended with %v, want %v", n, err, want)
			}
		case <-time.After(patience):
			p.t.Fatalf("connection %d does not end", n)
		}
	}
	p.group.Wait()
}

// abort drops connections that a failed test has left.
func (p *replay) abort() {
	for _, c := range p.scripts {
		c.conn.Abort(nil)
	}
	p.group.Wait()
}

// agree compares the details of a recorded fact and ours.
func (p *replay) agree(want, got fact) error {
	switch {
	case want.rev != "" && !p.sameBody(want.body, got.body):
		return fmt.Errorf("body %s, want %s", got.body, want.body)
	case want.rev == "" && string(want.body) != string(got.body):
		return fmt.Errorf("content of %d bytes, want %d", len(got.body), len(want.body))
	case want.rev != "":
		return sameHistory(want, got)
	case strings.HasPrefix(p.r.name, "v4-41c-"): // LiteCore names what the peer had under other URLs, too
		return nil
	case strings.HasSuffix(want.key, ": send"):
		return sameKnown(want.known, got.known)
	}
	return nil
}

// sameBody reports whether two bodies are equal. One from a Sync Gateway may list blobs in
// _attachments that we leave out for a peer which understands blobs in place.
func (p *replay) sameBody(want, got []byte) bool {
	if document.Equal(want, got) {
		return true
	}
	return p.passive && p.r.gateway() && document.Equal(storedForm(p.t, want), storedForm(p.t, got))
}

// sameHistory allows that one of two tree histories goes further back; both begin with the
// parent. Vectors have to name the same versions.
func sameHistory(want, got fact) error {
	a, err := revision.ParseRev(want.rev, want.history)
	if err != nil {
		return err
	}
	b, err := revision.ParseRev(got.rev, got.history)
	if err != nil {
		return err
	}
	x, y := a.History.Ancestors, b.History.Ancestors
	n := min(len(x), len(y))
	same := slices.Equal(x[:n], y[:n]) && (n > 0 || len(x) == len(y)) &&
		sameIDs(a.History.Merges, b.History.Merges) && sameIDs(a.History.Previous, b.History.Previous)
	if !same {
		return fmt.Errorf("history %q, want %q", got.history, want.history)
	}
	return nil
}

func sameIDs(a, b []revision.ID) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// sameKnown allows fewer tree revisions than LiteCore lists, but not none. Versions have to
// be the same.
func sameKnown(want, got []string) error {
	for _, rev := range got {
		if !slices.Contains(want, rev) {
			return fmt.Errorf("knows %q, want %q", got, want)
		}
	}
	vectors := len(want) > 0 && strings.Contains(want[0], "@")
	if len(got) == 0 && len(want) > 0 || vectors && len(got) != len(want) {
		return fmt.Errorf("knows %q, want %q", got, want)
	}
	return nil
}

// beforeSend does what happened on our side, unseen, before the other side went on.
func (p *replay) beforeSend(m said) {
	if m.profile() != "rev" {
		return
	}
	id := m.props.Value("id")
	lost := !p.passive && strings.Contains(p.r.name, "34-delta-refused") ||
		p.passive && strings.Contains(p.r.name, "34b-delta-refused")
	if _, isDelta := m.props.Get("deltaSrc"); !lost || !isDelta {
		return
	}
	p.ours.purge("_default._default", id)
	if strings.HasPrefix(p.r.name, "v3") {
		p.ours.save("_default._default", id, `{"another":"document"}`, false)
	}
}

// beforeAnswer does what happened on our side before the other one answered.
func (p *replay) beforeAnswer(m said) {
	if m.profile() != "changes" || !strings.Contains(p.r.name, "19-changed-while-asked") {
		return
	}
	p.ours.save("_default._default", "edited", `{"n":2}`, false)
	p.ours.save("_default._default", "left", `{"channels":[]}`, false)
	p.ours.save("_default._default", "gone", "{}", true)
}

func docIDs(body []byte) []string {
	var wanted struct {
		DocIDs []string `json:"docIDs"`
	}
	if json.Unmarshal(body, &wanted) != nil {
		return nil
	}
	return wanted.DocIDs
}

// testLog shows what a session logs when the test fails.
func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func asError(err error, target **blip.Error) bool { return errors.As(err, target) }

func mustJSON(t testing.TB, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
