package tandem_test

import (
	"context"
	"fmt"

	"github.com/tandemdb/tandem"
)

// A live query gives its result, and each one that differs after a change.
func ExampleQuery_Changes() {
	hotels, remove := exampleHotels()
	defer remove()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()

	q := got(hotels.Database().CreateQuery("SELECT name FROM _ WHERE stars >= $least ORDER BY name"))
	for change := range q.Changes(ctx, tandem.Parameters{"least": 5}) {
		best := got(tandem.Collect[struct{ Name string }](change.Results, change.Err))
		fmt.Println(best)
		if len(best) > 1 {
			stop() // and the loop ends
			continue
		}
		ensure(hotels.Put(ctx, "ritz", map[string]any{"name": "Ritz", "stars": 5}))
	}
	// Output:
	// [{Adlon}]
	// [{Adlon} {Ritz}]
}

// A function can be called with each result instead.
func ExampleQuery_AddChangeListener() {
	hotels, remove := exampleHotels()
	defer remove()
	ctx := context.Background()

	q := got(hotels.Database().CreateQuery("SELECT count(*) AS n FROM _ WHERE stars = 5"))
	changes := make(chan tandem.QueryChange)
	token := got(q.AddChangeListener(ctx, func(change tandem.QueryChange) { changes <- change }))
	change := <-changes
	fmt.Println(got(tandem.Collect[struct{ N int }](change.Results, change.Err)), change.Query.Columns())
	token.Remove()
	// Output: [{1}] [n]
}

// On request, each result comes with what has changed since the one before.
func ExampleQueryDiff() {
	hotels, remove := exampleHotels()
	defer remove()
	ctx := tandem.WithQueryOptions(context.Background(), tandem.QueryOptions{Diff: true})

	q := got(hotels.Database().CreateQuery("SELECT name, stars FROM _ ORDER BY stars DESC"))
	for change := range q.Changes(ctx) {
		ensure(change.Err)
		diff := change.Diff
		show("removed", diff.Removed)
		show("inserted", diff.Inserted)
		show("changed", diff.Changed)
		for _, row := range diff.Moved {
			fmt.Println("moved", row.From, "to", row.To)
		}
		if len(diff.Moved) > 0 {
			break
		}
		ensure(hotels.Merge(ctx, "Berg", map[string]any{"stars": 5.5}))
	}
	// Output:
	// inserted 0 {"name":"Adlon","stars":5}
	// inserted 1 {"name":"Corso","stars":4}
	// inserted 2 {"name":"Berg","stars":3}
	// changed 0 {"name":"Berg","stars":5.5}
	// moved 2 to 0
}

func show(title string, rows []tandem.DiffRow) {
	for _, row := range rows {
		fmt.Printf("%s %d %s\n", title, row.Position, row.Row.JSON())
	}
}
