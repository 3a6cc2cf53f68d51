package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tandemdb/tandem"
)

// findPeerTime bounds the search for a peer on the local network.
const findPeerTime = 5 * time.Second

// findPeer replaces the name of a peer on the local network by its URL. Anybody there can take a name, so
// that only an admin may use one.
func findPeer(ctx context.Context, who caller, what Replication) (Replication, error) {
	if what.Peer == "" {
		return what, nil
	}
	if who.user != nil && !isAdmin(who.user) {
		return what, refuse(http.StatusForbidden, "only an admin may name a peer on the local network").
			try("give the URL of the peer")
	}
	if (what.Source == "") == (what.Target == "") {
		return what, refuse(http.StatusBadRequest, "with peer, give either source or target, and no URL")
	}
	ctx, cancel := context.WithTimeout(ctx, findPeerTime)
	defer cancel()
	found, err := tandem.FindPeer(ctx, what.Peer, nil)
	if errors.Is(err, context.DeadlineExceeded) {
		return what, refuse(http.StatusNotFound, "no peer %.100q has appeared on the local network", what.Peer).
			try("GET /_peers lists those that can be found")
	}
	if err != nil {
		return what, err
	}
	cfg, err := tandem.ReplicatorConfigurationForPeer(ctx, found)
	if err != nil {
		return what, err
	}
	if what.Source == "" {
		what.Source = cfg.Endpoint.String()
	} else {
		what.Target = cfg.Endpoint.String()
	}
	if what.ReplicationTrust == (ReplicationTrust{}) {
		what.PinnedFingerprint = cfg.PinnedServerFingerprint
	}
	return what, nil
}
