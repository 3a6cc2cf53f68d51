package tandem_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tandemdb/tandem"
)

// exampleHotels returns a collection with a few documents.
func exampleHotels() (hotels *tandem.Collection, remove func()) {
	hotels, remove = exampleTasks()
	ctx := context.Background()
	for id, stars := range map[string]int{"Adlon": 5, "Berg": 3, "Corso": 4} {
		ensure(hotels.Put(ctx, id, map[string]any{"name": id, "stars": stars, "tags": []string{"wifi"}}))
	}
	return hotels, remove
}

// A query in SQL++, with a parameter; Select decodes its rows.
func ExampleSelect() {
	hotels, remove := exampleHotels()
	defer remove()
	ctx, db := context.Background(), hotels.Database()

	type hotel struct {
		Name  string
		Stars int
	}
	best := "SELECT name, stars FROM _ WHERE stars >= $least ORDER BY name"
	for h, err := range tandem.Select[hotel](ctx, db, best, tandem.Parameters{"least": 4}) {
		ensure(err)
		fmt.Println(h.Name, h.Stars)
	}
	fmt.Println(got(db.QueryCount(ctx, "SELECT * FROM _")), got(db.QueryExists(ctx, "SELECT * FROM _ WHERE stars = 1")))
	// Output:
	// Adlon 5
	// Corso 4
	// 3 false
}

// A row gives its columns by name and by place, and as JSON.
func ExampleDatabase_Query() {
	hotels, remove := exampleHotels()
	defer remove()

	for row, err := range hotels.Database().Query(context.Background(), "SELECT name, stars FROM _ WHERE stars = 5") {
		ensure(err)
		name, _ := row.Value("name")
		fmt.Println(row.Keys(), name, row.ValueAt(1), string(row.JSONAt(0)), string(row.JSON()))
		var h struct{ Stars int }
		ensure(row.Decode(&h))
		fmt.Println(h.Stars)
	}
	// Output:
	// [name stars] Adlon 5 "Adlon" {"name":"Adlon","stars":5}
	// 5
}

// A query that runs often is compiled once.
func ExampleQuery() {
	hotels, remove := exampleHotels()
	defer remove()
	ctx, db := context.Background(), hotels.Database()

	q := got(db.CreateQuery("SELECT name FROM _ WHERE stars >= $least ORDER BY name"))
	ensure(q.SetParameters(tandem.Parameters{"least": 4}))
	rows := got(q.Execute(ctx))
	fmt.Println(q.Columns(), rows.Columns())
	for row, err := range rows.All() {
		ensure(err)
		fmt.Println(row.ValueAt(0))
	}
	rows.Close() // harmless after the last row
	fmt.Println(got(q.Count(ctx)), got(q.Exists(ctx, tandem.Parameters{"least": 6})))
	all := got(tandem.Collect[map[string]any](q.Execute(ctx, tandem.Parameters{"least": 3})))
	fmt.Println(len(all))
	// Output:
	// [name] [name]
	// Adlon
	// Corso
	// 2 false
	// 3
}

// In a query of a collection, _ is that collection.
func ExampleCollection_CreateQuery() {
	hotels, remove := exampleHotels()
	defer remove()
	ctx, db := context.Background(), hotels.Database()

	chains := got(db.CreateCollection(ctx, "travel", "chains"))
	ensure(chains.Put(ctx, "Grand", map[string]any{"stars": 5}))
	q := got(chains.CreateQuery("SELECT META(c).id AS chain, META(h).id AS hotel FROM _ AS c JOIN _default._default AS h ON h.stars = c.stars"))
	fmt.Println(q.Collections())
	for row, err := range got(q.Execute(ctx)).All() {
		ensure(err)
		fmt.Println(string(row.JSON()))
	}
	// Output:
	// [_default._default travel.chains]
	// {"chain":"Grand","hotel":"Adlon"}
}

// An error in a query tells its place.
func ExampleQueryError() {
	tasks, remove := exampleTasks()
	defer remove()

	_, err := tasks.Database().CreateQuery("SELECT name FORM _")
	failed := new(tandem.QueryError)
	fmt.Println(errors.As(err, &failed), errors.Is(err, tandem.ErrInvalidQuery), failed.Pos > 0)
	// Output: true true true
}

// The runs of a query can be bounded, for all of a database or by a context.
func ExampleWithQueryOptions() {
	hotels, remove := exampleHotels()
	defer remove()

	bounds := tandem.QueryOptions{MaxRows: 2, Timeout: time.Minute}
	ensure(bounds.Validate())
	ctx := tandem.WithQueryOptions(context.Background(), bounds)
	q := got(hotels.Database().CreateQuery("SELECT name FROM _"))
	_, err := tandem.Collect[map[string]any](q.Execute(ctx))
	fmt.Println(err != nil)
	// Output: true
}

// MATCH searches the words of texts, and RANK orders what it finds.
func ExampleFullTextIndex() {
	hotels, remove := exampleHotels()
	defer remove()
	ctx := context.Background()

	for _, name := range []string{"The Sailing Sailors", "Sailor's Rest", "The Anchor"} {
		ensure(hotels.Put(ctx, name, map[string]any{"name": name}))
	}
	ensure(hotels.CreateIndex(ctx, "names", tandem.FullTextIndex{Expressions: []string{"name"}, Language: "en"}))
	const text = "SELECT name FROM _ WHERE MATCH(names, $words) ORDER BY RANK(names) DESC, name"
	for row, err := range hotels.Database().Query(ctx, text, tandem.Parameters{"words": "sail* OR inn"}) {
		ensure(err)
		fmt.Println(row.ValueAt(0))
	}
	// Output:
	// The Sailing Sailors
	// Sailor's Rest
}

// An index serves queries that have its expression.
func ExampleCollection_CreateIndex() {
	hotels, remove := exampleHotels()
	defer remove()
	ctx := context.Background()

	var byStars tandem.Index = tandem.ValueIndex{Expressions: []string{"stars"}}
	ensure(hotels.CreateIndex(ctx, "byStars", byStars))
	ensure(hotels.CreateIndex(ctx, "byTag", tandem.ArrayIndex{Path: "tags"}))
	for _, i := range got(hotels.Indexes(ctx)) {
		fmt.Println(i.Name, len(i.Expressions), i.Path != "")
	}
	q := got(hotels.Database().CreateQuery("SELECT name FROM _ WHERE stars = 5"))
	fmt.Println(got(q.Explain(ctx)) != "", got(q.Scanned(ctx)))
	rows := got(got(hotels.Database().CreateQuery("SELECT name FROM _ WHERE name = 'none'")).Execute(ctx))
	for _, err := range rows.All() {
		ensure(err)
	}
	fmt.Println(rows.Scanned())
	ensure(hotels.DeleteIndex(ctx, "byTag"))
	// Output:
	// byStars 1 false
	// byTag 0 true
	// true 0
	// 3
}

// An editor can complete the words of a query.
func ExampleQueryKeywords() {
	for _, word := range append(tandem.QueryKeywords(), tandem.QueryFunctions()...) {
		if strings.HasPrefix(strings.ToLower(word), "li") {
			fmt.Println(word)
		}
	}
	// Output:
	// LIKE
	// LIMIT
}
