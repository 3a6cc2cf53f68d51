package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newCompact(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "compact DB",
		Short: "Remove unused blobs and give space back",
		Long: "compact removes the content of blobs that no document refers to any more, and gives unused\n" +
			"space back to the disk. Others may use the database meanwhile.",
		Example: "  tandem compact notes",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.with(ctx, args[0], func(db *tandem.Database) error {
				before := folderSize(db.Path())
				err := a.withBar("compact", ofParts, func(show func(done, total uint64)) error {
					return db.Compact(tandem.ContextWithProgress(ctx, show))
				})
				if err != nil {
					return err
				}
				a.note("compacted from %s to %s", byteCount(before), byteCount(folderSize(db.Path())))
				return nil
			})
		}),
	}
}
