package rest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tandemdb/tandem"
)

func bulkRoutes() []route {
	return []route{
		{method: "POST", pattern: "/{ks}/_bulk_docs", needs: writes, do: postBulk, paced: true},
		{method: "POST", pattern: "/{ks}/_bulk_get", needs: reads, do: postBulkGet, paced: true},
		{method: "POST", pattern: "/{ks}/_purge", needs: admin, do: postPurge},
	}
}

// A group of a bulk request is committed as one.
const (
	groupDocuments = 1000
	groupBytes     = 8 << 20
	usualDocuments = 100 // which PouchDB sends at once
)

// Bulk requests at once, in all and of one user: each holds a group of documents.
const (
	maxBulks     = 32
	maxBulksEach = 8
)

// maxResults bounds the results that wait for the end of the body, in bytes. A client that sends more
// documents gets the results while it sends.
const maxResults = 4 << 20

// bulk is a bulk request under way.
type bulk struct {
	c      *call
	in     *bulkReader
	group  []bulkItem
	size   int // of the group's texts
	inline int // blobs whose content the group has

	links linkRights

	saved   bool // edits, of which the server makes the revisions
	guessed bool // revisions of the client's own were stored before it was known that they are

	results bytes.Buffer
	any     bool    // there were results before
	out     *stream // once results are on their way
}

// bulkItem is a document of a group, and what became of it.
type bulkItem struct {
	edit   edit
	saved  string // the new revision
	pushed bool   // it came with its revision
	err    error
}

// postBulk saves many documents. Each by itself is saved or not.
func postBulk(c *call) error {
	if err := c.checkJSON(); err != nil {
		return err
	}
	who := c.account()
	if !c.h.bulks.take(who) {
		return tooMany("you have too many bulk requests under way, or all have")
	}
	defer c.h.bulks.leave(who)
	limits := c.h.cfg.Limits
	body := c.h.ahead.take(c.body(limits.BulkBytes))
	defer c.h.ahead.leave(body)
	b := &bulk{c: c, links: linkRights{c: c}, in: newBulkReader(body, limits.DocumentBytes)}
	b.results.WriteByte('[')
	for {
		text, err := b.in.next()
		if err != nil {
			return err
		}
		if err := b.checkMode(); err != nil {
			return err
		}
		if text == nil {
			break
		}
		if err := b.add(text); err != nil {
			return err
		}
	}
	if err := b.commit(); err != nil {
		return err
	}
	return b.finish()
}

// add takes a document into the group, and commits the group when it is full. The group is committed only
// when the next document is there, so that a short request with malformed text changes nothing.
func (b *bulk) add(text []byte) error {
	e, err := parseEdit(text, "")
	inline := 0
	if err == nil {
		inline = len(e.links.inline)
	}
	if len(b.group) == groupDocuments || b.size >= groupBytes || b.inline+inline > maxInline {
		if err := b.commit(); err != nil {
			return err
		}
	}
	if b.group == nil {
		b.group = make([]bulkItem, 0, usualDocuments)
	}
	b.group = append(b.group, bulkItem{edit: e, err: err})
	b.size += len(text)
	b.inline += inline
	return nil
}

// commit saves the group. Its own errors are those of the database as a whole.
func (b *bulk) commit() error {
	if len(b.group) == 0 {
		return nil
	}
	ctx := b.c.r.Context()
	if err := b.checkLinks(ctx); err != nil { // which may take long, so not in the batch
		return err
	}
	if err := b.c.stillMay(); err != nil {
		return err
	}
	if b.pushes() {
		return b.push(ctx)
	}
	b.saved = true
	err := b.c.db.InBatch(ctx, func(batch *tandem.Batch) error {
		w := within{batch, b.c.coll}
		for i := range b.group {
			if item := &b.group[i]; item.err == nil {
				item.save(batch.Context(), w)
			}
			if err := b.group[i].err; err != nil && isOfServer(err) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.report()
}

// checkLinks checks the blobs of the group.
func (b *bulk) checkLinks(ctx context.Context) error {
	for i := range b.group {
		item := &b.group[i]
		if item.err != nil {
			continue
		}
		if b.pushes() {
			item.err = b.links.checkPushed(ctx, item.edit)
		} else if item.err = item.edit.own(); item.err == nil {
			item.err = b.links.check(ctx, item.edit)
		}
		if item.err != nil && isOfServer(item.err) {
			return item.err
		}
	}
	return nil
}

// isOfServer reports whether an error concerns more than one document.
func isOfServer(err error) bool { return refusalOf(err).status >= http.StatusInternalServerError }

func (item *bulkItem) save(ctx context.Context, w within) {
	d, err := item.edit.apply(ctx, w)
	if item.err = err; err == nil {
		item.saved = d.RevisionID()
	}
	item.edit.forget()
}

// report appends the results of the group, in order.
func (b *bulk) report() error {
	for _, item := range b.group {
		if item.pushed && item.err == nil {
			b.c.audit(item.edit.event(), "document", item.edit.id, "rev", item.saved)
			continue // only failures are told
		}
		if b.any {
			b.results.WriteByte(',')
		}
		b.any = true
		item.append(&b.results)
		if item.err == nil {
			b.c.audit(item.edit.event(), "document", item.edit.id, "rev", item.saved)
		}
	}
	b.group, b.size, b.inline = b.group[:0], 0, 0
	if b.results.Len() < maxResults {
		return nil
	}
	return b.send()
}

// send sends the results so far, while the body still comes.
func (b *bulk) send() error {
	if b.out == nil {
		_ = b.c.w.control.EnableFullDuplex() // HTTP/2 always has it
		b.out = b.c.stream(http.StatusCreated, jsonType, false)
	}
	_, err := b.results.WriteTo(b.out)
	return err
}

func (b *bulk) finish() error {
	b.results.WriteString("]\n")
	if b.out == nil {
		return b.c.send(http.StatusCreated, b.results.Bytes())
	}
	if err := b.send(); err != nil {
		return err
	}
	return b.out.Close()
}

// append appends the result of one document.
func (item *bulkItem) append(to *bytes.Buffer) {
	if item.err == nil {
		text := appendString(append(to.AvailableBuffer(), `{"id":`...), item.edit.id)
		text = appendString(append(text, `,"rev":`...), item.saved)
		to.Write(append(text, '}'))
		return
	}
	no := refusalOf(item.err)
	name := ""
	if item.pushed {
		no, name = denied(no), "forbidden"
	}
	text, err := marshal(struct {
		ID     string `json:"id,omitempty"`
		Error  string `json:"error"`
		Name   string `json:"name,omitempty"`
		Reason string `json:"reason"`
		Hint   string `json:"hint,omitempty"`
		Status int    `json:"status"`
	}{item.edit.id, nameOf(no.status), name, no.reason, no.hint, no.status})
	if err == nil { // strings and numbers always have a form
		to.Write(bytes.TrimSpace(text))
	}
}

// within writes edits in a batch.
type within struct {
	batch *tandem.Batch
	coll  *tandem.Collection
}

func (w within) newest(ctx context.Context, id string) (*tandem.Document, error) {
	return newest(ctx, w.coll, id)
}

func (w within) save(_ context.Context, d *tandem.Document) error {
	return w.batch.SaveWithConcurrency(w.coll, d, tandem.FailOnConflict)
}

func (w within) remove(_ context.Context, d *tandem.Document) error {
	return w.batch.DeleteWithConcurrency(w.coll, d, tandem.FailOnConflict)
}

func (w within) expire(ctx context.Context, id string, at time.Time) error {
	return w.coll.SetExpiration(ctx, id, at)
}

// postPurge removes documents without a trace.
func postPurge(c *call) error {
	if !c.db.options.ClientWrites {
		return errReadOnly
	}
	var given map[string][]string
	if err := c.decode(&given); err != nil {
		return err
	}
	for id, revs := range given {
		if len(revs) != 1 || revs[0] != "*" {
			return refuse(http.StatusBadRequest, `the revisions of %.250s are not ["*"]: a document is purged as a whole`, id)
		}
	}
	purged := map[string][]string{}
	err := c.db.InBatch(c.r.Context(), func(b *tandem.Batch) error {
		for id := range given {
			switch err := b.Purge(c.coll, id); {
			case err == nil:
				purged[id] = []string{"*"}
			case !errors.Is(err, tandem.ErrNotFound):
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.audit(auditAdmin, "purged", len(purged))
	return c.answer(http.StatusOK, struct {
		Purged map[string][]string `json:"purged"`
	}{purged})
}
