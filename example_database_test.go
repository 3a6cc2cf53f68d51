package tandem_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/tandemdb/tandem"
)

// Collections are in scopes; a database has a default one.
func ExampleDatabase_CreateCollection() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx, db := context.Background(), tasks.Database()

	scope, name, err := tandem.ParseCollectionName("home.tasks")
	ensure(err)
	home := got(db.CreateCollection(ctx, scope, name))
	fmt.Println(home.Scope(), home.Name(), got(db.Scopes(ctx)))
	for _, c := range got(db.Collections(ctx)) {
		fmt.Println(c.FullName())
	}
	home = got(db.Collection(ctx, "home", "tasks"))
	ensure(db.DeleteCollection(ctx, home.Scope(), home.Name()))
	_, err = db.Collection(ctx, "home", tandem.DefaultName)
	fmt.Println(errors.Is(err, tandem.ErrNotFound))
	// Output:
	// home tasks [_default home]
	// _default._default
	// home.tasks
	// true
}

// A copy has everything, and a UUID of its own.
func ExampleDatabase_Copy() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx, db := context.Background(), tasks.Database()

	path := strings.TrimSuffix(db.Path(), ".tandem") + "-copy"
	ensure(db.Copy(ctx, path))
	o := tandem.Options{MustExist: true}
	ensure(o.Validate())
	copied := got(tandem.Open(ctx, path, o))
	fmt.Println(copied.UUID() != db.UUID(), copied.Versioning(), tandem.Exists(path))
	ensure(copied.Compact(ctx))
	fmt.Println(len(got(copied.Check(ctx))), "problems")
	ensure(copied.Close())
	ensure(tandem.DeleteDatabase(path))
	// Output:
	// true version-vectors true
	// 0 problems
}

// A check names what is wrong, and where.
func ExampleProblem() {
	p := tandem.Problem{Where: "home.tasks milk", What: "the body is no JSON"}
	fmt.Println(p)
	// Output: home.tasks milk: the body is no JSON
}

// An older database is upgraded in place, for good.
func ExampleDatabase_UpgradeVersioning() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	path := filepath.Join(filepath.Dir(tasks.Database().Path()), "example-trees")
	db := got(tandem.Open(ctx, path, tandem.Options{Versioning: tandem.RevTrees}))
	ensure(db.UpgradeVersioning(ctx))
	fmt.Println(db.Versioning())
	ensure(db.Delete())
	// Output: version-vectors
}

// A database that is encrypted opens with its key alone.
func ExampleDatabase_ChangeEncryptionKey() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx, db := context.Background(), tasks.Database()

	key := got(tandem.NewEncryptionKey(make([]byte, tandem.EncryptionKeySize))) // should be random
	ensure(db.ChangeEncryptionKey(ctx, key))
	fmt.Println(db.IsEncrypted(), tandem.IsEncrypted(db.Path()), key)
	passphrase := got(tandem.NewPassphraseKey("correct horse battery staple"))
	fmt.Println(passphrase)
	ensure(db.ChangeEncryptionKey(ctx, nil))
	fmt.Println(db.IsEncrypted())
	// Output:
	// true true (secret)
	// (secret)
	// false
}

// Errors are compared with errors.Is; their fields and a hint are for logs and people.
func ExampleError() {
	_, err := tandem.NewURLEndpoint("http://kitchen.local/notes")
	failed := new(tandem.Error)
	if errors.As(err, &failed) {
		fmt.Println(failed.Domain == tandem.DomainNetwork, failed.Code, errors.Is(err, tandem.ErrInvalidURL))
	}
	fmt.Println(failed.Domain, tandem.HintOf(err) != "")
	fmt.Println(tandem.IsTransient(err), tandem.IsNetworkDependent(err), errors.Is(err, tandem.ErrUnauthorized))
	// Output:
	// true 4 true
	// Network true
	// false false false
}

// The listeners of a database hear of all its collections.
func ExampleDatabase_AddChangeListener() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	all := make(chan string)
	token := got(tasks.Database().AddChangeListener(ctx, func(c tandem.CollectionChange) { all <- c.DocumentIDs[0] }))
	defer token.Remove()
	one := make(chan string)
	milk := got(tasks.AddDocumentChangeListener(ctx, "milk", func(c tandem.DocumentChange) {
		one <- string(c.Document.Body())
	}, tandem.ChangeOptions{Documents: true}))
	defer milk.Remove()
	ensure(tasks.Put(ctx, "milk", map[string]int{"litres": 2}))
	fmt.Println(<-all, <-one)
	// Output: milk {"litres":2}
}

// FollowChanges waits for changes to come.
func ExampleCollection_FollowChanges() {
	tasks, remove := exampleTasks()
	defer remove()
	ctx := context.Background()

	ensure(tasks.Put(ctx, "milk", task{Title: "Buy milk"}))
	for change, err := range tasks.FollowChanges(ctx, 0) {
		ensure(err)
		fmt.Println(change.ID, change.Sequence)
		if change.Sequence == 2 {
			break
		}
		ensure(tasks.Put(ctx, "milk", task{Title: "Buy milk", Done: true}))
	}
	// Output:
	// milk 1
	// milk 2
}

// The version of the library.
func ExampleVersion() {
	fmt.Println(tandem.Version != "")
	// Output: true
}
