package store

import (
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// documents copies the documents of a collection in the order of their sequences, which they keep.
func (k *copier) documents(c *Collection) error {
	given, err := k.snapshot.LastSequence(c)
	if err != nil {
		return err
	}
	for since := Sequence(0); ; {
		heads, err := k.snapshot.list(c, listing{order: bySequence, since: since, limit: copyRows}, Select{})
		if err != nil {
			return err
		}
		if len(heads) == 0 {
			break
		}
		since = heads[len(heads)-1].Sequence
		for len(heads) > 0 {
			n := fitting(heads)
			if err := k.batch(c, heads[:n]); err != nil {
				return err
			}
			heads = heads[n:]
		}
	}
	return k.update(func(tx *Tx) error { // sequences may have been given to documents that were purged
		is, err := tx.counters(k.collections[c.id])
		if err != nil {
			return err
		}
		is.last = max(is.last, int64(given))
		tx.setCounters(is)
		return tx.beginWrite(more)
	})
}

// fitting returns how many documents, at least one, fit into a batch.
func fitting(heads []*Document) (n int) {
	for size := 0; n < len(heads); n++ {
		if size += heads[n].Size; n > 0 && size > copyBytes {
			break
		}
	}
	return n
}

// batch copies documents with their blobs and the revisions kept beside them.
func (k *copier) batch(c *Collection, heads []*Document) error {
	seqs := make([]Sequence, len(heads))
	for i, d := range heads {
		seqs[i] = d.Sequence
	}
	docs, err := k.snapshot.BySequence(c, seqs)
	if err != nil {
		return err
	}
	if slices.Contains(docs, nil) {
		return damaged().In("copy collection", c.FullName())
	}
	var alone, withKept []*Document
	for _, d := range docs {
		k.note(d.Rev)
		if d.flags&(flagKept|flagConflicted) != 0 {
			withKept = append(withKept, d)
		} else {
			alone = append(alone, d)
		}
		if d.refersToBlobs() {
			if err := k.copyBlobs(d.Body); err != nil {
				return err
			}
		}
	}
	if len(alone) > 0 {
		if err := k.update(func(tx *Tx) error { return tx.insertCopies(k.collections[c.id], alone) }); err != nil {
			return err
		}
	}
	if err := k.withKept(c, withKept); err != nil {
		return err
	}
	k.done.add(uint64(len(docs)))
	return nil
}

// note notes the time of a version, unless it lies too far ahead for the clock to follow.
func (k *copier) note(rev revision.Rev) {
	wall := revision.Time(k.to.options.Now().UnixNano())
	if t := revision.Greatest(rev); isAhead(t, wall) == 0 {
		k.latest = max(k.latest, t)
	}
}

// insertCopies inserts documents at their sequences.
func (tx *Tx) insertCopies(c *Collection, docs []*Document) error {
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
	}
	if err := tx.rows.expect(c, ids); err != nil {
		return err
	}
	for _, d := range docs {
		counted, err := tx.counters(c)
		if err != nil {
			return err
		}
		inserted, err := tx.rows.insert(c, d.Sequence, d, more)
		if err != nil {
			return fault.About(err, "copy document", d.ID)
		}
		if !inserted {
			return damaged().In("copy document", d.ID)
		}
		counted.last = max(counted.last, int64(d.Sequence))
		tx.count(counted, nil, d)
		if err := tx.ownBlobs(d); err != nil {
			return err
		}
	}
	return nil
}
