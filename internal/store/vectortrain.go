package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/vector"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// trainingRounds is how often the centroids move to the middle of their vectors.
const trainingRounds = 5

// trainIndex finds the centroids of an approximate index, and puts all vectors into lists, if that is due. So many goroutines work
// on it. Both are worked out beside other transactions; the lists are written in steps. Until the last one, searches go on with the
// lists that there were.
func (db *DB) trainIndex(ctx context.Context, c *Collection, i Index, workers int) error {
	if i.Vector == nil || i.Vector.Centroids == 0 {
		return nil
	}
	x, err := i.vectors(c)
	if err != nil {
		return err
	}
	t := &training{db: db, collection: c, index: i, x: x, batch: indexStep, workers: workers}
	if err := db.View(ctx, t.look); err != nil || t.done {
		return err
	}
	if t.lists == nil {
		if err := t.begin(ctx); err != nil || t.lists == nil {
			return err
		}
	}
	for !t.done {
		if err := t.step(ctx); err != nil {
			return err
		}
	}
	db.vectors.forgetOthers(t.of, t.token)
	return nil
}

// training is the training of one index.
type training struct {
	db         *DB
	collection *Collection
	index      Index
	x          sql.VectorIndex
	batch      int
	workers    int

	of       string // the token of the index
	token    string // of the centroids
	slot     int
	lists    *vector.Lists // nil if the centroids are to be found
	size     int64         // vectors that there are when they are found
	position int64         // up to which vectors have lists
	done     bool          // or there is nothing to do

	numbers []int64 // of a step
	vectors [][]float32
}

// there reports whether the index is still the one to be trained.
func (t *training) there(tx *Tx) (bool, error) {
	r, err := tx.indexRecord(t.collection, t.index.Name)
	return err == nil && r != nil && r.equal(t.index) && r.usable(), err
}

// look reads what there is of the lists, or a sample of the vectors.
func (t *training) look(tx *Tx) error {
	there, err := t.there(tx)
	if t.done = !there; err != nil || t.done {
		return err
	}
	state, err := tx.vectorState(t.x)
	if err != nil {
		return err
	}
	now, err := tx.trained(t.x)
	if err != nil {
		return err
	}
	t.of = state.token
	if t.done = !t.index.Vector.isDue(state, now); t.done {
		return nil
	}
	if now.next != "" {
		return t.resume(tx, now.next)
	}
	if now.token != "" {
		t.slot = (now.slot + 1) % sql.Slots
	}
	return t.sample(tx, state.live)
}

// resume goes on with centroids that were found before.
func (t *training) resume(tx *Tx, token string) error {
	err := tx.once(`SELECT centroids, position, slot FROM `+sqlite3.QuoteIdentifier(t.x.Trained())+` WHERE token = ?`, func(s *sqlite3.Stmt) error {
		t.token, t.lists, t.position, t.slot = token, queries.ParseLists(s.ColumnRawBlob(0)), s.ColumnInt64(1), s.ColumnInt(2)
		return nil
	}, token)
	t.done = t.lists == nil // they are damaged, which a check finds
	return err
}

// leastSample is how many bytes the vectors to train with may take, however few [Options].VectorCache allows.
const leastSample = 64 << 20

// sample reads vectors from all over the index.
func (t *training) sample(tx *Tx, live int64) error {
	room := max(t.db.vectors.limit, leastSample) / int64(4*t.x.Dimensions)
	wanted := min(live, t.index.Vector.maxTraining(), room)
	t.size = live
	seen, taken := int64(0), int64(0)
	return tx.once(`SELECT vector FROM `+sqlite3.QuoteIdentifier(t.x.Rows())+` WHERE vector IS NOT NULL`, func(s *sqlite3.Stmt) error {
		seen++
		if taken*live < seen*wanted {
			taken++
			t.vectors = append(t.vectors, vector.FromBytes(nil, s.ColumnRawBlob(0)))
		}
		return nil
	})
}

// begin finds the centroids.
func (t *training) begin(ctx context.Context) error {
	o := t.index.Vector
	lists, err := vector.Train(o.metric(), t.vectors, o.Centroids, trainingRounds, t.workers, ctx.Err)
	t.vectors = nil
	if err != nil || lists == nil {
		return err
	}
	token := rand.Text()
	blob := queries.AppendLists(nil, o.metric(), o.Dimensions, lists)
	return t.db.Update(ctx, func(tx *Tx) error {
		return tx.atomic(func() error {
			there, err := t.there(tx)
			if err != nil || !there {
				return err
			}
			if err := tx.beginWrite(more); err != nil {
				return err
			}
			now, err := tx.trained(t.x)
			if err != nil || now.next != "" || now.token != "" && now.slot == t.slot { // somebody else has trained it meanwhile
				return err
			}
			t.token, t.lists = token, lists
			return errors.Join(
				tx.once(`DELETE FROM `+sqlite3.QuoteIdentifier(t.x.Members(t.slot)), nil),
				tx.once(`INSERT INTO `+sqlite3.QuoteIdentifier(t.x.Trained())+` VALUES (?, ?, ?, 0, ?)`, nil, int64(t.slot), token, blob, t.size),
			)
		})
	})
}

// step puts the next vectors into lists.
func (t *training) step(ctx context.Context) error {
	t.numbers, t.vectors = t.numbers[:0], t.vectors[:0]
	err := t.db.View(ctx, func(tx *Tx) error {
		return tx.once(`SELECT n, vector FROM `+sqlite3.QuoteIdentifier(t.x.Rows())+` WHERE n > ? ORDER BY n LIMIT ?`, func(s *sqlite3.Stmt) error {
			t.numbers = append(t.numbers, s.ColumnInt64(0))
			t.vectors = append(t.vectors, vector.FromBytes(nil, s.ColumnRawBlob(1)))
			return nil
		}, t.position, int64(t.batch))
	})
	if err != nil {
		return err
	}
	lists, err := t.lists.NearestAll(t.vectors, t.workers, ctx.Err)
	if err != nil {
		return err
	}
	return t.db.Update(ctx, func(tx *Tx) error {
		return tx.atomic(func() error { return t.enlist(tx, lists) })
	})
}

// enlist writes the lists of a step, unless somebody has changed the index.
func (t *training) enlist(tx *Tx, lists []int) error {
	same, err := t.there(tx)
	if err != nil {
		return err
	}
	if same {
		same = false
		err = tx.once(`SELECT 1 FROM `+sqlite3.QuoteIdentifier(t.x.Trained())+` WHERE token = ? AND position = ?`,
			func(*sqlite3.Stmt) error { same = true; return nil }, t.token, t.position)
	}
	if t.done = !same; err != nil || t.done {
		return err
	}
	if err := tx.beginWrite(more); err != nil {
		return err
	}
	insert := `INSERT INTO ` + sqlite3.QuoteIdentifier(t.x.Members(t.slot)) + ` SELECT n, ?2 FROM ` + sqlite3.QuoteIdentifier(t.x.Rows()) +
		` WHERE n = ?1 AND vector IS NOT NULL ON CONFLICT DO NOTHING`
	s, _, err := tx.c.Prepare(insert)
	if err != nil {
		return sqlFault(err, "train index", t.index.Name)
	}
	defer s.Close()
	for at, n := range t.numbers {
		if err := query(s, nil, n, int64(lists[at])); err != nil {
			return sqlFault(err, "train index", t.index.Name)
		}
		t.position = n
	}
	if t.done = len(t.numbers) < t.batch; t.done {
		return t.finish(tx)
	}
	return tx.once(`UPDATE `+sqlite3.QuoteIdentifier(t.x.Trained())+` SET position = ? WHERE slot = ?`, nil, t.position, int64(t.slot))
}

// finish has searches use the new lists, and removes those before.
func (t *training) finish(tx *Tx) error {
	trained := sqlite3.QuoteIdentifier(t.x.Trained())
	return errors.Join(
		tx.once(`DELETE FROM `+trained+` WHERE slot <> ?`, nil, int64(t.slot)),
		tx.once(`UPDATE `+trained+` SET position = NULL`, nil),
		tx.once(`DELETE FROM `+sqlite3.QuoteIdentifier(t.x.Members((t.slot+1)%sql.Slots)), nil),
	)
}

// trainer trains indexes that searches have found to have enough vectors. Its zero value is ready to use.
type trainer struct {
	work sync.WaitGroup

	mu   sync.Mutex      // guards the following
	busy map[string]bool // indexes, by their tokens
}

// ask has an index trained beside the caller, unless that goes on, or has failed.
func (t *trainer) ask(db *DB, c *Collection, i Index, state vectorState) {
	if db.options.ReadOnly {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy[state.token] || db.enter("train index") != nil {
		return
	}
	if t.busy == nil {
		t.busy = map[string]bool{}
	}
	t.busy[state.token] = true
	t.work.Go(func() { // Close waits for it
		defer db.leave()
		t.train(db, c, i, state.token)
	})
}

func (t *trainer) train(db *DB, c *Collection, i Index, token string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-db.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := db.trainIndex(ctx, c, i, max(1, runtime.GOMAXPROCS(0)/2)) // the program needs the others
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.busy, token)
		return
	}
	if ctx.Err() == nil {
		db.options.Logger.Warn("a vector index could not be trained, and remains exact", slog.String("index", fmt.Sprintf("%s of %s", i.Name, c.FullName())),
			slog.String("error", err.Error()))
	}
}
