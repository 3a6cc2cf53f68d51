package tandem_test

import (
	"context"
	"fmt"
	"log"

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
