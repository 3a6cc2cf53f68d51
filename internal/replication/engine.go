package replication

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// engine is the state that all parts of a session share: the database, the connection, the
// goroutines and their end, and the errors. It does not depend on the role.
type engine struct {
	link
	trouble
	log    *slog.Logger
	common Common
	db     *store.DB
	partner
	claims *claims // nil outside of a mesh
	tasks  tasks

	state chan struct{} // capacity 1: a change that may end the session
	ended atomic.Bool   // the session no longer works

	group sync.WaitGroup
	work  context.Context //nolint:containedctx // spans Run; handlers start goroutines with it
	end   context.CancelCauseFunc

	closeCode int // for errors without a close code of their own
}

// partner is the other side of the conversation.
type partner struct {
	dialect
	remote store.Remote // of the active side; 0 on the passive
	known  store.Remote // by which the database knows what the peer has: as remote, and in a mesh on both sides
}

func newEngine(common Common, closeCode int) *engine {
	log := cmp.Or(common.Log, slog.New(slog.DiscardHandler))
	e := &engine{
		link: link{log: log}, trouble: trouble{log: log}, log: log,
		common: common, db: common.DB, claims: common.Mesh.claims(),
		tasks:     tasks{queue: make(chan func(context.Context), 16)},
		state:     make(chan struct{}, 1),
		partner:   partner{dialect: dialectOf(common.DB, common.Protocol)},
		closeCode: closeCode,
	}
	e.tasks.spawn = e.spawn
	return e
}

// begin starts the life of the session, which endWith ends.
func (e *engine) begin(ctx context.Context) {
	e.work, e.end = context.WithCancelCause(context.WithoutCancel(ctx))
	e.life, e.over = e.work, e.work
}

// endWith cancels the session's goroutines; err is the cause.
func (e *engine) endWith(err error) {
	e.ended.Store(true)
	e.end(err)
}

// spawn runs a part of the session on its own goroutine. An error from the part ends the session.
func (e *engine) spawn(part func(ctx context.Context) error) {
	e.group.Go(func() {
		if err := part(e.work); err != nil && e.work.Err() == nil {
			e.fail(err)
		}
	})
}

// fail ends the session because of err. Only the first error counts.
func (e *engine) fail(err error) {
	if e.fails(err) {
		code := wire.CloseCode(err, e.closeCode)
		e.conn.Close(code, wire.CloseReason(code, err))
	}
}

// stateChanged wakes the session, because it may have finished its work or have new work.
func (e *engine) stateChanged() {
	select {
	case e.state <- struct{}{}:
	default:
	}
	e.progressed()
}

// progressed reports changed counts to the configuration's Changed callback.
func (e *engine) progressed() {
	if e.common.Changed != nil {
		e.common.Changed()
	}
}
