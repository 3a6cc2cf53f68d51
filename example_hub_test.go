package tandem_test

import (
	"context"
	"fmt"
	"log"
	"maps"
	"slices"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/hub"
)

// Any number of programs on several machines open the same database in PostgreSQL.
func ExampleEngine() {
	var engine tandem.Engine = hub.PostgreSQL(hub.MaxConns(4))
	db, err := tandem.Open(context.Background(), "postgres://tandem@db.example/shop", tandem.Options{Engine: engine})
	if err != nil {
		log.Print(err)
		return
	}
	defer db.Close()
	fmt.Println("open:", db.Name())
}

// The pool of connections to the server is the place to look when a node is slow.
func ExampleDatabase_NodeStatistics() {
	tasks, remove := exampleTasks()
	defer remove()
	if s, ok := tasks.Database().NodeStatistics(); ok {
		fmt.Println(s.BusyConnections, "of", s.MaxConnections, "connections are in use")
	} else {
		fmt.Println("a database in a folder has no server")
	}
	// Output: a database in a folder has no server
}

// A batch of many documents says which ones they are, so that they are read from the server at once.
func ExampleBatch_Expect() {
	coll, remove := exampleTasks()
	defer remove()
	ctx := context.Background()
	prices := map[string]int{"bread": 3, "milk": 1}
	err := coll.Database().InBatch(ctx, func(b *tandem.Batch) error {
		if err := b.Expect(coll, slices.Collect(maps.Keys(prices))...); err != nil {
			return err
		}
		for id, price := range prices {
			if err := b.Put(coll, id, map[string]int{"price": price}); err != nil {
				return err
			}
		}
		return nil
	})
	var milk map[string]int
	fmt.Println(err, coll.Get(ctx, "milk", &milk), milk["price"])
	// Output: <nil> <nil> 1
}
