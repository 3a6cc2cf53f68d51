package rest

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest/internal/tail"
)

func changesRoutes() []route {
	return []route{
		{method: "GET", pattern: "/{ks}/_changes", needs: reads, do: getChanges, lasting: true, paced: true},
		{method: "POST", pattern: "/{ks}/_changes", needs: reads, do: postChanges, lasting: true, paced: true},
		{method: "GET", pattern: "/{db}/_changes_all", needs: readsSome, do: getAllChanges, lasting: true},
	}
}

// postChanges takes the parameters from a body, too. A member of the body goes before one of the query.
func postChanges(c *call) error {
	var body map[string]json.RawMessage
	if err := c.decode(&body); err != nil {
		return err
	}
	c.has("") // which parses the query
	for name, value := range body {
		c.query.Set(name, string(value))
		if string(value) == "null" {
			c.query.Del(name)
		}
	}
	return getChanges(c)
}

func getChanges(c *call) error {
	o, err := c.feedOptions()
	if err != nil {
		return err
	}
	if o.mode == normalFeed {
		return c.listChanges(o)
	}
	return c.asFeed(c.ks.String(), func() error { return c.follow(o) })
}

// listChanges answers the present changes as one JSON object.
func (c *call) listChanges(o feedOptions) error {
	last, err := c.coll.LastSequence(c.r.Context())
	if err != nil {
		return err
	}
	since, err := o.start(last)
	if err != nil {
		return err
	}
	l := &changesList{c: c, o: o, last: last, at: since, out: c.stream(http.StatusOK, jsonType, false)}
	if c.r.Method == http.MethodHead {
		return l.out.Close()
	}
	if err := l.write(since); err != nil {
		return err
	}
	return l.out.Close()
}

// changesList is an answer with the changes up to a sequence: those that come while it is written are for
// the next request.
type changesList struct {
	c     *call
	o     feedOptions
	last  uint64
	at    uint64 // the last that was looked at
	seen  uint64 // how many were looked at
	given int
	out   *stream
}

func (l *changesList) write(since uint64) error {
	_, _ = l.out.Write([]byte(`{"results":[`)) // the error comes again with the next
	full := false
	for change, err := range l.c.coll.ChangesSince(l.c.r.Context(), since, l.o.selection()) {
		if err != nil {
			return err
		}
		if change.Sequence > l.last {
			if l.o.descending {
				continue
			}
			break
		}
		l.seen++
		if err := l.add(change); err != nil {
			return err
		}
		if full = l.given == l.o.limit; full {
			break
		}
	}
	if !full || l.o.descending {
		l.at = l.last
	}
	pending, err := l.pending(since)
	if err != nil {
		return err
	}
	_, err = l.out.Write(appendListEnd(nil, l.at, pending))
	return err
}

func (l *changesList) add(change tandem.Change) error {
	l.at = change.Sequence
	if !l.o.selects(change.ID, change.Deleted) {
		return nil
	}
	if l.given++; l.given > 1 {
		_, _ = l.out.Write([]byte(",\n")) // as above
	}
	_, err := l.out.Write(l.o.form(tail.Encode(change, appendFeedDocument)).JSON())
	return err
}

// pending returns how many changes were left out for the limit.
func (l *changesList) pending(since uint64) (count uint64, err error) {
	if l.at >= l.last {
		return 0, nil
	}
	memory := &l.c.h.pendings
	before, known := memory.find(l.c.coll, since, l.last)
	if known && before >= l.seen && l.o.ids == nil {
		count = before - l.seen
	} else if count, err = l.c.coll.CountChanges(l.c.r.Context(), l.at); err != nil {
		return 0, err
	}
	memory.keep(pendingCount{l.c.coll, l.at, l.last, count})
	return count, nil
}

func appendListEnd(dst []byte, last, pending uint64) []byte {
	dst = strconv.AppendUint(append(dst, `],"last_seq":`...), last, 10)
	dst = strconv.AppendUint(append(dst, `,"pending":`...), pending, 10)
	return append(dst, "}\n"...)
}

func appendFeedDocument(dst []byte, d *tandem.Document) []byte { return appendDocument(dst, d) }
