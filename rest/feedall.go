package rest

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest/internal/tail"
)

// getAllChanges sends the changes of all collections that the caller may read as server-sent events.
// Their IDs tell how far each collection has come: "inv.hotel:7,inv.room:12".
func getAllChanges(c *call) error {
	c.has("") // which parses the query
	if feed := c.param("feed"); feed != "" && feed != "sse" && feed != "eventsource" {
		return refuse(http.StatusBadRequest, "the changes of all collections come with feed=sse alone")
	}
	c.query.Set("feed", "sse")
	o, err := c.feedOptions()
	if err != nil {
		return err
	}
	if o.ids != nil || o.limit >= 0 {
		return refuse(http.StatusBadRequest, "the changes of all collections have no limit and no filter")
	}
	f := &databaseFeed{feed: c.newFeed(o), members: map[string]*member{}}
	f.interval = collectionsInterval
	if o.since != "" && o.since != "now" {
		if f.from, err = parsePositions(o.since); err != nil {
			return err
		}
	}
	return c.asFeed(c.db.name, f.serve)
}

// collectionsInterval is how often a feed of all collections looks for new ones.
const collectionsInterval = time.Second

// databaseFeed is a feed of all collections.
type databaseFeed struct {
	feed
	from    map[string]uint64  // where the collections begin; a missing one begins at 0
	members map[string]*member // by full name
	names   []string           // of members, sorted
	text    []byte
}

// member is a collection that a databaseFeed follows.
type member struct {
	coll   *tandem.Collection
	ks     string // as in a path, as a JSON string
	reader *tail.Reader
	at     uint64 // the last change that was sent or left out
}

func (f *databaseFeed) serve() error {
	defer func() {
		for _, m := range f.members {
			m.reader.Close()
		}
	}()
	if err := f.enroll(f.o.since == "now"); err != nil {
		return err
	}
	if more, err := f.begin(); err != nil || !more {
		return err
	}
	defer f.stop()
	if err := f.run(); f.failed(err) {
		return err
	}
	return nil
}

func (f *databaseFeed) run() error {
	for {
		looked := f.looked
		goesOn, err := f.tick()
		if err != nil || !goesOn {
			return err
		}
		if f.looked != looked { // new collections may be there, and rights may be gone
			if err := f.enroll(false); err != nil {
				return err
			}
		}
		found, err := f.turn()
		if err != nil {
			return err
		}
		if found {
			continue
		}
		if err := f.wait(); err != nil {
			return err
		}
	}
}

// enroll follows the collections that the caller may read now, and no others. now begins behind the last
// change of each.
func (f *databaseFeed) enroll(now bool) error {
	ctx := f.ctx
	all, err := f.c.db.Collections(ctx)
	if err != nil {
		return err
	}
	left := maps.Clone(f.members)
	for _, found := range all {
		if !f.c.mayRead(f.c.db, found.Scope(), found.Name()) {
			continue
		}
		delete(left, found.FullName())
		if f.members[found.FullName()] != nil {
			continue
		}
		if err := f.add(ctx, found, now); err != nil && !errors.Is(err, tandem.ErrNotFound) {
			return err
		}
	}
	for name, m := range left {
		f.drop(name, m)
	}
	f.names = slices.Sorted(maps.Keys(f.members))
	return nil
}

func (f *databaseFeed) add(ctx context.Context, found *tandem.Collection, now bool) error {
	name := found.FullName()
	coll, err := f.c.db.collection(ctx, found.Scope(), found.Name()) // the one that other feeds follow
	if err != nil {
		return err
	}
	m := &member{coll: coll, ks: string(appendString(nil, keyspace{f.c.db.name, found.Scope(), found.Name()}.escaped()))}
	var last uint64
	m.reader, last, err = f.c.h.tails.Follow(ctx, coll, f.o.documents, f.wake)
	if err != nil {
		f.c.db.forget(coll)
		return err
	}
	if m.at = f.from[name]; now {
		m.at = last
	} else if m.at > last {
		m.at = 0 // of a collection that was made anew
	}
	delete(f.from, name)
	m.reader.Seek(m.at)
	f.members[name] = m
	return nil
}

// drop ends the following of a collection, which may come back as another one.
func (f *databaseFeed) drop(name string, m *member) {
	m.reader.Close()
	delete(f.members, name)
}

// turn sends the next changes of each collection, and reports whether there were any.
func (f *databaseFeed) turn() (found bool, err error) {
	for _, name := range f.names {
		m := f.members[name]
		if m == nil {
			continue
		}
		events, err := m.reader.Next(f.ctx)
		if errors.Is(err, tandem.ErrNotFound) {
			f.c.db.forget(m.coll)
			f.drop(name, m)
			continue
		}
		if err == nil {
			err = f.sendOf(m, events)
		}
		if err != nil {
			return false, err
		}
		found = found || len(events) > 0
	}
	return found, nil
}

func (f *databaseFeed) sendOf(m *member, events []*tail.Event) error {
	f.text = f.text[:0]
	for i, e := range events {
		m.at = e.Sequence
		if f.o.selects(e.ID, e.Deleted) {
			f.text = append(f.appendPositions(append(f.text, "id: "...)), "\nevent: change\ndata: {\"ks\":"...)
			f.text = append(append(append(f.text, m.ks...), ','), e.JSON()[1:]...)
			f.text = append(f.text, "\n\n"...)
		}
		if len(f.text) < pushTogether && i < len(events)-1 || len(f.text) == 0 {
			continue
		}
		if err := f.c.push(f.text); err != nil {
			return err
		}
		f.text = f.text[:0]
		f.wrote = time.Now()
		f.changed = f.wrote
	}
	return nil
}

// appendPositions appends how far each collection has come, without those that have not begun.
func (f *databaseFeed) appendPositions(dst []byte) []byte {
	first := true
	for _, name := range f.names {
		m := f.members[name]
		if m == nil || m.at == 0 {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = strconv.AppendUint(append(append(dst, name...), ':'), m.at, 10)
	}
	return dst
}

// parsePositions reads what appendPositions has written.
func parsePositions(text string) (map[string]uint64, error) {
	at := map[string]uint64{}
	for part := range strings.SplitSeq(text, ",") {
		name, number, _ := strings.Cut(part, ":")
		n, err := strconv.ParseUint(number, 10, 63)
		if err != nil || name == "" {
			return nil, refuse(http.StatusBadRequest, "since is %.80q, want now, or as scope.collection:7,scope.collection:12", text)
		}
		at[name] = n
	}
	return at, nil
}
