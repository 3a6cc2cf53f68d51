package store

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// copier writes a snapshot of a database into another, which is empty and which nobody else uses. It reads and writes the
// rows of both, whatever engines have them, in batches.
type copier struct {
	from, to *DB
	ctx      context.Context //nolint:containedctx // a copier is the extent of one call
	snapshot *Tx

	collections map[int64]*Collection // of to, by their numbers in from
	blobs       map[blobKey]bool      // that were copied, or are missing
	missing     []string              // digests of blobs without content
	latest      revision.Time         // of all versions that are not far ahead
	done        *progress
}

// Bounds of a batch, in rows and in bytes of bodies. One row may have more bytes.
const (
	copyRows  = 500
	copyBytes = 4 << 20
)

// beginning is a time at which nothing has expired.
var beginning = time.UnixMilli(math.MinInt64 / 2)

func (k *copier) run(snapshot *Tx) error {
	k.snapshot = snapshot
	snapshot.now = beginning
	all, err := snapshot.Collections()
	if err != nil {
		return err
	}
	var total uint64
	for _, c := range all {
		n, err := snapshot.CountSince(c, 0)
		if err != nil {
			return err
		}
		total += n
	}
	k.done = progressOf(k.ctx, total)
	if err := k.makeCollections(all); err != nil {
		return err
	}
	for _, copyPart := range []func() error{k.settings, k.remotes, k.values, k.checkpoints, k.conflicts} {
		if err := copyPart(); err != nil {
			return err
		}
	}
	for _, c := range all {
		if err := k.documents(c); err != nil {
			return err
		}
	}
	if err := k.finish(); err != nil {
		return err
	}
	k.done.end()
	return nil
}

// update changes the copy in one transaction.
func (k *copier) update(change func(tx *Tx) error) error {
	return k.to.Update(k.ctx, func(tx *Tx) error { return tx.atomic(func() error { return change(tx) }) })
}

func (k *copier) makeCollections(all []*Collection) (err error) {
	for _, c := range all {
		if k.collections[c.id], err = k.to.CreateCollection(k.ctx, c.scope, c.name); err != nil {
			return err
		}
	}
	return nil
}

func (k *copier) settings() error {
	all, err := k.snapshot.rows.settings()
	if err != nil {
		return err
	}
	return k.update(func(tx *Tx) error {
		tx.state.settings = true
		tx.state.latestPurged = revision.Time(all[metaPurged])
		for key, value := range all {
			if key == metaPurged { // the writer stores it with the commit
				continue
			}
			if err := tx.rows.set(key, value, more); err != nil {
				return err
			}
		}
		return tx.beginWrite(more)
	})
}

// remotes gives each remote its number: documents name them so.
func (k *copier) remotes() error {
	numbers, err := k.snapshot.Remotes()
	if err != nil {
		return err
	}
	urls := make([]string, 0, len(numbers))
	for url := range numbers {
		urls = append(urls, url)
	}
	slices.SortFunc(urls, func(a, b string) int { return int(numbers[a] - numbers[b]) })
	return k.update(func(tx *Tx) error {
		for _, url := range urls {
			if got, err := tx.rows.addRemote(url, more); err != nil || got != numbers[url] {
				return errors.Join(err, fault.CorruptData.In("copy database", url).Says("the numbers of peers have gaps"))
			}
		}
		return nil
	})
}

// values copies the small values that belong to the database.
func (k *copier) values() error {
	spaces, err := k.snapshot.rows.spaces()
	if err != nil {
		return err
	}
	for _, space := range spaces {
		indexes, _, _ := strings.Cut(indexSpace, "#")
		if strings.HasPrefix(space, indexes) || slices.ContainsFunc(k.from.options.OwnSpaces, func(own string) bool {
			return strings.HasPrefix(space, own)
		}) {
			continue
		}
		w := k.pending()
		err := k.snapshot.rows.values(space, func(key string, value []byte) {
			if space == localSpace {
				key = k.localKey(key)
			}
			if key != "" {
				w.add(len(value), func(tx *Tx) error { return tx.rows.setValue(space, key, value, more) })
			}
		})
		if err := w.end(err); err != nil {
			return err
		}
	}
	return nil
}

// localKey returns the key of a local document in the copy, "" if its collection is gone.
func (k *copier) localKey(key string) string {
	number, id, _ := strings.Cut(key, "/")
	n, err := strconv.ParseInt(number, 10, 64)
	if c := k.collections[n]; c != nil && err == nil {
		return localKey(c, id)
	}
	return ""
}

func (k *copier) checkpoints() error {
	w := k.pending()
	err := k.snapshot.rows.peerCheckpoints(func(client string, rev int64, body []byte) {
		w.add(len(body), func(tx *Tx) error { return tx.rows.setPeerCheckpoint(client, rev, body, more) })
	})
	if err := w.end(err); err != nil {
		return err
	}
	w = k.pending()
	err = k.snapshot.rows.localCheckpoints(func(id string, body []byte) {
		w.add(len(body), func(tx *Tx) error { return tx.rows.setLocalCheckpoint(id, body, more) })
	})
	return w.end(err)
}

// conflictsAtOnce is how many entries of the log are read at once.
const conflictsAtOnce = 16

// conflicts copies the log. It is read from its end; to write it from its beginning, the places are noted first.
func (k *copier) conflicts() error {
	var places []int64
	for before := int64(0); ; {
		log, err := k.snapshot.ConflictLog(ConflictFilter{Before: before}, conflictsAtOnce)
		if err != nil {
			return err
		}
		if len(log) == 0 {
			break
		}
		places = append(places, before)
		before = log[len(log)-1].Number
	}
	w := k.pending()
	for _, before := range slices.Backward(places) {
		log, err := k.snapshot.ConflictLog(ConflictFilter{Before: before}, conflictsAtOnce)
		if err != nil {
			return err
		}
		for _, e := range slices.Backward(log) {
			w.add(len(e.Local.Body)+len(e.Theirs.Body), func(tx *Tx) error {
				_, err := tx.rows.logConflict(e, more)
				return err
			})
		}
	}
	return w.end(nil)
}

// finish stores what the copy needs as a whole.
func (k *copier) finish() error {
	return k.update(func(tx *Tx) error {
		tx.raiseClock(k.latest)
		if k.to.hub == nil {
			return tx.beginWrite(more)
		}
		return tx.rows.setValue(hubPrevious, hubPrevious, k.from.meta.previousOfCopy(), more)
	})
}
