package rest

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/tandemdb/tandem"
)

// upkeep is a task that compacts or checks a database.
type upkeep struct {
	entry  *entry
	kind   string // "compact" or "check"
	name   string // of the database
	cancel context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex // guards the following
	ended    time.Time  // zero while it runs
	err      error
	problems []string
}

type upkeepItem struct {
	Number   int        `json:"task_id"`
	Type     string     `json:"type"`
	Database string     `json:"database"`
	User     string     `json:"user,omitempty"`
	Age      int64      `json:"age_secs"`
	Status   string     `json:"status"`
	Updated  int64      `json:"updated_on"`
	Error    *taskError `json:"error,omitempty"`
	Problems []string   `json:"problems,omitempty"`
}

func (t *upkeep) item() any {
	t.mu.Lock()
	defer t.mu.Unlock()
	item := upkeepItem{
		Number: t.entry.number, Type: t.kind, Database: t.name, User: t.entry.owner, Age: secondsSince(t.entry.began),
		Status: "Busy", Updated: t.entry.began.Unix(), Problems: t.problems,
	}
	if !t.ended.IsZero() {
		item.Status, item.Updated = "Done", t.ended.Unix()
	}
	if t.err != nil {
		item.Status, item.Error = "Failed", errorOfTask(t.err)
	}
	return item
}

func (t *upkeep) running() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended.IsZero()
}

func (t *upkeep) close() {
	t.cancel()
	<-t.done
}

func (t *upkeep) end(problems []string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended, t.err, t.problems = time.Now(), err, problems
}

func postCompact(c *call) error {
	return c.beginUpkeep("compact", func(ctx context.Context, db *tandem.Database) ([]string, error) {
		return nil, db.Compact(ctx)
	})
}

// maxProblems bounds the problems that a check lists.
const maxProblems = 100

func postCheck(c *call) error {
	return c.beginUpkeep("check", func(ctx context.Context, db *tandem.Database) (texts []string, err error) {
		problems, err := db.Check(ctx)
		for _, p := range problems[:min(len(problems), maxProblems)] {
			texts = append(texts, p.String())
		}
		return texts, err
	})
}

// beginUpkeep answers 202 with the number of a task that does the work.
func (c *call) beginUpkeep(kind string, work func(ctx context.Context, db *tandem.Database) ([]string, error)) error {
	if err := c.checkJSON(); err != nil {
		return err
	}
	db := c.db.Database
	e, err := c.h.tasks.add(c.who, func(e *entry) task {
		ctx, cancel := context.WithCancel(context.WithoutCancel(c.r.Context()))
		t := &upkeep{entry: e, kind: kind, name: c.db.name, cancel: cancel, done: make(chan struct{})}
		begun := c.h.life.spawn(func(closing context.Context) {
			defer close(t.done)
			defer cancel()
			defer context.AfterFunc(closing, cancel)()
			t.end(work(ctx, db))
		})
		if !begun {
			t.end(nil, errClosing)
			close(t.done)
		}
		return t
	})
	if err != nil {
		return err
	}
	return c.answer(http.StatusAccepted, struct {
		OK     bool `json:"ok"`
		Number int  `json:"task_id"`
	}{true, e.number})
}
