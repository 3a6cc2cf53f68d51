package discovery

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
)

// Find returns the first peer whose name or database is name: from list if list has it, otherwise
// from the network. It waits until ctx ends, and then fails with [fault.UnknownHost].
func Find(ctx context.Context, name string, list []Peer, opts Options) (Peer, error) {
	wanted := func(p Peer) bool { return key(p.Name) == key(name) || p.Database == name }
	if at := slices.IndexFunc(list, wanted); at >= 0 {
		return list[at], nil
	}
	browser, err := Browse(ctx, opts)
	if err != nil {
		return Peer{}, err
	}
	defer browser.Close()
	for event := range browser.Events() {
		if event.Change != Vanished && wanted(event.Peer) {
			return event.Peer, nil
		}
	}
	return Peer{}, fault.UnknownHost.In("find peer", name).Says("no such peer on the local network").Because(ctx.Err()).
		Try("see tandem discover for the peers that are there, or give a URL")
}
