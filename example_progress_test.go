package tandem_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tandemdb/tandem"
)

// A check of a database tells how far it is.
func ExampleContextWithProgress() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()
	if err := tasks.Put(ctx, "milk", map[string]string{"text": "Buy milk"}); err != nil {
		log.Fatal(err)
	}

	var percent uint64
	watched := tandem.ContextWithProgress(ctx, func(done, total uint64) { percent = 100 * done / max(total, 1) })
	problems, err := tasks.Database().Check(watched)
	fmt.Println(percent, len(problems), err)
	// Output: 100 0 <nil>
}
