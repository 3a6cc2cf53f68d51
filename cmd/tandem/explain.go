package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newExplain(a *app) *cobra.Command {
	var coll collectionFlag
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain DB ID [URL]",
		Short: "Explain whether and why a document is synced",
		Long: "explain tells the state of a document with a peer: synced, pending, left out by a filter, in\n" +
			"conflict, or refused and why. Without a URL it does so for each peer that this database knows.",
		Example: "  tandem explain notes milk\n  tandem explain notes milk wss://kitchen:4984/notes",
		Args:    cobra.RangeArgs(2, 3),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				return a.explain(ctx, coll, args[1], args[2:], asJSON)
			})
		}),
	}
	coll.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object per line: peer, state, reason and, if known, revision and remoteRevision")
	return c
}

// explained is one line of explain --json.
type explained struct {
	Peer           string `json:"peer"`
	State          string `json:"state"`
	Reason         string `json:"reason"`
	Revision       string `json:"revision,omitempty"`
	RemoteRevision string `json:"remoteRevision,omitempty"`
}

func (a *app) explain(ctx context.Context, coll *tandem.Collection, id string, urls []string, asJSON bool) error {
	if len(urls) == 0 {
		var err error
		if urls, err = coll.Database().Remotes(ctx); err != nil {
			return err
		}
	}
	if len(urls) == 0 {
		if _, err := coll.History(ctx, id); err != nil { // which tombstones have, too
			return during("explain document", id, err)
		}
		a.note("no sync of this database with a peer began here; ask the database of the peer that connects to this one")
	}
	encoder := a.jsonLines()
	for _, url := range urls {
		e, err := explainOne(ctx, coll, id, url)
		if err != nil {
			return err
		}
		if !asJSON {
			fmt.Fprintln(a.out, printable(fmt.Sprintf("%s: %s: %s", url, e.State, e.Reason)))
			continue
		}
		line := explained{url, string(e.State), e.Reason, e.Revision, e.Remote}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func explainOne(ctx context.Context, coll *tandem.Collection, id, url string) (tandem.Explanation, error) {
	endpoint, err := parseEndpoint(url)
	if err != nil {
		return tandem.Explanation{}, err
	}
	cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint}
	cfg.AddCollection(coll)
	r, err := tandem.NewReplicator(cfg)
	if err != nil {
		return tandem.Explanation{}, err
	}
	return r.Explain(ctx, coll, id)
}
