package main

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newInfo(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "info DB",
		Short:   "Describe a database and its collections",
		Example: "  tandem info travel --json",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.with(ctx, args[0], func(db *tandem.Database) error {
				facts, err := describe(ctx, db)
				if err != nil {
					return err
				}
				if asJSON {
					return a.jsonLines().Encode(facts)
				}
				a.printInfo(facts)
				return nil
			})
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "a JSON object: name, path, uuid, versioning, met, encrypted, bytes, and collections\n"+
		"with name, documents and lastSequence")
	return c
}

// info describes a database. Its bytes are the size of the database's folder.
type info struct {
	Name        string           `json:"name"`
	Path        string           `json:"path"`
	UUID        string           `json:"uuid"`
	Versioning  string           `json:"versioning"`
	Met         []int            `json:"met,omitempty"` // generations of Couchbase Lite
	Encrypted   bool             `json:"encrypted"`
	Bytes       int64            `json:"bytes"`
	Collections []collectionInfo `json:"collections"`
}

type collectionInfo struct {
	Name         string `json:"name"`
	Documents    uint64 `json:"documents"`
	LastSequence uint64 `json:"lastSequence"`
}

func describe(ctx context.Context, db *tandem.Database) (info, error) {
	collections, err := describeCollections(ctx, db)
	return info{
		Name: db.Name(), Path: db.Path(), UUID: db.UUID(), Versioning: string(db.Versioning()), Met: db.MetGenerations(),
		Encrypted: db.IsEncrypted(), Bytes: folderSize(db.Path()), Collections: collections,
	}, err
}

func describeCollections(ctx context.Context, db *tandem.Database) ([]collectionInfo, error) {
	all, err := db.Collections(ctx)
	if err != nil {
		return nil, err
	}
	facts := make([]collectionInfo, len(all))
	for i, coll := range all {
		documents, err := coll.Count(ctx)
		if err != nil {
			return nil, err
		}
		last, err := coll.LastSequence(ctx)
		if err != nil {
			return nil, err
		}
		facts[i] = collectionInfo{coll.FullName(), documents, last}
	}
	return facts, nil
}

// folderSize returns the total size of the files in a folder. Files that vanish meanwhile do not
// count.
func folderSize(path string) (size int64) {
	_ = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if file, err := entry.Info(); err == nil {
			size += file.Size()
		}
		return nil
	})
	return size
}

// withMet names the versioning, and the generations that a database of both has met.
func withMet(facts info) string {
	if len(facts.Met) == 0 {
		return facts.Versioning
	}
	return facts.Versioning + ", has met Couchbase Lite " + strings.Trim(fmt.Sprint(facts.Met), "[]")
}

func (a *app) printInfo(facts info) {
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "name\t%s\npath\t%s\nuuid\t%s\nversioning\t%s\nencrypted\t%t\nsize\t%s\n",
		facts.Name, facts.Path, facts.UUID, withMet(facts), facts.Encrypted, byteCount(facts.Bytes))
	_ = table.Flush() // a.out keeps the error
	fmt.Fprintln(a.out)
	fmt.Fprintln(table, "collection\tdocuments\tlast sequence")
	for _, coll := range facts.Collections {
		fmt.Fprintf(table, "%s\t%d\t%d\n", coll.Name, coll.Documents, coll.LastSequence)
	}
	_ = table.Flush()
}
