package tandem

import "context"

// Compact removes the content of blobs that no document refers to any more, and gives unused
// space back to the disk. Others, also other processes, may use the database meanwhile.
func (db *Database) Compact(ctx context.Context) error {
	if err := db.mayWait("compact database"); err != nil {
		return err
	}
	return db.store.Compact(ctx)
}

// Copy writes a copy of the database, as it is at one moment, to path, where there must be
// nothing ([ErrInvalid]); ".tandem" is appended if it is missing. The copy has a UUID of its
// own, and syncs on from where the database was with each peer. Others may use the database meanwhile.
func (db *Database) Copy(ctx context.Context, path string) error {
	folder, err := folderOf(path)
	if err != nil {
		return err
	}
	return db.store.Copy(ctx, folder)
}

// Problem is one thing that is wrong with a database: what, and where (a collection and
// document, a blob, or a file).
type Problem struct {
	Where, What string
}

// String returns "where: what".
func (p Problem) String() string { return p.Where + ": " + p.What }

// Check proves the database sound: the structure of its file, every row and body, and the
// content of every blob. It reads everything. It returns what is wrong, at most the first 100
// things; nil means that the database is sound. The error is about the check itself.
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
