package store

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store/row"
)

// seen is what a group of transactions has read of the engine. A commit that has lost the lock meanwhile looks whether
// all of it is still so.
type seen struct {
	heads  map[docKey]headSeen
	kept   map[docKey][]keptSeen
	values map[valueKey][]byte
	lists  map[int64]bool // collections whose documents were listed or counted
	wide   bool           // values or conflicts were listed

	given map[*Document]int64 // documents that have got a sequence, and the numbers of their collections
}

// headSeen is what a head was; the zero value stands for none.
type headSeen struct {
	sequence, flags, expiry int64
	rev, known              string
}

type keptSeen struct {
	key   row.KeptKey
	flags int64
	base  string
}

func newSeen() seen {
	return seen{
		heads: make(map[docKey]headSeen), kept: make(map[docKey][]keptSeen), values: make(map[valueKey][]byte),
		lists: make(map[int64]bool), given: make(map[*Document]int64),
	}
}

func headOf(d *row.Doc) headSeen {
	return headSeen{sequence: d.Sequence, flags: d.Flags, expiry: d.Expiry, rev: d.Rev, known: d.Known}
}

// noteHeads notes what was found of ids. What was seen first counts.
func (s *seen) noteHeads(collection int64, ids []string, found []row.Doc) {
	fresh := make(map[string]bool, len(ids))
	for _, id := range ids {
		key := docKey{collection, id}
		if _, ok := s.heads[key]; !ok {
			s.heads[key] = headSeen{}
			fresh[id] = true
		}
	}
	for i := range found {
		if fresh[found[i].ID] {
			s.heads[docKey{collection, found[i].ID}] = headOf(&found[i])
		}
	}
}

func (s *seen) noteKept(collection int64, ids []string, found []row.Kept) {
	for _, id := range ids {
		s.kept[docKey{collection, id}] = nil
	}
	for _, k := range found {
		key := docKey{collection, k.ID}
		s.kept[key] = append(s.kept[key], keptSeen{key: k.KeptKey, flags: k.Flags, base: k.Base})
	}
}

// checkedAtOnce is how many documents one query looks at again.
const checkedAtOnce = 5000

// check fails unless what was read at one state of the database is the same at a later one.
func (s *seen) check(w row.Writer, was, is row.State, blobs map[blobKey]bool) error {
	for key, has := range blobs {
		if !has {
			continue
		}
		if there, err := w.HasBlob(document.Digest(key)); err != nil || !there {
			return changedMeanwhile(err, "blob", document.Digest(key))
		}
	}
	if was.Source != is.Source || was.Versioning != is.Versioning || !maps.Equal(was.Settings, is.Settings) {
		return changedMeanwhile(nil, "settings", "")
	}
	if was.Commits == is.Commits {
		return nil
	}
	if s.wide {
		return changedMeanwhile(nil, "database", "")
	}
	for collection := range s.lists {
		if of(was, collection) != of(is, collection) {
			return changedMeanwhile(nil, "collection", of(was, collection).Name)
		}
	}
	for key, value := range s.values {
		if now, err := w.Value(key.space, key.key); err != nil || !bytes.Equal(now, value) {
			return changedMeanwhile(err, "value", key.key)
		}
	}
	if err := s.checkHeads(w); err != nil {
		return err
	}
	return s.checkKept(w)
}

// of returns a collection of a state, the zero value if it was deleted.
func of(s row.State, collection int64) row.Collection {
	for _, c := range s.Collections {
		if c.Number == collection {
			return c
		}
	}
	return row.Collection{}
}

// errChanged says that the commit cannot be tried again without the functions.
var errChanged = errors.New("what was read has changed")

func changedMeanwhile(err error, what, name string) error {
	if err != nil {
		return err
	}
	return fault.Busy.In("write to database", name).Says("another node has changed the %s while the transaction ran without the lock", what).
		Because(errChanged).Try("do it again: nothing was stored; batches of less than a second keep the lock")
}

func (s *seen) checkHeads(w row.Writer) error {
	for collection, ids := range byCollection(maps.Keys(s.heads)) {
		for part := range slices.Chunk(ids, checkedAtOnce) {
			docs, err := w.Docs(collection, part, false)
			if err != nil {
				return err
			}
			now := make(map[string]headSeen, len(docs))
			for i := range docs {
				now[docs[i].ID] = headOf(&docs[i])
			}
			for _, id := range part {
				if s.heads[docKey{collection, id}] != now[id] {
					return changedMeanwhile(nil, "document", id)
				}
			}
		}
	}
	return nil
}

func (s *seen) checkKept(w row.Writer) error {
	for collection, ids := range byCollection(maps.Keys(s.kept)) {
		for part := range slices.Chunk(ids, checkedAtOnce) {
			all, err := w.Kept(collection, part)
			if err != nil {
				return err
			}
			now := newSeen()
			now.noteKept(collection, part, all)
			for _, id := range part {
				key := docKey{collection, id}
				if !slices.Equal(s.kept[key], now.kept[key]) {
					return changedMeanwhile(nil, "document", id)
				}
			}
		}
	}
	return nil
}

func byCollection(keys func(yield func(docKey) bool)) map[int64][]string {
	all := make(map[int64][]string)
	for key := range keys {
		all[key.collection] = append(all[key.collection], key.id)
	}
	return all
}
