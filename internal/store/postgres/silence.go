package postgres

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandemdb/tandem/internal/fault"
)

// A link may die without a word: a firewall forgets it, or a machine loses its power. Whoever waits for the server then
// waits for [Engine.Silence] at most.

var errSilence = errors.New("nothing has come from the server for too long")

func (e *Engine) silence() time.Duration { return cmp.Or(e.Silence, statementTime) }

// wait ends a query whose rows stay away.
type wait struct {
	ctx    context.Context //nolint:containedctx // of one query
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

// await begins to wait. A read that lasts ends with its own context, too.
func (db *database) await(ctx context.Context) *wait {
	w := &wait{limit: db.engine.silence()}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(w.limit, func() { w.cancel(errSilence) })
	return w
}

// row returns a function that calls do for a row, and waits for the next one from then on.
func (w *wait) row(do func(pgx.Rows) error) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		w.timer.Stop()
		defer w.timer.Reset(w.limit)
		return do(rows)
	}
}

// end ends the wait. It returns err, or what it means.
func (w *wait) end(err error) error {
	w.timer.Stop()
	if err != nil && context.Cause(w.ctx) == errSilence && !isCallers(err) { //nolint:errorlint // nobody wraps it
		err = fault.ConnectionLost.Says("the database server does not answer").Because(errors.Join(errSilence, err)).
			Try("check that it runs, and the network to it")
	}
	w.cancel(nil)
	return err
}

func isCallers(err error) bool {
	var its callersError
	return errors.As(err, &its)
}
