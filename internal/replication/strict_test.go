package replication_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	gosync "sync"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// strict stands between an active session and a passive one, and is as strict as Couchbase Lite's
// listener: only the parent counts, nothing but the very revision is known
// already, and a revision that was not asked for is an outrage.
type strict struct {
	t       *testing.T
	p       *peer
	active  *blip.Conn
	passive *blip.Conn

	mu    gosync.Mutex
	asked int
}

// newStrict returns the two ends between which it stands: for an active session, and for one on p.
func newStrict(t *testing.T, p *peer) (s *strict, forActive, forPassive blip.Pipe) {
	s = &strict{t: t, p: p}
	forActive, near := blip.NewPipePair()
	forPassive, far := blip.NewPipePair()
	s.active = blip.NewConn(near, blip.Config{ReplyTimeout: patience, Handler: func(r *blip.Request) {
		switch r.Profile() {
		case "proposeChanges":
			s.judge(r)
		case "rev", "norev":
			s.rev(r)
		default:
			s.pass(r, s.passive, r.Body, nil)
		}
	}})
	s.passive = blip.NewConn(far, blip.Config{ReplyTimeout: patience, Handler: func(r *blip.Request) {
		body := r.Body
		if r.Profile() == "changes" {
			body = s.withVectors(body)
		}
		s.pass(r, s.active, body, nil)
	}})
	return s, forActive, forPassive
}

// pass passes a request on, and its answer back.
func (s *strict) pass(r *blip.Request, to *blip.Conn, body []byte, look func(error)) {
	m := &blip.Message{Properties: r.Properties, Body: body, NoReply: r.NoReply, Urgent: r.Urgent}
	if r.NoReply {
		to.Send(m, nil) //nolint:errcheck // whoever awaits the sessions finds a connection that has ended
		return
	}
	to.Send(m, func(reply *blip.Reply, err error) { //nolint:errcheck // the same
		var refusal *blip.Error
		if look != nil {
			look(err)
		}
		switch {
		case err == nil:
			r.Reply(&blip.Message{Properties: reply.Properties, Body: reply.Body})
		case errors.As(err, &refusal):
			r.ReplyError(refusal.Domain, refusal.Code, refusal.Text)
		}
	})
}

func (s *strict) head(id string) *store.Document {
	var doc *store.Document
	err := s.p.db.View(context.Background(), func(tx *store.Tx) (err error) {
		doc, err = tx.Document(s.p.coll, id)
		return err
	})
	if err != nil && !errors.Is(err, fault.NotFound) {
		s.t.Error(err)
	}
	return doc
}

// judge answers proposals.
func (s *strict) judge(r *blip.Request) {
	var proposals [][]any
	if err := json.Unmarshal(r.Body, &proposals); err != nil {
		s.t.Errorf("proposals %s: %v", r.Body, err)
	}
	answers := make([]any, len(proposals))
	for i, item := range proposals {
		id, text, parent := item[0].(string), item[1].(string), item[2].(string)
		rev, err := revision.ParseVector(text)
		if err != nil {
			s.t.Errorf("proposal of %s: %v", text, err)
		}
		doc := s.head(id)
		switch {
		case doc != nil && doc.Rev.ID == rev.ID:
			answers[i] = 304
		case doc != nil && string(doc.Rev.ID) == parent, doc == nil && parent == "", doc != nil && parent == "" && doc.Deleted:
			answers[i] = 0
			s.expect(1)
		case doc == nil:
			answers[i] = map[string]any{"status": 409, "rev": ""}
		default:
			answers[i] = map[string]any{"status": 409, "rev": doc.Rev.Vector()}
		}
	}
	body, err := json.Marshal(answers)
	if err != nil {
		s.t.Error(err)
	}
	r.Reply(&blip.Message{Properties: blip.Props("blobs", "true", "deltas", "true", "maxHistory", "50"), Body: body})
}

func (s *strict) expect(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked += n
	if s.asked < 0 {
		s.t.Error("a revision came that was not asked for")
	}
}

// rev passes a revision on, unless it does not go on from a tombstone.
func (s *strict) rev(r *blip.Request) {
	s.expect(-1)
	id := r.Properties.Value("id")
	if r.Profile() == "rev" && len(r.Body) == 0 {
		s.t.Errorf("the body of %s is empty", id)
	}
	doc := s.head(id)
	if doc != nil && doc.Deleted && r.Profile() == "rev" {
		rev, err := revision.ParseRev(r.Properties.Value("rev"), r.Properties.Value("history"))
		if err != nil {
			s.t.Error(err)
		}
		if !rev.Contains(doc.Rev.ID) {
			r.ReplyError("LiteCore", 8, "conflict")
			return
		}
	}
	_, isDelta := r.Properties.Get("deltaSrc")
	s.pass(r, s.passive, r.Body, func(err error) {
		var refusal *blip.Error
		if isDelta && errors.As(err, &refusal) && refusal.Code == 422 {
			s.expect(1) // it comes again, whole
		}
	})
}

// withVectors announces each version with its whole vector, as is done while a feed runs.
func (s *strict) withVectors(body []byte) []byte {
	var changes [][]any
	if json.Unmarshal(body, &changes) != nil || len(changes) == 0 {
		return body
	}
	for _, item := range changes {
		id, rev := item[1].(string), item[2].(string)
		if doc := s.head(id); doc != nil && string(doc.Rev.ID) == rev {
			item[2] = doc.Rev.Vector()
		}
	}
	text, err := json.Marshal(changes)
	if err != nil {
		s.t.Error(err)
	}
	return text
}

// syncStrictly runs a one-shot session of a against p.
func syncStrictly(t *testing.T, a, p *peer, configure func(*replication.Active)) {
	t.Helper()
	s, forActive, forPassive := newStrict(t, p)
	cfg := replication.Active{
		Common:      replication.Common{DB: a.db, Protocol: protocolOf(a), Deltas: true, ReplyTimeout: patience, Log: testLog(t)},
		Collections: []replication.CollectionOptions{{Collection: a.coll, Push: true, Pull: true}},
		Remote:      "ws://" + p.db.Path(),
	}
	configure(&cfg)
	passive := replication.NewPassive(forPassive, replication.Passive{
		Common:      replication.Common{DB: p.db, Protocol: protocolOf(p), Deltas: true, ReplyTimeout: patience},
		Collections: []*store.Collection{p.coll},
	})
	var others gosync.WaitGroup
	for _, run := range []func(context.Context) error{s.active.Run, s.passive.Run, passive.Run} {
		others.Go(func() { _ = run(context.Background()) })
	}
	err := replication.NewActive(forActive, cfg).Run(context.Background())
	if errors.Is(err, replication.ErrStartOver) {
		t.Log("starts over")
	} else if err != nil {
		t.Errorf("ended with %v", err)
	}
	s.passive.Close(1000, "")
	others.Wait()
	if errors.Is(err, replication.ErrStartOver) && !cfg.StartedOver {
		syncStrictly(t, a, p, func(c *replication.Active) {
			configure(c)
			c.Reset, c.StartedOver = false, true
		})
	}
}

// TestTheStrictestListenerConverges has two peers sync with a third that is as strict as Couchbase
// Lite, in turn and in any direction, while all three edit, delete, purge and create the same few
// documents; half of the databases of trees are upgraded on the way.
func TestTheStrictestListenerConverges(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		for seed := range uint64(testsize.Pick(3, 10)) { //nolint:gosec // positive
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				convergeStrictly(t, v, seed%2 == 0, rand.New(rand.NewPCG(seed, 1)))
			})
		}
	})
}

func convergeStrictly(t *testing.T, v store.Versioning, upgrade bool, random *rand.Rand) {
	p := newPeer(t, v)
	actives := []*peer{newPeer(t, v), newPeer(t, v)}
	all := append(slices.Clone(actives), p)
	padding := strings.Repeat("long enough for a delta ", 10)
	for n := range 40 {
		for _, x := range all {
			if upgrade && n == 20 && v == store.RevTrees {
				if err := x.db.UpgradeVersioning(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		id := fmt.Sprint("d", random.IntN(4))
		who := all[random.IntN(len(all))]
		switch random.IntN(9) {
		case 0, 1, 2, 3:
			who.put(id, fmt.Sprintf(`{"n":%d,"padding":%q}`, n, padding))
		case 4:
			if _, ok := who.live()[id]; ok {
				who.delete(id)
			}
		case 5:
			who.purge(id)
		default:
			direction := random.IntN(4)
			syncStrictly(t, actives[random.IntN(2)], p, func(cfg *replication.Active) {
				cfg.Collections[0].Push, cfg.Collections[0].Pull = direction != 1, direction != 2
				cfg.Deltas = direction != 3
				cfg.Reset = random.IntN(6) == 0
			})
		}
	}
	for i := range 4 { // what was purged is news again
		all[random.IntN(len(all))].put(fmt.Sprint("d", i), fmt.Sprintf(`{"last":%d}`, i))
	}
	for range 4 {
		for _, a := range actives {
			syncStrictly(t, a, p, func(*replication.Active) {})
		}
		if maps.Equal(actives[0].live(), p.live()) && maps.Equal(actives[1].live(), p.live()) {
			return
		}
	}
	t.Errorf("no agreement:\nfirst  %v\nsecond %v\nlistener %v", actives[0].contents(), actives[1].contents(), p.contents())
}

func (p *peer) purge(id string) {
	p.t.Helper()
	p.update(func(tx *store.Tx) error {
		if err := tx.Purge(p.coll, id); !errors.Is(err, fault.NotFound) {
			return err
		}
		return nil
	})
}

// live is contents without the tombstones, which who has purged one does not get again.
func (p *peer) live() map[string]string {
	all := p.contents()
	maps.DeleteFunc(all, func(_, content string) bool { return strings.HasSuffix(content, " -") })
	return all
}
