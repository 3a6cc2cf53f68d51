package tandem_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tandemdb/tandem"
)

type task struct {
	Title string `json:"title"`
	Done  bool   `json:"done"`
}

// Open a database, save a value and get it back.
func Example() {
	ctx := context.Background()
	folder, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(folder)

	db, err := tandem.Open(ctx, filepath.Join(folder, "home"), tandem.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	tasks, err := db.CreateCollection(ctx, "home", "tasks")
	if err != nil {
		log.Fatal(err)
	}
	if err := tasks.Put(ctx, "milk", task{Title: "Buy milk"}); err != nil {
		log.Fatal(err)
	}
	var milk task
	if err := tasks.Get(ctx, "milk", &milk); err != nil {
		log.Fatal(err)
	}
	fmt.Println(milk.Title)
	// Output: Buy milk
}

// A document keeps its text: here only one property of it changes.
func ExampleDocument() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	milk, err := tandem.NewDocumentWithBody("milk", []byte(`{"title": "Buy milk", "litres": 1.50}`))
	if err != nil {
		log.Fatal(err)
	}
	if err := milk.SetValue("done", true); err != nil {
		log.Fatal(err)
	}
	if err := tasks.Save(ctx, milk); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", milk.Body())
	// Output: {"title":"Buy milk","litres":1.50,"done":true}
}

// A change that must not overwrite another one asks for that.
func ExampleCollection_SaveWithHandler() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()
	_ = tasks.Put(ctx, "milk", task{Title: "Buy milk"})

	mine, _ := tasks.Document(ctx, "milk")
	_ = mine.SetValue("title", "Buy oat milk")
	_ = tasks.Put(ctx, "milk", task{Title: "Buy milk", Done: true}) // meanwhile, by somebody else

	err := tasks.SaveWithHandler(ctx, mine, func(mine, existing *tandem.Document) bool {
		done, _ := existing.Value("done")
		return mine.SetValue("done", done) == nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", mine.Body())
	// Output: {"title":"Buy oat milk","done":true}
}

// Many changes at once are all made or none, and are fast.
func ExampleDatabase_InBatch() {
	tasks, remove := exampleTasks()
	defer remove()

	err := tasks.Database().InBatch(context.Background(), func(b *tandem.Batch) error {
		for _, title := range []string{"Buy milk", "Water the plants"} {
			d := tandem.NewDocument("")
			if err := d.Encode(task{Title: title}); err != nil {
				return err
			}
			if err := b.Save(tasks, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	n, _ := tasks.Count(context.Background())
	fmt.Println(n, "tasks")
	// Output: 2 tasks
}

// Binary content is kept beside the document that refers to it.
func ExampleDocument_SetBlob() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	d := tandem.NewDocument("letter")
	if err := d.SetBlob("text", tandem.NewBlob("text/plain", []byte("Dear Ada"))); err != nil {
		log.Fatal(err)
	}
	if err := tasks.Save(ctx, d); err != nil {
		log.Fatal(err)
	}
	text, err := d.Blob("text").Content()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", text)
	// Output: Dear Ada
}

// A blob may be a field of a struct.
func ExampleBlob() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	type recipe struct {
		Title string       `json:"title"`
		Photo *tandem.Blob `json:"photo,omitempty"`
	}
	photo := tandem.NewBlob("image/jpeg", []byte("a picture of pancakes"))
	if err := tasks.Put(ctx, "pancakes", recipe{Title: "Pancakes", Photo: photo}); err != nil {
		log.Fatal(err)
	}
	var stored recipe
	if err := tasks.Get(ctx, "pancakes", &stored); err != nil {
		log.Fatal(err)
	}
	content, err := stored.Photo.Content()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", stored.Title, content)
	// Output: Pancakes: a picture of pancakes
}

// exampleTasks returns a collection of a new database, and what removes that.
func exampleTasks() (tasks *tandem.Collection, remove func()) {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "example*.tandem")
	if err != nil {
		log.Fatal(err)
	}
	db, err := tandem.Open(ctx, folder, tandem.Options{})
	if err != nil {
		log.Fatal(err)
	}
	tasks, err = db.DefaultCollection(ctx)
	if err != nil {
		log.Fatal(err)
	}
	return tasks, func() {
		if err := db.Delete(); err != nil {
			log.Fatal(err)
		}
	}
}

// Merge changes the members that a struct or a map has, and keeps the others.
func ExampleCollection_Merge() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	// A newer version of the program has written a member that the struct task does not know.
	milk, err := tandem.NewDocumentWithBody("milk", []byte(`{"title":"Buy milk","done":false,"due":"Friday"}`))
	if err != nil {
		log.Fatal(err)
	}
	if err := tasks.Save(ctx, milk); err != nil {
		log.Fatal(err)
	}
	if err := tasks.Merge(ctx, "milk", task{Title: "Buy oat milk", Done: true}); err != nil {
		log.Fatal(err)
	}
	milk, err = tasks.Document(ctx, "milk")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", milk.Body())
	// Output: {"title":"Buy oat milk","done":true,"due":"Friday"}
}

// Update changes a document, whoever else changes it meanwhile.
func ExampleCollection_Update() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	if err := tasks.Put(ctx, "milk", map[string]any{"litres": 1}); err != nil {
		log.Fatal(err)
	}
	err := tasks.Update(ctx, "milk", func(d *tandem.Document) error {
		var order struct{ Litres int }
		if err := d.Decode(&order); err != nil {
			return err
		}
		return d.SetValue("litres", order.Litres+2)
	})
	if err != nil {
		log.Fatal(err)
	}
	milk, err := tasks.Document(ctx, "milk")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", milk.Body())
	// Output: {"litres":3}
}

// Scan gives a part of a collection by ID: here the latest two days of a diary, and the page before.
func ExampleCollection_Scan() {
	diary, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	for _, day := range []string{"2026-05-01", "2026-05-02", "2026-05-03", "2026-06-01"} {
		_ = diary.Put(ctx, day, map[string]any{"text": "…"})
	}
	page := tandem.ScanOptions{Descending: true, Limit: 2}
	for range 2 {
		for d, err := range diary.Scan(ctx, page) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(d.ID())
			page.After = d.ID()
		}
	}
	// Output:
	// 2026-06-01
	// 2026-05-03
	// 2026-05-02
	// 2026-05-01
}

// ScanHeads tells what there is without reading it.
func ExampleCollection_ScanHeads() {
	diary, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	for _, day := range []string{"2026-05-01", "2026-05-02", "2026-06-01"} {
		_ = diary.Put(ctx, day, map[string]any{"text": "…"})
	}
	for head, err := range diary.ScanHeads(ctx, tandem.ScanOptions{Prefix: "2026-05-"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(head.ID, head.Sequence)
	}
	// Output:
	// 2026-05-01 1
	// 2026-05-02 2
}

// What a View reads belongs together, whoever writes meanwhile.
func ExampleDatabase_View() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()
	_ = tasks.Put(ctx, "milk", task{Title: "Buy milk"})

	err := tasks.Database().View(ctx, func(view context.Context) error {
		_ = tasks.Put(ctx, "plants", task{Title: "Water the plants"}) // outside of the View
		n, err := tasks.Count(view)
		if err != nil {
			return err
		}
		fmt.Println(n, "task:")
		for d, err := range tasks.All(view) {
			if err != nil {
				return err
			}
			fmt.Println(d.ID())
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1 task:
	// milk
}

// A document is a value of a Go type, whose tagged field has the ID. Members that the type does not know stay.
func ExamplePutAs() {
	books, remove := exampleTasks()
	defer remove()
	ctx := context.Background()
	type book struct {
		ISBN  string `json:"-" tandem:"id"`
		Title string `json:"title"`
	}

	_ = books.Put(ctx, "978-1", map[string]any{"title": "Notse", "shelf": 7}) // by a newer program
	b, err := tandem.GetAs[book](ctx, books, "978-1")
	if err != nil {
		log.Fatal(err)
	}
	b.Title = "Notes"
	if err := tandem.PutAs(ctx, books, &b); err != nil {
		log.Fatal(err)
	}
	saved, err := books.Document(ctx, b.ISBN)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", saved.Body())
	// Output: {"shelf":7,"title":"Notes"}
}

// Items decodes the documents of a scan.
func ExampleItems() {
	books, remove := exampleTasks()
	defer remove()
	ctx := context.Background()
	type book struct {
		ISBN  string `json:"-" tandem:"id"`
		Title string `json:"title"`
	}

	for _, b := range []book{{"978-1", "Notes"}, {"978-2", "Sketch of the Analytical Engine"}} {
		if err := tandem.PutAs(ctx, books, &b); err != nil {
			log.Fatal(err)
		}
	}
	for b, err := range tandem.Items[book](ctx, books, tandem.ScanOptions{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(b.ISBN, b.Title)
	}
	// Output:
	// 978-1 Notes
	// 978-2 Sketch of the Analytical Engine
}

// ChangesSince tells what has changed since last time, here with the documents.
func ExampleCollection_ChangesSince() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	_ = tasks.Put(ctx, "milk", task{Title: "Buy milk"})
	seen, _ := tasks.LastSequence(ctx)
	_ = tasks.Put(ctx, "plants", task{Title: "Water the plants"})
	for change, err := range tasks.ChangesSince(ctx, seen, tandem.ChangeOptions{Documents: true}) {
		if err != nil {
			log.Fatal(err)
		}
		title, _ := change.Document.Value("title")
		fmt.Println(change.Sequence, change.ID, title)
	}
	// Output: 2 plants Water the plants
}

// A change listener is called soon after documents have changed.
func ExampleCollection_AddChangeListener() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	changes := make(chan tandem.CollectionChange)
	token, err := tasks.AddChangeListener(ctx, func(c tandem.CollectionChange) { changes <- c })
	if err != nil {
		log.Fatal(err)
	}
	defer token.Remove()
	_ = tasks.Put(ctx, "milk", task{Title: "Buy milk"})
	change := <-changes
	fmt.Println(change.Collection.FullName(), change.DocumentIDs)
	// Output: _default._default [milk]
}
