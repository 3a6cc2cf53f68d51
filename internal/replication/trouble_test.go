package replication_test

import (
	"context"
	"log/slog"
	gosync "sync"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// left is how a session ends whose peer has left.
func left() string { return wire.FromPeer(&blip.CloseError{Code: wire.CloseLeaving}).Error() }

// TestAPeerThatLeavesIsTheReasonAtEveryRequest lets a listener leave in place of an answer.
func TestAPeerThatLeavesIsTheReasonAtEveryRequest(t *testing.T) {
	for _, profile := range []string{
		wire.ProfileGetCollections, wire.ProfileSubChanges, wire.ProfileProposeChanges, wire.ProfileRev,
		wire.ProfileGetAttachment, wire.ProfileSetCheckpoint,
	} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			a := newPeer(t, store.RevTrees)
			a.put("mine", `{"n":1}`)
			leaving := make(chan struct{})
			l := meetActive(t, a, nil, but(profile, func(*blip.Request) { close(leaving) }), offersBlob(12))
			<-leaving
			l.conn.Close(wire.CloseLeaving, "")
			if err := l.await(); err == nil || err.Error() != left() {
				t.Errorf("ended with %v, want %s", err, left())
			}
		})
	}
}

// lingering is a pipe that does not go down before it is let.
type lingering struct {
	blip.Pipe
	once            gosync.Once
	going, released chan struct{}
}

func (p *lingering) Abort() error {
	p.once.Do(func() { close(p.going) })
	<-p.released
	return p.Pipe.Abort()
}

// warnings is a log that sends on the text of what went wrong.
type warnings chan string

func (warnings) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (w warnings) WithAttrs([]slog.Attr) slog.Handler             { return w }
func (w warnings) WithGroup(string) slog.Handler                  { return w }

func (w warnings) Handle(_ context.Context, r slog.Record) error {
	w <- r.Message
	return nil
}

// TestAPeerThatLeavesIsTheReasonWhoeverNoticesIt lets a listener leave when everything is pushed. The session
// finds that out when it saves its checkpoint, before the connection has gone down.
func TestAPeerThatLeavesIsTheReasonWhoeverNoticesIt(t *testing.T) {
	a := newPeer(t, store.RevTrees)
	a.put("mine", `{"n":1}`)
	log := make(warnings, 10)
	going, released := make(chan struct{}), make(chan struct{})
	leaving := make(chan struct{})
	s := meet(t, func(pipe blip.Pipe) *replication.Session {
		return replication.NewActive(&lingering{Pipe: pipe, going: going, released: released}, replication.Active{
			Common: replication.Common{
				DB: a.db, ReplyTimeout: patience, Log: slog.New(log),
				Documents: func([]replication.DocumentEvent) { <-going }, // the push is not done before
			},
			Collections: []replication.CollectionOptions{{Collection: a.coll, Push: true}},
			Remote:      "ws://stranger/db",
		})
	}, but(wire.ProfileRev, func(r *blip.Request) { r.Reply(nil); close(leaving) }))
	<-leaving
	s.conn.Close(wire.CloseLeaving, "")
	<-going
	if got := <-log; got != "checkpoint is not saved" {
		t.Errorf("the log says %q, want that the checkpoint is not saved", got)
	}
	close(released)
	if err := s.await(); err == nil || err.Error() != left() {
		t.Errorf("ended with %v, want %s", err, left())
	}
}
