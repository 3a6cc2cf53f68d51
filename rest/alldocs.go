package rest

import (
	"encoding/json"
	"iter"
	"net/http"
	"strconv"

	"github.com/tandemdb/tandem"
)

func allDocsRoutes() []route {
	return []route{
		{method: "GET", pattern: "/{ks}/_all_docs", needs: reads, do: getAllDocuments},
		{method: "POST", pattern: "/{ks}/_all_docs", needs: reads, do: getAllDocuments},
	}
}

// listing says which documents _all_docs lists.
type listing struct {
	descending, documents, excludeEnd bool
	skip, limit                       uint64 // a limit of 0 is none
	start, end, key                   string
	hasStart, hasEnd, hasKey          bool
	keys                              []string // nil if none are given
}

func getAllDocuments(c *call) error {
	l, err := c.listing()
	if err != nil {
		return err
	}
	state, err := stateOf(c, c.coll)
	if err != nil {
		return err
	}
	rows := l.scan(c)
	switch {
	case l.keys != nil:
		rows = l.named(c, l.keys)
	case l.hasKey:
		rows = l.named(c, []string{l.key})
	}
	return c.writeRows(state, rows)
}

// listing reads the parameters, which may also be members of a body.
func (c *call) listing() (l listing, err error) {
	if err := c.paramsOfBody(); err != nil {
		return l, err
	}
	l.hasStart, l.hasEnd, l.hasKey = c.has("startkey"), c.has("endkey"), c.has("key")
	l.start, l.end, l.key = c.param("startkey"), c.param("endkey"), c.param("key")
	if l.descending, err = c.flag("descending"); err != nil {
		return l, err
	}
	if l.documents, err = c.flag("include_docs"); err != nil {
		return l, err
	}
	if c.has("inclusive_end") {
		inclusive, err := c.flag("inclusive_end")
		if err != nil {
			return l, err
		}
		l.excludeEnd = !inclusive
	}
	if l.skip, err = c.number("skip", 0); err != nil {
		return l, err
	}
	if c.has("limit") {
		l.limit, err = c.number("limit", 0)
		if l.limit = max(l.limit, 1); err != nil {
			return l, err
		}
	}
	l.keys, err = c.keys()
	return l, err
}

// paramsOfBody adds the members of a body to the parameters of the URL, and puts them first.
func (c *call) paramsOfBody() error {
	if c.r.Method != http.MethodPost {
		return nil
	}
	text, err := c.readJSON(c.h.cfg.Limits.DocumentBytes)
	if err != nil || len(text) == 0 {
		return err
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return refuse(http.StatusBadRequest, `the body does not fit: want an object such as {"keys": [ID, …]}`)
	}
	c.has("") // which parses the parameters
	for name, value := range members {
		if string(value) != "null" {
			c.query.Set(name, string(value))
		}
	}
	return nil
}

// keys returns the IDs that the parameter names, nil for none.
func (c *call) keys() (keys []string, err error) {
	if !c.has("keys") {
		return nil, nil
	}
	if json.Unmarshal([]byte(c.param("keys")), &keys) != nil || keys == nil {
		return nil, refuse(http.StatusBadRequest, "keys is no list of strings")
	}
	return keys, nil
}

// options returns the range of a scan.
func (l listing) options() tandem.ScanOptions {
	o := tandem.ScanOptions{Descending: l.descending}
	const next = "\x00" // no ID is between one and it with this byte
	low, high, hasLow, hasHigh := l.start, l.end, l.hasStart, l.hasEnd
	if l.descending {
		low, high, hasLow, hasHigh = high, low, hasHigh, hasLow
	}
	if hasLow {
		o.From = low
		if l.descending && l.excludeEnd {
			o.From += next
		}
	}
	if hasHigh {
		o.Before = high
		if l.descending || !l.excludeEnd {
			o.Before += next
		}
	}
	return o
}

// row is a row of _all_docs.
type row struct {
	key, rev string
	document *tandem.Document // nil unless it is asked for, and there is one
	deleted  bool
	missing  bool
	has      bool // document belongs to the row, even if it is nil
}

// scan lists documents in the order of their IDs.
func (l listing) scan(c *call) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		o := l.options()
		if l.hasStart && l.hasEnd && o.From >= o.Before {
			return
		}
		given := uint64(0)
		for r, err := range l.heads(c, o) {
			if given++; err == nil && given <= l.skip {
				continue
			}
			if !yield(r, err) || err != nil || l.limit > 0 && given-l.skip >= l.limit {
				return
			}
		}
	}
}

func (l listing) heads(c *call, o tandem.ScanOptions) iter.Seq2[row, error] {
	if most := l.limit + l.skip; l.limit > 0 && most < 1<<31 {
		o.Limit = int(most)
	}
	return func(yield func(row, error) bool) {
		if !l.documents {
			for head, err := range c.coll.ScanHeads(c.r.Context(), o) {
				if !yield(row{key: head.ID, rev: head.RevisionID}, err) {
					return
				}
			}
			return
		}
		for d, err := range c.coll.Scan(c.r.Context(), o) {
			r := row{has: true, document: d}
			if err == nil {
				r.key, r.rev = d.ID(), d.RevisionID()
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// named lists the documents of IDs in the order of these.
func (l listing) named(c *call, keys []string) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		for i := range keys {
			id := keys[i]
			if l.descending {
				id = keys[len(keys)-1-i]
			}
			if uint64(i) < l.skip {
				continue
			}
			if l.limit > 0 && uint64(i)-l.skip >= l.limit {
				return
			}
			if !yield(l.one(c, id)) {
				return
			}
		}
	}
}

func (l listing) one(c *call, id string) (r row, err error) {
	r = row{key: id, missing: true}
	if _, err := docID(id); err != nil {
		return r, nil //nolint:nilerr // no document has such an ID
	}
	err = c.admitted(func() error {
		d, err := newest(c.r.Context(), c.coll, id)
		if d == nil || err != nil {
			return err
		}
		r = row{key: id, rev: d.RevisionID(), deleted: d.Deleted(), has: l.documents}
		if l.documents && !r.deleted {
			r.document = d
		}
		return nil
	})
	return r, err
}

// writeRows sends rows as they come.
func (c *call) writeRows(state collectionState, rows iter.Seq2[row, error]) error {
	var out *stream
	text := []byte(`{"total_rows":` + strconv.FormatUint(state.Documents, 10) + `,"update_seq":` +
		strconv.FormatUint(state.Sequence, 10) + `,"rows":[`)
	for r, err := range rows {
		if err != nil {
			return err
		}
		if out == nil {
			out = c.stream(http.StatusOK, jsonType, false)
		} else {
			text = append(text, ',')
		}
		text = r.append(text)
		if _, err := out.Write(text); err != nil {
			return err
		}
		text = text[:0]
	}
	if out == nil {
		return c.send(http.StatusOK, append(text, "]}\n"...))
	}
	if _, err := out.Write([]byte("]}\n")); err != nil {
		return err
	}
	return out.Close()
}

// append appends the JSON of a row.
func (r row) append(dst []byte) []byte {
	dst = appendString(append(dst, `{"key":`...), r.key)
	if r.missing {
		return append(dst, `,"error":"not_found"}`...)
	}
	dst = appendString(append(dst, `,"id":`...), r.key)
	dst = appendString(append(dst, `,"value":{"rev":`...), r.rev)
	if isVersion(r.rev) {
		dst = appendString(append(dst, `,"cv":`...), r.rev)
	}
	if r.deleted {
		dst = append(dst, `,"deleted":true`...)
	}
	dst = append(dst, '}')
	switch {
	case r.document != nil:
		dst = appendDocument(append(dst, `,"doc":`...), r.document)
	case r.has:
		dst = append(dst, `,"doc":null`...)
	}
	return append(dst, '}')
}
