package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newCreate(a *app) *cobra.Command {
	var versioning string
	c := &cobra.Command{
		Use:   "create DB",
		Short: "Create a database",
		Long: "create makes a new, empty database. put, import and sync create theirs when they first write,\n" +
			"so it is needed only to choose the versioning.\n\n" +
			"Databases that sync with each other need the same versioning: version-vectors is that of\n" +
			"Couchbase Lite 4, rev-trees that of Couchbase Lite 3. A database with the versioning both\n" +
			"syncs with either, at once.",
		Example: "  tandem create notes\n  tandem create notes --versioning rev-trees",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.create(ctx, args[0], tandem.Versioning(versioning))
		}),
	}
	c.Flags().StringVar(&versioning, "versioning", string(tandem.VersionVectors), "`form` of revisions: version-vectors, rev-trees or both")
	completeFlag(c, "versioning", string(tandem.VersionVectors), string(tandem.RevTrees), string(tandem.BothGenerations))
	return c
}

func (a *app) create(ctx context.Context, path string, versioning tandem.Versioning) error {
	if err := (tandem.Options{Versioning: versioning}).Validate(); err != nil {
		return usageError{text: err.Error(), hint: tandem.HintOf(err)}
	}
	if isURL(path) {
		return a.createAt(ctx, path, versioning)
	}
	if tandem.Exists(path) {
		return withHint(fmt.Errorf("create database %s: there is one already", path),
			"choose another name, or see what it holds with `tandem info`")
	}
	return a.withOptions(ctx, path, tandem.Options{Versioning: versioning}, func(*tandem.Database) error { return nil })
}

// createAt is create for a URL.
func (a *app) createAt(ctx context.Context, url string, versioning tandem.Versioning) error {
	err := a.with(ctx, url, func(*tandem.Database) error { return nil })
	if err == nil {
		return withHint(errors.New("create database: there is one already"), "add ?schema=NAME to the URL for another one")
	}
	if !errors.Is(err, tandem.ErrNotFound) {
		return err
	}
	return a.withOptions(ctx, url, tandem.Options{Versioning: versioning}, func(db *tandem.Database) error {
		a.note("created database %s", db.Path())
		return nil
	})
}
