package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newIdentityPrune(a *app) *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use:   "prune",
		Short: "Delete anonymous identities of databases that are gone",
		Long: "prune deletes the identities that `tandem serve` has made for databases which are no longer where\n" +
			"they were, and prints their labels and databases. A database that was moved, or is on a volume\n" +
			"that is not mounted, counts as gone: it would get a new identity, and peers that have pinned the\n" +
			"old one would refuse it. Serve such a database once before, or look with --dry-run.",
		Example: "  tandem identity prune --dry-run",
		Args:    cobra.NoArgs,
		RunE: a.do(func(context.Context, []string) error {
			store, err := identityStore()
			if err != nil {
				return err
			}
			return a.prune(store, dryRun)
		}),
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "delete nothing, and print what would be deleted")
	return c
}

func (a *app) prune(store tandem.TLSIdentityStore, dryRun bool) error {
	all, err := anonymousIdentities(store)
	if err != nil {
		return err
	}
	for _, label := range slices.Sorted(maps.Keys(all)) {
		if !all[label].Gone {
			continue
		}
		if !dryRun {
			if err := store.Delete(label); err != nil {
				return err
			}
		}
		fmt.Fprintf(a.out, "%s  %s\n", label, all[label].Database)
	}
	if countGone(all) == 0 {
		a.note("there is nothing to delete")
	}
	return nil
}

func anonymousIdentities(store tandem.TLSIdentityStore) (map[string]tandem.AnonymousIdentityInfo, error) {
	all, err := tandem.AnonymousIdentities(store)
	byLabel := make(map[string]tandem.AnonymousIdentityInfo, len(all))
	for _, info := range all {
		byLabel[info.Label] = info
	}
	return byLabel, err
}

func countGone(all map[string]tandem.AnonymousIdentityInfo) (gone int) {
	for _, info := range all {
		if info.Gone {
			gone++
		}
	}
	return gone
}
