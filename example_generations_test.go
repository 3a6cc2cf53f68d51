package tandem_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/tandemdb/tandem"
)

// One database for apps on Couchbase Lite 3 and 4: each revision has a name for either.
func ExampleDatabase_ServeBothGenerations() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "tandem")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	db, err := tandem.Open(ctx, filepath.Join(folder, "shop"), tandem.Options{Versioning: tandem.RevTrees})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = db.Close() }()

	if err := db.ServeBothGenerations(ctx); err != nil {
		log.Fatal(err)
	}
	docs, err := db.DefaultCollection(ctx)
	if err != nil {
		log.Fatal(err)
	}
	d := tandem.NewDocument("apple")
	if err := docs.Save(ctx, d); err != nil {
		log.Fatal(err)
	}
	fmt.Println(db.Versioning() == tandem.BothGenerations)
	fmt.Println("for Couchbase Lite 4:", strings.Contains(d.RevisionID(), "@"))
	fmt.Println("for Couchbase Lite 3:", strings.HasPrefix(d.TreeRevisionID(), "1-ff"))
	fmt.Println("met:", db.MetGenerations())
	// Output:
	// true
	// for Couchbase Lite 4: true
	// for Couchbase Lite 3: true
	// met: []
}
