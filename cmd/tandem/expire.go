package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newExpire(a *app) *cobra.Command {
	var coll collectionFlag
	c := &cobra.Command{
		Use:   "expire DB ID [WHEN]",
		Short: "Set or show when a document is purged",
		Long: "expire sets when a document is purged here, without a trace and without telling peers. WHEN is\n" +
			"a time such as 2030-01-01T00:00:00Z, a span from now such as 36h, or never. Without WHEN the time\n" +
			"is shown.",
		Example: "  tandem expire notes milk 36h\n  tandem expire notes milk never",
		Args:    cobra.RangeArgs(2, 3),
		RunE: a.do(func(ctx context.Context, args []string) error {
			var at time.Time
			if len(args) == 3 {
				var err error
				if at, err = parseExpiry(args[2]); err != nil {
					return err
				}
			}
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				if len(args) == 3 {
					return during("set expiry of document", args[1], coll.SetExpiration(ctx, args[1], at))
				}
				return a.showExpiry(ctx, coll, args[1])
			})
		}),
	}
	coll.add(c)
	return c
}

// parseExpiry parses a time, a span from now, or never, for which it returns the zero time.
func parseExpiry(text string) (time.Time, error) {
	if text == "never" {
		return time.Time{}, nil
	}
	if span, err := time.ParseDuration(text); err == nil {
		if span <= 0 {
			return time.Time{}, usage("%s is no span above 0", text)
		}
		return time.Now().Add(span), nil
	}
	return parseTime(text)
}

func (a *app) showExpiry(ctx context.Context, coll *tandem.Collection, id string) error {
	at, err := coll.Expiration(ctx, id)
	if err != nil {
		return during("get expiry of document", id, err)
	}
	if at.IsZero() {
		fmt.Fprintln(a.out, "never")
		return nil
	}
	fmt.Fprintln(a.out, at.UTC().Format(time.RFC3339))
	return nil
}
