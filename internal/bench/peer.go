package bench

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/store/bare"
)

// quiet keeps a peer's log out of the report: the databases that it opens are copies of one another.
var quiet = slog.New(slog.DiscardHandler)

// loadBatch is the number of documents saved in a transaction.
const loadBatch = 1000

// peer is the process's side of a measurement. Orders come one at a time.
type peer struct {
	db         *tandem.Database
	documents  *tandem.Collection
	listener   *tandem.URLEndpointListener
	replicator *tandem.Replicator // a continuous one
	arrivals   *arrivals
	crowd      []*member
}

// none stands for no arguments, or no result.
type none struct{}

// ServePeer executes orders from the process that runs the measurements, until in ends, and then
// closes everything.
func ServePeer(ctx context.Context, in io.Reader, out io.Writer) error {
	p := &peer{}
	err := serve(ctx, in, out, map[string]handler{
		"open":     handle(p.open),
		"close":    handle(p.close),
		"bare":     handle(p.bare),
		"fill":     handle(p.fill),
		"blob":     handle(p.blob),
		"count":    handle(p.count),
		"listen":   handle(p.listen),
		"sync":     handle(p.sync),
		"follow":   handle(p.follow),
		"note":     handle(p.note),
		"pulse":    handle(p.pulse),
		"arrivals": handle(p.arrived),
		"gather":   handle(p.gather),
		"run":      handle(p.runCrowd),
		"stay":     handle(p.stay),
		"usage":    handle(p.usage),
		"memory":   handle(p.memory),
	})
	_, closeErr := p.close(ctx, none{})
	return errors.Join(err, closeErr)
}

// openArgs name the database to work with.
type openArgs struct {
	Path       string
	Versioning tandem.Versioning
}

func (p *peer) open(ctx context.Context, args openArgs) (_ none, err error) {
	p.db, err = tandem.Open(ctx, args.Path, tandem.Options{Versioning: args.Versioning, Logger: quiet})
	if err == nil {
		p.documents, err = p.db.DefaultCollection(ctx)
	}
	return none{}, err
}

// close stops all running work.
func (p *peer) close(context.Context, none) (none, error) {
	var errs []error
	for _, m := range p.crowd {
		errs = append(errs, m.close())
	}
	if p.db != nil {
		errs = append(errs, p.db.Close())
	}
	*p = peer{}
	return none{}, errors.Join(errs...)
}

// fillArgs tell how many documents to make, and their size in bytes.
type fillArgs struct {
	First, Documents, Size int
	Folder                 string // of bare
}

// took is the duration of an order.
type took struct{ Seconds float64 }

// fill saves documents. The time to generate them does not count.
func (p *peer) fill(ctx context.Context, args fillArgs) (took, error) {
	var sum time.Duration
	end := args.First + args.Documents
	for from := args.First; from < end; from += loadBatch {
		bodies := make([][]byte, min(loadBatch, end-from))
		for i := range bodies {
			bodies[i] = body(from+i, args.Size)
		}
		begin := time.Now()
		if err := p.saveBatch(ctx, from, bodies); err != nil {
			return took{}, err
		}
		sum += time.Since(begin)
	}
	return took{sum.Seconds()}, nil
}

func (p *peer) saveBatch(ctx context.Context, from int, bodies [][]byte) error {
	return p.db.InBatch(ctx, func(b *tandem.Batch) error {
		for i, text := range bodies {
			doc, err := tandem.NewDocumentWithBody(documentID(from+i), text)
			if err == nil {
				err = b.Save(p.documents, doc)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// bare measures the rate at which SQLite alone inserts rows.
func (*peer) bare(ctx context.Context, args fillArgs) (took, error) {
	d, err := bare.Insert(ctx, args.Folder, args.Documents, loadBatch, func(i int) []byte { return body(i, args.Size) })
	return took{d.Seconds()}, err
}

func (p *peer) count(ctx context.Context, _ none) (uint64, error) { return p.documents.Count(ctx) }

// blob saves a document with a blob of so many bytes, which do not compress.
func (p *peer) blob(ctx context.Context, size int64) (none, error) {
	content, err := p.db.CreateBlob(ctx, "application/octet-stream", io.LimitReader(noise(), size))
	if err != nil {
		return none{}, err
	}
	doc := tandem.NewDocument("blob")
	if err := doc.SetBlob("content", content); err != nil {
		return none{}, err
	}
	return none{}, p.documents.Save(ctx, doc)
}
