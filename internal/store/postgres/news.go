package postgres

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandemdb/tandem/internal/store/row"
)

const (
	newsInterval = 5 * time.Millisecond   // one notification covers the commits of so long
	lookInterval = time.Second            // beside notifications
	fastLook     = 100 * time.Millisecond // without them
	lookPause    = time.Second            // after a failure
	newsTime     = 5 * time.Second        // of one exchange: a connection that has died silently must not stop the news
)

// channel is where the nodes of a database tell each other of commits.
func (db *database) channel() string { return "tandem_" + db.schema }

// tell has the other nodes told of a commit.
func (db *database) tell() {
	select {
	case db.news <- struct{}{}:
	default: // being told already
	}
}

// spread tells other nodes of commits, on a connection of its own, so that no commit waits for NOTIFY's lock.
func (db *database) spread(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-db.news:
		}
		telling, cancel := context.WithTimeout(ctx, newsTime)
		_, _ = db.exec(telling, `SELECT pg_notify($1, '')`, db.channel()) // lost news are found by a look
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-time.After(newsInterval):
		}
	}
}

// Watch looks for commits of other nodes when it is told of some, and now and then.
func (db *database) Watch(ctx context.Context, n row.News) {
	told := make(chan struct{}, 1)
	interval := lookInterval
	if db.engine.polls() {
		interval = fastLook
	} else {
		db.work.Go(func() { db.listen(ctx, told) })
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-db.reborn:
			n.Reborn()
			n.Changed()
			continue
		case <-told:
		case <-ticker.C:
		}
		changed, mail := db.look(ctx)
		if changed {
			n.Changed()
		}
		if mail {
			n.Mail()
		}
	}
}

// listen waits for notifications, on a connection of its own.
func (db *database) listen(ctx context.Context, told chan<- struct{}) {
	for ctx.Err() == nil {
		if err := db.listenOnce(ctx, told); err != nil && ctx.Err() == nil {
			db.log.Debug("news of other nodes come by polling", slog.String("database", db.place), slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookPause):
		}
	}
}

func (db *database) listenOnce(ctx context.Context, told chan<- struct{}) (err error) {
	conn, err := pgx.ConnectConfig(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if _, err := conn.Exec(ctx, `LISTEN `+pgx.Identifier{db.channel()}.Sanitize()); err != nil {
		return err
	}
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
		select {
		case told <- struct{}{}:
		default: // told already
		}
	}
}

// raise notes that there are so many commits, and reports whether that is news.
func (db *database) raise(commits int64) bool {
	for {
		was := db.seen.Load()
		if commits <= was {
			return false
		}
		if db.seen.CompareAndSwap(was, commits) {
			return true
		}
	}
}
