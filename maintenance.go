package tandem

import (
	"context"

	"github.com/tandemdb/tandem/internal/store"
)

// ContextWithProgress returns a context with which [Database.Check], [Database.Copy] and
// [Database.Compact] report their progress: they call report with the work done and the total. The
// unit differs from method to method; [Database.Compact] only estimates. In the last call of a method
// that succeeds, done equals total. report is called about every 50 ms at most, from any goroutine,
// and never twice at once. It must return soon.
func ContextWithProgress(ctx context.Context, report func(done, total uint64)) context.Context {
	return store.WithProgress(ctx, report)
}

// Compact removes the content of unused blobs, and returns free space to the disk. Other
// goroutines and processes may use the database meanwhile.
func (db *Database) Compact(ctx context.Context) error {
	if err := db.toMaintain(ctx, "compact database"); err != nil {
		return err
	}
	return db.store.Compact(ctx)
}

// Copy writes a snapshot of the database to path, and appends ".tandem" if path lacks it. It
// fails with [ErrInvalid] if something is there already. The copy has a UUID of its own, and
// syncs on from where the database was with each peer. Other goroutines and processes may use the
// database meanwhile.
//
// With Options.Engine, path may also be a URL, where there must be no database. A copy to or from a URL moves: it keeps the
// UUID, and its edits are signed by another name nevertheless. It leaves out what belongs to the device: indexes for
// queries, cookies, known servers and memberships in peer groups. If a copy to a URL fails, or its process ends, what
// was written cannot be opened, and copying again begins anew.
func (db *Database) Copy(ctx context.Context, path string) error {
	if isURL(path) {
		if err := mayOpen(db.engine, path); err != nil {
			return err
		}
		return db.store.CopyToHub(ctx, db.engine, path)
	}
	folder, err := folderOf(path)
	if err != nil {
		return err
	}
	return db.store.Copy(ctx, folder)
}

// Problem is one defect of a database: what it is and where (a collection and document, a blob, or
// a file).
type Problem struct {
	Where, What string
}

// String returns "where: what".
func (p Problem) String() string { return p.Where + ": " + p.What }

// Check reads the whole database and verifies its file structure, every row and body, and the
// content of every blob. It returns at most the first 100 problems; nil means that the database
// is sound. The error is about the check itself.
func (db *Database) Check(ctx context.Context) ([]Problem, error) {
	found, err := db.store.Check(ctx)
	if err != nil {
		return nil, err
	}
	var problems []Problem
	for _, p := range found {
		problems = append(problems, Problem(p))
	}
	return problems, nil
}
