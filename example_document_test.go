package tandem_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"github.com/tandemdb/tandem"
)

// ensure ends an example with an error.
func ensure(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// got returns a value that came without an error.
func got[T any](v T, err error) T {
	ensure(err)
	return v
}

// What a document knows of itself, and ways to change it in memory.
func ExampleDocument_Merge() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	d := tandem.NewDocument("milk")
	ensure(d.SetBody([]byte(`{"title": "Buy milk", "shop": {"name": "Corner"}, "old": 1}`)))
	ensure(d.Merge(map[string]any{"shop": map[string]any{"open": true}}))
	d.Remove("old")
	ensure(tasks.Save(ctx, d))
	fmt.Printf("%s %d members, %s\n", d.ID(), len(d.Properties()), d.Body())
	fmt.Println(d.Collection().Name(), d.Sequence(), d.RevisionID() != "", d.RevisionHistory() == "",
		time.Since(d.Timestamp()) < time.Hour, d.Deleted())
	// Output:
	// milk 2 members, {"title":"Buy milk","shop":{"name":"Corner","open":true}}
	// _default 1 true true true false
}

// A deleted document leaves a tombstone, which peers learn of; a purged one leaves nothing.
func ExampleCollection_Delete() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	ensure(tasks.Put(ctx, "milk", task{Title: "Buy milk"}))
	ensure(tasks.Put(ctx, "plants", task{Title: "Water the plants"}))
	ensure(tasks.Delete(ctx, got(tasks.Document(ctx, "milk"))))
	for d, err := range tasks.AllWithDeleted(ctx) {
		ensure(err)
		fmt.Println(d.ID(), d.Deleted())
	}
	ensure(tasks.Purge(ctx, "milk"))
	ensure(tasks.Purge(ctx, "plants"))
	fmt.Println(got(tasks.Count(ctx)))
	// Output:
	// milk true
	// plants false
	// 0
}

// A change that was made meanwhile is not overwritten.
func ExampleCollection_SaveWithConcurrency() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	ensure(tasks.Put(ctx, "milk", task{Title: "Buy milk"}))
	mine := got(tasks.Document(ctx, "milk"))
	ensure(tasks.Put(ctx, "milk", task{Title: "Buy milk", Done: true}))
	fmt.Println(tasks.SaveWithConcurrency(ctx, mine, tandem.FailOnConflict))
	fmt.Println(tasks.DeleteWithConcurrency(ctx, mine, tandem.FailOnConflict) != nil)
	// Output:
	// save document milk: the document has changed meanwhile
	// true
}

// A document may have an end.
func ExampleCollection_SetExpiration() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	ensure(tasks.Put(ctx, "milk", task{Title: "Buy milk"}))
	friday := time.Date(2100, 1, 1, 18, 0, 0, 0, time.UTC)
	ensure(tasks.SetExpiration(ctx, "milk", friday))
	fmt.Println(got(tasks.Expiration(ctx, "milk")).UTC().Format(time.DateOnly))
	// Output: 2100-01-01
}

// Content that is too large for memory is streamed.
func ExampleDatabase_CreateBlob() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx, db := context.Background(), tasks.Database()

	blob := got(db.CreateBlob(ctx, "text/plain", strings.NewReader("Dear Ada")))
	ensure(tasks.Put(ctx, "letter", map[string]any{"text": blob}))
	for _, b := range got(tasks.Document(ctx, "letter")).Blobs() {
		r := got(b.Open())
		content := got(io.ReadAll(r))
		ensure(r.Close())
		fmt.Println(b.ContentType(), b.Length(), string(content))
	}
	r := got(db.OpenBlob(blob.Digest()))
	ensure(r.Close())
	// Output: text/plain 8 Dear Ada
}

// DocumentsWithBlob tells who needs some content.
func ExampleCollection_DocumentsWithBlob() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	photo := tandem.NewBlob("image/jpeg", []byte("a picture of pancakes"))
	ensure(tasks.Put(ctx, "pancakes", map[string]any{"photo": photo}))
	ensure(tasks.Put(ctx, "milk", task{Title: "Buy milk"}))
	for d, err := range tasks.DocumentsWithBlob(ctx, photo.Digest()) {
		ensure(err)
		fmt.Println(d.ID())
	}
	// Output: pancakes
}

// CountChanges tells how much there is to do before it is done.
func ExampleCollection_CountChanges() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	ensure(tasks.Put(ctx, "milk", task{Title: "Buy milk"}))
	ensure(tasks.Put(ctx, "plants", task{Title: "Water the plants"}))
	fmt.Println(got(tasks.CountChanges(ctx, 0)), "changes, the latest:")
	for change, err := range tasks.ChangesSince(ctx, 0, tandem.ChangeOptions{Limit: 1, Descending: true}) {
		ensure(err)
		fmt.Println(change.Sequence, change.ID)
	}
	// Output:
	// 2 changes, the latest:
	// 2 plants
}

// The methods of a batch are those of a collection; calls with the context of the batch join it, too.
func ExampleBatch() {
	tasks, remove := exampleTasks()
	defer remove()

	ensure(tasks.Put(context.Background(), "plants", task{Title: "Water the plants"}))
	ensure(tasks.Database().InBatch(context.Background(), func(b *tandem.Batch) error {
		ensure(b.Put(tasks, "milk", task{Title: "Buy milk"}))
		ensure(b.Merge(tasks, "milk", map[string]any{"litres": 2}))
		ensure(b.Update(tasks, "milk", func(d *tandem.Document) error { return d.SetValue("done", true) }))
		var milk task
		ensure(b.Get(tasks, "milk", &milk))
		plants := got(b.Document(tasks, "plants"))
		ensure(b.SaveWithConcurrency(tasks, plants, tandem.FailOnConflict))
		ensure(b.DeleteWithConcurrency(tasks, plants, tandem.FailOnConflict))
		ensure(b.Purge(tasks, "plants"))
		letter := tandem.NewDocument("letter")
		ensure(letter.SetBlob("text", got(b.CreateBlob("text/plain", strings.NewReader("Dear Ada")))))
		ensure(b.Save(tasks, letter))
		ensure(b.Delete(tasks, letter))
		archive := got(b.CreateCollection("my", "archive"))
		ensure(archive.Put(b.Context(), "milk", milk)) // joins the batch
		return nil
	}))
	fmt.Printf("%s\n", got(tasks.Document(context.Background(), "milk")).Body())
	// Output: {"title":"Buy milk","done":true,"litres":2}
}

// What an export holds can be restored with its revisions; blobs may come later.
func ExampleBatch_Restore() {
	tasks, remove := exampleTasks()
	defer remove()
	copied, removeCopy := exampleTasks()
	defer removeCopy()
	ctx := context.Background()

	ensure(tasks.Put(ctx, "milk", task{Title: "Buy milk"}))
	exported := got(tasks.Document(ctx, "milk"))
	ensure(copied.Database().InBatch(ctx, func(b *tandem.Batch) error {
		_, err := b.Restore(copied, got(tandem.NewDocumentWithBody("milk", exported.Body())), tandem.RestoreOptions{
			RevisionID: exported.RevisionID(), History: exported.RevisionHistory(), Sequence: exported.Sequence(),
		})
		ensure(err)
		photo := `{"photo":{"@type":"blob","digest":"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=","length":0}}`
		return b.Import(copied, got(tandem.NewDocumentWithBody("photo", []byte(photo))))
	}))
	fmt.Println(got(copied.Document(ctx, "milk")).RevisionID() == exported.RevisionID())
	fmt.Println(got(copied.Database().AbsentBlobs(ctx)))
	// Output:
	// true
	// [sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=]
}
