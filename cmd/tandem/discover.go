package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newDiscover(a *app) *cobra.Command {
	var wait time.Duration
	var watch, asJSON bool
	c := &cobra.Command{
		Use:   "discover",
		Short: "List the peers on the local network",
		Long: "discover lists the peers that advertise themselves on the local network (tandem serve\n" +
			"--advertise): name, database, fingerprint of the certificate, and URLs. With --watch it tells\n" +
			"who appears and vanishes until it is stopped.\n\n" +
			"Anybody on the network can claim anything: compare the fingerprint, or let sync --discover\n" +
			"check it.",
		Example: "  tandem discover\n  tandem discover --watch --json",
		Args:    cobra.NoArgs,
		RunE: a.do(func(ctx context.Context, _ []string) error {
			if wait < 0 {
				return usage("--wait cannot be negative")
			}
			if !watch {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, wait)
				defer cancel()
			}
			return a.discover(ctx, watch, asJSON)
		}),
	}
	c.Flags().DurationVar(&wait, "wait", 3*time.Second, "`time` to look for peers")
	c.Flags().BoolVar(&watch, "watch", false, "go on, and tell who appears, changes and vanishes")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object per line: name, database, fingerprint, protocols, urls and, with --watch, change")
	return c
}

// peerFacts describe a discovered peer.
type peerFacts struct {
	Change      string   `json:"change,omitempty"`
	Name        string   `json:"name"`
	Database    string   `json:"database"`
	Fingerprint string   `json:"fingerprint,omitempty"`
	Protocols   []string `json:"protocols"`
	URLs        []string `json:"urls"`
}

func (a *app) discover(ctx context.Context, watch, asJSON bool) error {
	browser, err := tandem.BrowsePeers(ctx)
	if err != nil {
		return err
	}
	defer browser.Close()
	for event := range browser.Events() {
		if !watch {
			continue // the peers at the end count
		}
		if err := a.printPeer(event.Change.String(), event.Peer, asJSON); err != nil {
			return err
		}
		if err := a.out.Flush(); err != nil {
			return err
		}
	}
	if watch {
		return nil
	}
	peers := browser.Peers()
	if len(peers) == 0 {
		a.note("no peer was found")
	}
	for _, peer := range peers {
		if err := a.printPeer("", peer, asJSON); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printPeer(change string, peer tandem.DiscoveredPeer, asJSON bool) error {
	facts := peerFacts{change, peer.Name, peer.Database, peer.Fingerprint, peer.Protocols, peer.URLs()}
	if asJSON {
		return a.jsonLines().Encode(facts)
	}
	if change != "" {
		change += " "
	}
	_, err := fmt.Fprintln(a.out, printable(fmt.Sprintf("%s%q %s %s %s",
		change, facts.Name, facts.Database, strings.Join(facts.URLs, " "), facts.Fingerprint)))
	return err
}
