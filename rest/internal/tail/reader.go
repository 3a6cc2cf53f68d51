package tail

import (
	"context"

	"github.com/tandemdb/tandem"
)

// Reader reads the changes of one source. It is for one goroutine at a time.
type Reader struct {
	pool  *Pool
	entry *entry
	wake  chan<- struct{}

	since  uint64
	events []*Event // given by the last Next
	page   int      // how many changes to read next from the source; 0 at first
}

// Bounds of what Next gives at once.
const (
	fromRing  = 256
	maxPage   = 200
	firstPage = 16        // with documents, of whose size nothing is known
	pageBytes = 256 << 10 // about; more only in one change, or if sizes have risen suddenly
)

// Seek sets the sequence after which the reader goes on.
func (r *Reader) Seek(since uint64) { r.since, r.page = since, 0 }

// At returns the sequence of the last change that was given, or that of Seek.
func (r *Reader) At() uint64 { return r.since }

// Close ends the reading.
func (r *Reader) Close() {
	r.entry.leave(r)
	r.pool.exit(r.entry)
}

// Next returns the next changes without waiting for new ones; there is none after the last. The slice is
// valid until the next call. The error is that of the source, [context.Canceled] after the end of the
// pool, or ctx's.
func (r *Reader) Next(ctx context.Context) ([]*Event, error) {
	clear(r.events)
	events, ok, err := r.entry.after(r.events[:0], r.since, fromRing)
	if err == nil && !ok {
		events, err = r.readPage(ctx, r.events[:0])
	}
	r.events = events
	if n := len(events); n > 0 {
		r.since = events[n-1].Sequence
	}
	return events, err
}

// readPage reads changes that the ring does not have any more. It gives none only if the reader
// has been overtaken by purges, and is at the end.
func (r *Reader) readPage(ctx context.Context, dst []*Event) ([]*Event, error) {
	select {
	case r.pool.paging <- struct{}{}:
	case <-ctx.Done():
		return dst, ctx.Err()
	}
	defer func() { <-r.pool.paging }()
	o := tandem.ChangeOptions{Documents: r.entry.documents, Limit: r.pageSize()}
	bytes := 0
	for change, err := range r.entry.source.ChangesSince(ctx, r.since, o) {
		if err != nil {
			return dst, err
		}
		e := Encode(change, r.pool.document)
		dst = append(dst, e)
		if bytes += len(e.text); bytes >= pageBytes {
			break
		}
	}
	r.page = max(1, min(maxPage, 4*len(dst), pageBytes*len(dst)/max(1, bytes)))
	return dst, nil
}

func (r *Reader) pageSize() int {
	switch {
	case !r.entry.documents:
		return maxPage
	case r.page == 0:
		return firstPage
	}
	return r.page
}
