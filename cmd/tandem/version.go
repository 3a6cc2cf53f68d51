package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newVersion(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Show the version of this program",
		Args:  cobra.NoArgs,
		RunE: a.do(func(context.Context, []string) error {
			facts := versionFacts{tandem.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			if asJSON {
				return a.jsonLines().Encode(facts)
			}
			fmt.Fprintf(a.out, "tandem version %s (%s, %s)\n", facts.Version, facts.Go, facts.Platform)
			return nil
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "a JSON object: version, go and platform")
	return c
}

// versionFacts are the output of version --json.
type versionFacts struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}
