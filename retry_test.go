package tandem_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

// impatient makes a replicator try again at once.
func impatient(c *tandem.ReplicatorConfiguration) { c.MaxAttemptWaitTime = time.Millisecond }

func strict(c *tandem.ReplicatorConfiguration) { c.StopWhenPeerCloses = true }

func once(c *tandem.ReplicatorConfiguration) { c.MaxAttempts = 1 }

func TestErrorsThatMayPass(t *testing.T) { // E-02 X-13
	for err, want := range map[error]bool{
		tandem.ErrConnectionRefused: true, tandem.ErrTimeout: true,
		tandem.ErrUnauthorized: false, tandem.ErrForbidden: false, tandem.ErrNotFoundRemotely: false,
		tandem.ErrCertUnknownRoot: false, tandem.ErrPeerClosed: false, tandem.ErrUnknownHost: false,
	} {
		if got := tandem.IsTransient(fmt.Errorf("sync: %w", err)); got != want {
			t.Errorf("%v: transient is %t, want %t", err, got, want)
		}
	}
	if !tandem.IsNetworkDependent(tandem.ErrUnknownHost) || tandem.IsTransient(nil) {
		t.Error("an unknown host depends on the network; nil is no error")
	}
}

// E-01 X-11 X-12 L-13: those who want it are ended by a listener that stops, in the
// middle of a transfer too, and keep nothing that is half.
func TestAStoppedListenerEndsStrictReplicators(t *testing.T) {
	theirs := newCollection(t)
	text := strings.Repeat("x", 1000)
	for i := range 300 {
		save(t, theirs, fmt.Sprint(i), fmt.Sprintf(`{"text":%q}`, text))
	}
	l := offer(t, theirs)
	url := l.URLs()[0]
	idler := replicator(t, url, newCollection(t), continuous, strict)
	idle(t, idler)
	ours := newCollection(t)
	taken := make(chan bool, 1)
	puller := replicator(t, url, ours, once, func(c *tandem.ReplicatorConfiguration) {
		c.Collections[0].PullFilter = func(d *tandem.Document, _ tandem.DocumentFlags) bool {
			if d.ID() == "100" {
				taken <- true
				eventually(t, func() bool { return !reachable(l.Port()) })
			}
			return true
		}
	})
	check(t, puller.Start())
	receive(t, "document 100", taken)
	l.Stop()
	for name, r := range map[string]*tandem.Replicator{"idle": idler, "in a transfer": puller} {
		eventually(t, func() bool { return r.Status().Activity == tandem.Stopped })
		var err *tandem.Error
		if !errors.As(r.Status().Err, &err) || err.Domain != tandem.DomainWebSocket || err.Code != 1001 {
			t.Errorf("%s: it ended with %v, want WebSocket/1001", name, r.Status().Err)
		}
	}
	for id, body := range contents(t, ours) {
		if body != string(read(t, theirs, id).Body()) {
			t.Errorf("%s is %s", id, body)
		}
	}
	endWith(t, replicator(t, url, ours, once), tandem.ErrConnectionRefused)
}

// E-04 X-28: by default replicators come back, also to a listener that was restarted.
func TestReplicatorsComeBackToARestartedListener(t *testing.T) {
	theirs, ours := newCollection(t), newCollection(t)
	l := offer(t, theirs, withTLS)
	port, leaf := l.Port(), string(l.TLSIdentity().Certs()[0])
	store := l.Config().IdentityStore
	r := replicator(t, l.URLs()[0], ours, continuous, impatient)
	told, events := activitiesOf(r), eventsOf(r)
	idle(t, r)
	for i := range 3 {
		l.Stop()
		eventually(t, func() bool { return r.Status().Activity != tandem.Idle })
		save(t, theirs, fmt.Sprintf("s%d", i), `{}`)
		save(t, ours, fmt.Sprintf("c%d", i), `{}`)
		l = newListener(t, theirs, withTLS, func(c *tandem.URLEndpointListenerConfiguration) {
			c.Port, c.IdentityStore = port, store
		})
		check(t, l.Start())
		if got := string(l.TLSIdentity().Certs()[0]); got != leaf {
			t.Error("the listener has another identity")
		}
		eventually(t, func() bool { return len(contents(t, theirs)) == 2*i+2 && len(contents(t, ours)) == 2*i+2 })
	}
	eventually(t, func() bool { s := r.Status(); return s.Activity == tandem.Idle && s.Err == nil })
	if !slices.Contains(levels(told()), tandem.Offline) {
		t.Errorf("it was never offline: %v", levels(told()))
	}
	for i := range 3 {
		sent, received := fmt.Sprintf("push c%d", i), fmt.Sprintf("pull s%d", i)
		eventually(t, func() bool { // events come on a goroutine of their own
			all := events()
			return all[sent].ID != "" && all[received].ID != ""
		})
	}
	if p := r.Status().Progress; p.Push.Documents > 3 || p.Pull.Documents != 3 || p.Push.Completed != p.Push.Total {
		t.Errorf("progress %+v, want 3 documents each way", p)
	}
}

// E-03 E-04 E-06 X-14
func TestACutLinkIsTriedAgainLaterAndLater(t *testing.T) {
	theirs, ours := newCollection(t), newCollection(t)
	for i := range 10 {
		save(t, theirs, fmt.Sprint(i), `{}`)
	}
	l := offer(t, theirs)
	w, near := newWire(t, l.URLs()[0])
	r := replicator(t, near, ours, continuous)
	idle(t, r)
	for round := range 2 {
		w.cut()
		wantCounts(t, l, 0, 0)
		for attempt := 1; attempt <= 3; attempt++ {
			var s tandem.ReplicatorStatus
			eventually(t, func() bool {
				s = r.Status()
				return s.Activity == tandem.Offline && s.Attempt == attempt
			})
			wait := time.Until(s.NextRetry)
			if most := time.Second << attempt; wait > most+most/20 || wait < most/2 ||
				!tandem.IsTransient(s.Err) && !errors.Is(s.Err, io.EOF) { // cut off in mid-handshake
				t.Errorf("after attempt %d it waits %v because of %v, want %v", attempt, wait, s.Err, most)
			}
			if attempt < 3 {
				r.RetryNow()
			}
		}
		save(t, theirs, fmt.Sprintf("new %d", round), `{}`)
		w.mend()
		r.RetryNow()
		eventually(t, func() bool { s := r.Status(); return s.Activity == tandem.Idle && s.Err == nil })
		wantCounts(t, l, 1, 0)
	}
	if p := r.Status().Progress; p.Pull.Documents != 12 {
		t.Errorf("progress %+v, want that each document came once", p)
	}
	wantContents(t, ours, contents(t, theirs))
}

func TestAFrozenLinkIsNoticedOnBothSides(t *testing.T) { // E-03
	theirs, ours := newCollection(t), newCollection(t)
	l := offer(t, theirs, func(c *tandem.URLEndpointListenerConfiguration) { c.Heartbeat = 200 * time.Millisecond })
	w, near := newWire(t, l.URLs()[0])
	r := replicator(t, near, ours, continuous, func(c *tandem.ReplicatorConfiguration) {
		c.Heartbeat = 200 * time.Millisecond
	})
	idle(t, r)
	w.freeze()
	wantCounts(t, l, 0, 0)
	eventually(t, func() bool { return r.Status().Activity == tandem.Offline })
	if err := r.Status().Err; !tandem.IsTransient(err) {
		t.Errorf("the replicator waits because of %v, want an error that may pass", err)
	}
	w.thaw()
	save(t, theirs, "a", `{}`)
	eventually(t, func() bool { r.RetryNow(); _, err := ours.Document(t.Context(), "a"); return err == nil })
}

// E-07: links are cut at random moments; nothing gets lost or doubled.
func TestCutLinksLoseAndDoubleNothing(t *testing.T) {
	const documents, cuts = 150, 12
	random := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // a test's data
	for name, x := range map[string]struct {
		continuous bool
		versioning tandem.Versioning
	}{
		"continuous": {true, tandem.VersionVectors}, "one-shot": {false, tandem.RevTrees},
	} {
		t.Run(name, func(t *testing.T) {
			theirs := defaultIn(t, newDatabase(t, tandem.Options{Versioning: x.versioning}))
			ours := defaultIn(t, newDatabase(t, tandem.Options{Versioning: x.versioning}))
			for i := range documents {
				text := make([]byte, random.IntN(500))
				for j := range text {
					text[j] = byte('a' + random.IntN(26))
				}
				saveWithBlob(t, theirs, fmt.Sprintf("s%d", i), text, i%10 == 0)
				saveWithBlob(t, ours, fmt.Sprintf("c%d", i), text, i%10 == 0)
			}
			revisions := revisionsOf(t, theirs, ours)
			l := offer(t, theirs, withTLS)
			w, near := newWire(t, l.URLs()[0])
			w.cutOnceAfter(random.IntN(5_000))
			r := replicator(t, near, ours, impatient, func(c *tandem.ReplicatorConfiguration) {
				c.Continuous, c.MaxAttempts = x.continuous, 1_000_000
			})
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the replicator is %s: %v", r.Status().Activity, r.Status().Err)
				}
			})
			check(t, r.Start())
			complete := func() bool {
				n, err := ours.Count(t.Context())
				m, err2 := theirs.Count(t.Context())
				return err == nil && err2 == nil && n == 2*documents && m == 2*documents
			}
			done := 0
			for ; done < cuts && !complete(); done++ {
				eventually(t, func() bool { return !w.planned() || complete() })
				w.cutOnceAfter(1 + random.IntN(12_000))
			}
			w.cutOnceAfter(0)
			eventually(t, complete)
			if done < 3 {
				t.Errorf("there were %d cuts only", done)
			}
			check(t, r.Wait(t.Context()))
			r.Close()
			wantContents(t, ours, contents(t, theirs))
			for _, coll := range []*tandem.Collection{theirs, ours} {
				if got := revisionsOf(t, coll); fmt.Sprint(got) != fmt.Sprint(revisions) {
					t.Errorf("after %d cuts the revisions are %v, want %v", done, got, revisions)
				}
				last, err := coll.LastSequence(t.Context())
				if err != nil || last != 2*documents {
					t.Errorf("after %d cuts there were %d changes (%v), want one for each document", done, last, err)
				}
				problems, err := coll.Database().Check(t.Context())
				if err != nil || len(problems) > 0 {
					t.Errorf("after %d cuts: %v %v", done, problems, err)
				}
			}
			wantCountedOnce(t, documents, r, l)
		})
	}
}

// wantCountedOnce checks the counts of both sides after a replicator has pushed and pulled a number of documents over
// a link that was cut. Who receives counts each document once. Who sends does not count those whose
// reply a cut took: the next session finds them there already.
func wantCountedOnce(t *testing.T, documents uint64, r *tandem.Replicator, l *tandem.URLEndpointListener) {
	t.Helper()
	eventually(t, func() bool { return l.Statistics().Progress.Pull.Documents >= documents }) // counted after they are stored
	near, far := r.Status().Progress, l.Statistics().Progress
	for _, x := range []struct {
		name           string
		sent, received tandem.DirectionProgress
	}{{"push", near.Push, far.Pull}, {"pull", far.Push, near.Pull}} {
		if x.received.Documents != documents || x.sent.Documents > documents || x.sent.Failed+x.received.Failed != 0 {
			t.Errorf("%s of %d documents: sent %+v, received %+v", x.name, documents, x.sent, x.received)
		}
	}
	for name, d := range map[string]tandem.DirectionProgress{"push": near.Push, "pull": near.Pull} {
		if d.Completed != d.Total {
			t.Errorf("the progress of the %s is %+v", name, d)
		}
	}
}

func saveWithBlob(t testing.TB, coll *tandem.Collection, id string, text []byte, blob bool) {
	t.Helper()
	d := newDocument(t, id, fmt.Sprintf(`{"text":%q}`, text))
	if blob {
		check(t, d.SetBlob("blob", tandem.NewBlob("text/plain", append([]byte(id), text...))))
	}
	check(t, coll.Save(t.Context(), d))
}

// revisionsOf maps the IDs of all documents in some collections to their revisions.
func revisionsOf(t testing.TB, all ...*tandem.Collection) map[string]string {
	t.Helper()
	revisions := make(map[string]string)
	for _, coll := range all {
		for change, err := range coll.ChangesSince(t.Context(), 0) {
			check(t, err)
			revisions[change.ID] = change.RevisionID
		}
	}
	return revisions
}
