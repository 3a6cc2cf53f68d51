package postgres

import (
	"slices"

	"github.com/tandemdb/tandem/internal/store/row"
)

// queue adds the statements that write b. Each takes all rows of its kind.
func (w *writer) queue(to *queue, b *row.Batch) error {
	queueDropKept(to, b)
	for _, base := range b.Bases {
		table, err := w.table(base.Collection)
		if err != nil {
			return err
		}
		to.add(`INSERT INTO @kept SELECT $1, id, 0, rev, history, flags & 12, $2, body FROM `+table+` WHERE seq = $3
			ON CONFLICT DO NOTHING`, base.Collection, base.Replaced, base.Sequence)
	}
	queueAddKept(to, b)
	if err := w.queueDocs(to, b); err != nil {
		return err
	}
	queueValues(to, b.Values)
	for _, c := range b.Conflicts {
		local, remote := &c.Sides[0], &c.Sides[1]
		to.add(`INSERT INTO @conflict (time, collection, id, remote, winner, why, local_rev, local_deleted, local_body,
			remote_rev, remote_deleted, remote_body, result_rev) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
			c.Time, c.Collection, c.ID, c.Remote, c.Winner, c.Why, local.Rev, local.Deleted, string(local.Body),
			remote.Rev, remote.Deleted, string(remote.Body), c.Result)
	}
	for _, c := range b.Counters {
		to.add(`UPDATE @collection SET last = $2, live = $3 WHERE number = $1`, c.Number, c.Last, c.Live)
	}
	for key, value := range b.Settings {
		to.add(`INSERT INTO @setting VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
	}
	if b.Version != "" {
		to.add(`UPDATE @hub SET versioning = $1`, b.Version)
	}
	return nil
}

func queueDropKept(to *queue, b *row.Batch) {
	for _, k := range b.DropKept {
		to.add(`DELETE FROM @kept WHERE collection = $1 AND id = $2 AND remote = $3 AND rev = $4`, k.Collection, k.ID, k.Remote, k.Rev)
	}
}

func queueAddKept(to *queue, b *row.Batch) {
	for _, k := range b.AddKept {
		to.add(`INSERT INTO @kept VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			k.Collection, k.ID, k.Remote, k.Rev, k.History, k.Flags, k.Base, string(k.Body))
	}
}

func (w *writer) queueDocs(to *queue, b *row.Batch) error {
	for _, d := range b.Delete {
		table, err := w.table(d.Collection)
		if err != nil {
			return err
		}
		to.add(`DELETE FROM `+table+` WHERE id = $1`, d.ID)
	}
	for collection, docs := range b.Put {
		table, err := w.table(collection)
		if err != nil {
			return err
		}
		p := columnsOf(docs)
		to.add(`INSERT INTO `+table+` (id, seq, flags, rev, history, known, expiry, body, unfit)
			SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[])
			ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, flags = excluded.flags, rev = excluded.rev, history = excluded.history,
				known = excluded.known, expiry = excluded.expiry, body = excluded.body, unfit = excluded.unfit`,
			p.ids, p.seqs, p.flags, p.revs, p.histories, p.known, p.expiries, p.bodies, p.unfit)
	}
	return nil
}

// docColumns are documents by column.
type docColumns struct {
	ids, revs, histories, known, bodies []string
	seqs, flags                         []int64
	expiries                            []*int64
	unfit                               []*string
}

func columnsOf(docs []row.Doc) *docColumns {
	n := len(docs)
	p := &docColumns{
		ids: make([]string, n), revs: make([]string, n), histories: make([]string, n), known: make([]string, n),
		bodies: make([]string, n), seqs: make([]int64, n), flags: make([]int64, n), expiries: make([]*int64, n), unfit: make([]*string, n),
	}
	for i := range docs {
		d := &docs[i]
		p.ids[i], p.seqs[i], p.flags[i], p.revs[i], p.histories[i] = d.ID, d.Sequence, d.Flags, d.Rev, d.History
		p.known[i], p.bodies[i] = d.Known, string(d.Body)
		if d.Expiry != 0 {
			p.expiries[i] = &d.Expiry
		}
		if why := unfit(d.Body); why != "" {
			p.unfit[i] = &why
		}
	}
	return p
}

func queueValues(to *queue, values []row.Value) {
	for _, v := range values {
		if v.Value == nil {
			to.add(`DELETE FROM @value WHERE space = $1 AND key = $2`, v.Space, v.Key)
			continue
		}
		to.add(`INSERT INTO @value VALUES ($1, $2, $3) ON CONFLICT (space, key) DO UPDATE SET value = excluded.value`,
			v.Space, v.Key, v.Value)
	}
}

// MarkRun is one statement for a run of documents.
func (w *writer) MarkRun(collection int64, known string, from, to int64) (int64, error) {
	table, err := w.table(collection)
	if err != nil {
		return 0, err
	}
	ctx, cancel := bounded()
	defer cancel()
	tag, err := w.conn.Exec(ctx, w.db.in(`UPDATE `+table+` SET known = $1 WHERE seq BETWEEN $2 AND $3 AND known = '' AND flags & 18 = 0`),
		known, from, to)
	return tag.RowsAffected(), w.note(err)
}

// AddCollection makes a collection with its table and view.
func (w *writer) AddCollection(scope, name string) (row.Collection, error) {
	ctx, cancel := bounded()
	defer cancel()
	c, err := w.db.addCollection(ctx, w.conn, scope, name)
	if err == nil {
		w.state.Collections = append(w.state.Collections, c)
	}
	return c, w.note(err)
}

// DropCollection removes a collection. Its table goes after the commit: whoever reads it would make all writers wait.
func (w *writer) DropCollection(number int64) error {
	w.dropped = append(w.dropped, number)
	err := w.exec(`INSERT INTO @dropped SELECT number, scope, name, tab FROM @collection WHERE number = $1`, number)
	if err != nil {
		return err
	}
	w.state.Collections = slices.DeleteFunc(w.state.Collections, func(c row.Collection) bool { return c.Number == number })
	return w.exec(`DELETE FROM @collection WHERE number = $1`, number)
}

// DropValuesUpTo removes the values of a space that are not greater than value.
func (w *writer) DropValuesUpTo(space string, value []byte) error {
	return w.exec(`DELETE FROM @value WHERE space = $1 AND value <= $2`, space, value)
}

// PruneConflicts shortens the log to its latest entries, and to so many bytes of bodies.
func (w *writer) PruneConflicts(entries, bytes int64) error {
	if err := w.exec(`DELETE FROM @conflict WHERE number <= (SELECT max(number) FROM @conflict) - $1`, entries); err != nil {
		return err
	}
	return w.exec(`DELETE FROM @conflict WHERE number <= (SELECT number FROM (
		SELECT number, sum(octet_length(local_body) + octet_length(remote_body)) OVER (ORDER BY number DESC) AS bytes FROM @conflict) AS sums
		WHERE bytes > $1 ORDER BY number DESC LIMIT 1)`, bytes)
}
