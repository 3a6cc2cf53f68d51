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
