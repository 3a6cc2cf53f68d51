package replication_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// clock is a wall clock that a test sets.
type clock struct{ now atomic.Int64 }

func (c *clock) set(t time.Time)            { c.now.Store(t.UnixNano()) }
func (c *clock) Now() time.Time             { return time.Unix(0, c.now.Load()) }
func newClock(t time.Time) (c *clock)       { c = new(clock); c.set(t); return c }
func (c *clock) options() (o store.Options) { o.Now = c.Now; return o }

// runOnce replicates a with p by a one-shot runner, and returns the errors of documents.
func runOnce(t *testing.T, a, p *peer, configure ...func(*replication.Active)) []error {
	t.Helper()
	var log eventLog
	cfg, dial, wait := between(t, a, p)
	cfg.Documents = log.add
	for _, c := range configure {
		c(&cfg)
	}
	if err := replication.NewRunner(cfg, dial, replication.Retry{MaxAttempts: 1}, nil).Run(t.Context()); err != nil {
		t.Errorf("the run ended with %v", err)
	}
	wait()
	return log.failed
}

// between returns the configuration of a runner on a, and how it reaches p. wait waits for p's sessions.
func between(t *testing.T, a, p *peer) (cfg replication.Active, dial replication.Dialer, wait func()) {
	var hosts []chan error
	dial = func(context.Context) (blip.Pipe, string, error) {
		here, there := blip.NewPipePair()
		ended := make(chan error, 1)
		hosts = append(hosts, ended)
		host := replication.NewPassive(there, replication.Passive{
			Common: replication.Common{DB: p.db, Log: testLog(t)}, Collections: []*store.Collection{p.coll},
		})
		go func() { ended <- host.Run(context.Background()) }()
		return here, replication.CBMobile4, nil
	}
	cfg = replication.Active{
		Common:      replication.Common{DB: a.db, Log: testLog(t)},
		Collections: []replication.CollectionOptions{{Collection: a.coll, Push: true, Pull: true}},
		Remote:      "ws://p/db",
	}
	return cfg, dial, func() {
		for _, ended := range hosts {
			<-ended
		}
	}
}

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// A revision that is refused because its time is ahead is written down before the checkpoint passes it, told of in each
// run, and asked for when its time has come, though nobody announces it again.
func TestWhatCameTooEarlyIsAskedForAgain(t *testing.T) {
	ours, theirs := newClock(start), newClock(start.Add(time.Hour))
	a, p := openPeer(t, ours.options()), openPeer(t, theirs.options())
	p.put("early", `{"n":1}`)
	p.put("gone", `{"n":1}`)
	p.put("edited", `{"n":1}`)
	theirs.set(start)
	failing := func(what string, want int) {
		t.Helper()
		failed := runOnce(t, a, p)
		if len(failed) != want {
			t.Errorf("%s: %d documents failed: %v, want %d", what, len(failed), failed, want)
		}
		for _, err := range failed {
			if !errors.Is(err, fault.BadRevisionID) || !strings.Contains(err.Error(), "is asked for again after") {
				t.Errorf("%s: told is %v", what, err)
			}
		}
	}
	failing("first", 3)
	a.put("ours", `{}`)
	failing("another", 3)
	e, err := replication.Explain(t.Context(), a.db, "ws://p/db", replication.CollectionOptions{Collection: a.coll, Pull: true}, "early")
	if err != nil || e.State != replication.StatePending || !strings.Contains(e.Reason, "is asked for again after") {
		t.Errorf("explained as %+v, %v", e, err)
	}
	if got := len(a.contents()); got != 1 {
		t.Errorf("%d documents are here, want 1: %v", got, a.contents())
	}
	ours.set(start.Add(57 * time.Minute))
	theirs.set(start.Add(57 * time.Minute))
	failing("still too early", 3)
	p.update(func(tx *store.Tx) error { return tx.Purge(p.coll, "gone") })
	ours.set(start.Add(59 * time.Minute))
	theirs.set(start.Add(59 * time.Minute))
	failing("in time", 0)
	requireSame(t, a, p, 3)
	failing("afterwards", 0)
}

// What came too early is asked for sooner by a run that starts over, or tries again what was refused. What the peer
// does not have any more is not waited for; the rest is.
func TestWhatCameTooEarlyIsAskedForSoonerOnRequest(t *testing.T) {
	for name, request := range map[string]func(*replication.Active){
		"reset": func(cfg *replication.Active) { cfg.Reset = true },
		"retry": func(cfg *replication.Active) { cfg.RetryRefused = true },
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := newClock(start), newClock(start.Add(87600*time.Hour))
			a, p := openPeer(t, ours.options()), openPeer(t, theirs.options())
			p.put("early", `{"n":1}`)
			p.put("gone", `{"n":1}`)
			theirs.set(start)
			failing := func(what string, want int, configure ...func(*replication.Active)) {
				t.Helper()
				documents := make(map[string]bool)
				for _, err := range runOnce(t, a, p, configure...) {
					documents[fault.Of(err).Subject] = true
				}
				if len(documents) != want {
					t.Errorf("%s: %v failed, want %d documents", what, documents, want)
				}
			}
			failing("first", 2)
			p.update(func(tx *store.Tx) error { return tx.Purge(p.coll, "gone") })
			failing("without a request", 2)
			failing("on request", 1, request)
			failing("afterwards", 1)
			ours.set(start.Add(87600 * time.Hour))
			theirs.set(start.Add(87600 * time.Hour))
			failing("in time", 0)
			requireSame(t, a, p, 1)
		})
	}
}

// A revision that comes late of a document whose earlier one came too early takes its place.
func TestALaterRevisionEndsTheWait(t *testing.T) {
	ours, theirs := newClock(start), newClock(start.Add(3*time.Minute))
	a, p := openPeer(t, ours.options()), openPeer(t, theirs.options())
	p.put("d", `{"n":1}`)
	if failed := runOnce(t, a, p); len(failed) != 1 {
		t.Errorf("first: %v", failed)
	}
	p.put("d", `{"n":2}`)
	ours.set(start.Add(4 * time.Minute))
	if failed := runOnce(t, a, p); len(failed) != 0 {
		t.Errorf("second: %v", failed)
	}
	requireSame(t, a, p, 1)
}

// What a listener refuses for its time is pushed again by the next run, and by a LiteCore with its next connection:
// the answer is that of a passing fault.
func TestWhatIsPushedTooEarlyIsPushedAgain(t *testing.T) {
	ours, theirs := newClock(start.Add(time.Hour)), newClock(start)
	a, p := openPeer(t, ours.options()), openPeer(t, theirs.options())
	a.put("early", `{"n":1}`)
	for range 2 {
		failed := runOnce(t, a, p)
		if len(failed) != 1 || !fault.HasCode(failed[0], fault.WebSocket, 503) || !strings.Contains(failed[0].Error(), "can be stored after") {
			t.Errorf("told is %v", failed)
		}
	}
	theirs.set(start.Add(time.Hour))
	if failed := runOnce(t, a, p); len(failed) != 0 {
		t.Errorf("in time: %v", failed)
	}
	requireSame(t, a, p, 1)

	s := meetPassive(t, p)
	s.mustAsk("[{}]", "getCollections", "", oneCollection)
	later := revision.NewVersion(revision.Time(start.Add(2*time.Hour).UnixNano()), hostileSource)
	s.mustAsk("[]", "proposeChanges", "collection=0", `[["b","`+string(later)+`"]]`)
	s.mustAsk("HTTP/503", "rev", "collection=0 id=b rev="+string(later), `{}`)
	theirs.set(start.Add(2 * time.Hour))
	s.mustAsk("", "rev", "collection=0 id=b rev="+string(later), `{}`)
}

// A LiteCore listener refuses such a version for good, by its answer.
func TestALiteCoreListenerWithAnEarlierClockIsAskedAgain(t *testing.T) {
	a := newPeer(t, store.VersionVectors)
	a.put("early", `{"n":1}`)
	refusing := but("rev", failing("LiteCore", 4))
	l := meetActive(t, a, nil, refusing, caughtUp)
	if err := l.await(); err != nil {
		t.Errorf("the session ended with %v", err)
	}
	took := meetActive(t, a, nil, politely, caughtUp)
	if err := took.await(); err != nil {
		t.Errorf("the next session ended with %v", err)
	}
	if got := strings.Join(l.events.sorted(), ", ") + " then " + strings.Join(took.events.sorted(), ", "); got != "push early LiteCore/4 then push early" {
		t.Errorf("reported are %s", got)
	}
}

// A continuous run asks by itself when the time has come, and offers again what the peer has found too early.
func TestAContinuousRunWaitsForTheTime(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		ahead := func() time.Time { return time.Now().Add(10 * time.Minute) }
		disk := storetest.NewDisk()
		defer disk.Close()
		a, p := newPeerInBubble(t, store.VersionVectors), openPeer(t, store.Options{Disk: disk, Now: ahead})
		p.put("theirs", `{"n":1}`)
		early := newPeerInBubble(t, store.VersionVectors)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		run := func(from, to *peer) (wait func()) {
			cfg, dial, hosts := between(t, from, to)
			cfg.Continuous = true
			ended := make(chan error, 1)
			go func() { ended <- replication.NewRunner(cfg, dial, replication.Retry{}, nil).Run(ctx) }()
			return func() {
				if err := <-ended; err != nil {
					t.Errorf("the run ended with %v", err)
				}
				hosts()
			}
		}
		pulled := run(a, p)
		pushed := run(p, early)
		time.Sleep(7 * time.Minute)
		if got := len(a.contents()) + len(early.contents()); got != 0 {
			t.Errorf("%d documents have arrived too early", got)
		}
		time.Sleep(7 * time.Minute)
		if got := len(a.contents()) + len(early.contents()); got != 2 {
			t.Errorf("%d documents have arrived in time, want 2", got)
		}
		stop()
		pulled()
		pushed()
	})
}

// A listener that refuses to be asked by ID is asked once in a session, and holds up nothing.
func TestAPeerThatCannotBeAskedByIDIsLeftInPeace(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		a := newPeerInBubble(t, store.VersionVectors)
		a.update(func(tx *store.Tx) error {
			remote, err := tx.RemoteFor("ws://p/db")
			if err != nil {
				return err
			}
			due := fmt.Sprintf(`{"revision":"18a3f2c1d5e10000@x","due":%q}`, time.Now().Add(time.Minute).Format(time.RFC3339))
			return tx.SetInfo(fmt.Sprintf("ahead %d _default._default", remote), "early", []byte(due))
		})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var asked, dialed atomic.Int64
		var listeners gosync.WaitGroup
		dial := func(context.Context) (blip.Pipe, string, error) {
			dialed.Add(1)
			here, there := blip.NewPipePair()
			conn := blip.NewConn(there, blip.Config{Handler: but("subChanges", func(r *blip.Request) {
				if len(r.Body) > 0 {
					asked.Add(1)
					r.ReplyError("HTTP", 400, "no IDs here")
					return
				}
				r.Reply(nil)
			})})
			listeners.Go(func() { _ = conn.Run(context.Background()) })
			listeners.Go(func() {
				m := &blip.Message{NoReply: true, Properties: withProps("changes", "collection=0"), Body: []byte("[]")}
				time.Sleep(time.Second)
				_ = conn.Send(m, nil)
			})
			return here, replication.CBMobile4, nil
		}
		cfg, _, _ := between(t, a, a)
		cfg.Continuous = true
		ended := make(chan error, 1)
		go func() { ended <- replication.NewRunner(cfg, dial, replication.Retry{}, nil).Run(ctx) }()
		time.Sleep(time.Hour)
		if asked.Load() != 1 || dialed.Load() != 3 {
			t.Errorf("asked %d times over %d connections, want once over 3", asked.Load(), dialed.Load())
		}
		stop()
		<-ended
		listeners.Wait()
	})
}
