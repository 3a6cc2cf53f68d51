package main

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/tandemdb/tandem"
)

// steps stores lines in small batches: all nodes wait while one lasts. After an error some lines are stored. When the import
// is done again, these change nothing.
func (im *importer) steps(ctx context.Context, in io.Reader) error {
	if !im.flags.all {
		if _, err := im.collection(ctx, im.flags.collection.name); err != nil {
			return err
		}
	}
	reader := lineReader{idField: im.flags.idField, all: im.flags.all}
	for lines, err := range ahead(ctx, reader.batches(in)) {
		for part := range slices.Chunk(lines, stepLines) {
			if err == nil {
				err = im.step(ctx, part)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stepLines is how many lines one batch stores in a database that nodes share.
const stepLines = 1000

// stepTries is how often a step is begun, if other nodes change the same documents meanwhile.
const stepTries = 5

func (im *importer) step(ctx context.Context, lines []importLine) error {
	ids := make(map[*tandem.Collection][]string)
	for _, line := range lines {
		coll, err := im.collection(ctx, im.nameOf(line)) // before the batch: a new table is not to wait for it
		if err != nil {
			return lineError{line.number, err}
		}
		ids[coll] = append(ids[coll], line.doc.ID())
	}
	was := *im
	for try := 1; ; try++ {
		err := im.db.InBatch(ctx, func(b *tandem.Batch) error {
			for coll, all := range ids {
				if err := b.Expect(coll, all...); err != nil {
					return err
				}
			}
			return im.storeAll(b.Context(), b, lines)
		})
		if !errors.Is(err, tandem.ErrBusy) || try == stepTries {
			return err
		}
		im.read, im.changed, im.newIDs, im.absent = was.read, was.changed, was.newIDs, was.absent
	}
}
