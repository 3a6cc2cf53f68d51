package store

import (
	"slices"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store/row"
)

// docKey names a document of a group of transactions.
type docKey struct {
	collection int64
	id         string
}

// overlay is what a group of transactions has read and changed. The engine gets the changes in one batch,
// with the commit. Its values are never changed, only replaced, so that undo can put the old ones back.
type overlay struct {
	heads  map[docKey]headEntry
	kept   map[docKey]keptEntry
	values map[valueKey]valueEntry
	blobs  map[blobKey]bool // that HasBlob has answered
	log    []row.Conflict

	settings map[string]int64
	version  string

	nextRow int64 // of kept revisions
	undo    []func()
	flushes int // how often something was written before the commit

	seen seen
}

// headEntry is a head; nil stands for a document that does not exist.
type headEntry struct {
	doc   *Document
	body  bool // doc has its body
	dirty bool
	given bool // the group has given the sequence of doc
}

// keptEntry lists the revisions kept beside a head.
type keptEntry struct {
	rows   []keptItem
	stored map[int64]row.KeptKey // what the engine has, by the number of the row here
	dirty  bool
}

// keptItem is a kept revision. Its body is in the engine, here, or that of the head with the sequence.
type keptItem struct {
	keptRow
	body   []byte
	ofHead Sequence
}

type valueKey struct{ space, key string }

type valueEntry struct {
	value []byte
	dirty bool
}

func newOverlay() *overlay {
	return &overlay{
		heads: make(map[docKey]headEntry), kept: make(map[docKey]keptEntry), values: make(map[valueKey]valueEntry),
		blobs: make(map[blobKey]bool), settings: make(map[string]int64), seen: newSeen(),
	}
}

// put replaces the value of a key, and notes how to undo that.
func put[K comparable, V any](o *overlay, m map[K]V, key K, value V) {
	was, had := m[key]
	o.undo = append(o.undo, func() {
		if had {
			m[key] = was
		} else {
			delete(m, key)
		}
	})
	m[key] = value
}

// back undoes all changes since the undo log had so many entries.
func (o *overlay) back(to int) {
	for _, undo := range slices.Backward(o.undo[to:]) {
		undo()
	}
	o.undo = o.undo[:to]
}

// shift moves the sequences that were given in the group, after others have given some meanwhile. Nothing can be
// undone afterwards.
func (o *overlay) shift(was, is row.State) {
	moved := func(collection int64, d *Document) {
		d.Sequence += Sequence(of(is, collection).Last - of(was, collection).Last)
	}
	for key, h := range o.heads {
		if h.given {
			moved(key.collection, h.doc)
		}
	}
	for d, collection := range o.seen.given {
		moved(collection, d)
	}
}

// isDirty reports whether the engine lacks changes that its reads must show.
func (o *overlay) isDirty() bool {
	for _, h := range o.heads {
		if h.dirty {
			return true
		}
	}
	for _, k := range o.kept {
		if k.dirty {
			return true
		}
	}
	for _, v := range o.values {
		if v.dirty {
			return true
		}
	}
	return len(o.log) > 0
}

// drain returns all changes, which count as written then.
func (o *overlay) drain() *row.Batch {
	b := &row.Batch{Put: make(map[int64][]row.Doc)}
	for key, k := range o.kept {
		if k.dirty {
			k.drain(key, b)
			put(o, o.kept, key, k.clean(key))
		}
	}
	for key, h := range o.heads {
		if !h.dirty {
			continue
		}
		if h.doc == nil {
			b.Delete = append(b.Delete, row.DocKey{Collection: key.collection, ID: key.id})
		} else {
			b.Put[key.collection] = append(b.Put[key.collection], rowOf(h.doc))
		}
		h.dirty = false
		put(o, o.heads, key, h)
	}
	for key, v := range o.values {
		if v.dirty {
			b.Values = append(b.Values, row.Value{Space: key.space, Key: key.key, Value: v.value})
			v.dirty = false
			put(o, o.values, key, v)
		}
	}
	log := o.log
	b.Conflicts, o.log = log, nil
	o.undo = append(o.undo, func() { o.log = log })
	b.Settings, b.Version = o.settings, o.version
	return b
}

// drain adds what makes the engine's rows these. A revision that was dropped and kept again has a new number: what is
// kept with it may have changed.
func (k keptEntry) drain(key docKey, b *row.Batch) {
	for number, was := range k.stored {
		if !slices.ContainsFunc(k.rows, func(i keptItem) bool { return i.row == number }) {
			b.DropKept = append(b.DropKept, was)
		}
	}
	for _, i := range k.rows {
		_, stored := k.stored[i.row]
		switch {
		case stored:
		case i.ofHead != 0:
			b.Bases = append(b.Bases, row.Base{Collection: key.collection, Sequence: int64(i.ofHead), Replaced: string(i.base)})
		default:
			b.AddKept = append(b.AddKept, row.Kept{
				KeptKey: i.key(key), History: i.rev.History.String(), Flags: i.flags, Base: string(i.base), Body: i.body,
			})
		}
	}
}

// clean returns the entry as it is once the engine has it.
func (k keptEntry) clean(key docKey) keptEntry {
	next := keptEntry{rows: slices.Clone(k.rows), stored: make(map[int64]row.KeptKey, len(k.rows))}
	for n := range next.rows {
		next.rows[n].ofHead = 0
		next.stored[next.rows[n].row] = next.rows[n].key(key)
	}
	return next
}

func (i keptItem) key(of docKey) row.KeptKey {
	return row.KeptKey{Collection: of.collection, ID: of.id, Remote: int64(i.remote), Rev: string(i.rev.ID)}
}

func rowOf(d *Document) row.Doc {
	r := row.Doc{
		ID: d.ID, Sequence: int64(d.Sequence), Flags: d.flags, Rev: string(d.Rev.ID), History: d.Rev.History.String(),
		Known: string(d.remote), Body: d.Body,
	}
	if !d.Expiry.IsZero() {
		r.Expiry = d.Expiry.UnixMilli()
	}
	return r
}

// revOf returns a revision as rows have it.
func revOf(id, history string) (revision.Rev, error) {
	rev := revision.Rev{ID: revision.ID(id)}
	if history == "" {
		return rev, nil
	}
	var err error
	rev.History, err = revision.ParseHistory(history)
	return rev, err
}
