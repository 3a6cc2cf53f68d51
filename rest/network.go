package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/tandemdb/tandem"
)

func networkRoutes() []route {
	return []route{
		{method: "GET", pattern: "/_peers", needs: admin, do: getPeers},
		{method: "GET", pattern: "/_listener", needs: admin, do: getListener},
	}
}

// The time that GET /_peers looks for peers, in milliseconds.
const (
	defaultPeersTime = 2_000
	maxPeersTime     = 10_000
)

type peer struct {
	Name        string   `json:"name"`
	Database    string   `json:"database"`
	URLs        []string `json:"urls"`
	Protocols   []string `json:"protocols"`
	Fingerprint string   `json:"fingerprint,omitempty"`
	Insecure    bool     `json:"insecure,omitempty"`
}

// getPeers looks for peers on the local network for a while.
func getPeers(c *call) error {
	wait, err := c.number("timeout", defaultPeersTime)
	if err != nil {
		return err
	}
	ctx, cancel := c.h.life.context(c.r.Context())
	defer cancel()
	browser, err := tandem.BrowsePeers(ctx)
	if err != nil {
		return refuse(http.StatusNotImplemented, "the network cannot be browsed here: %v", err)
	}
	defer browser.Close()
	ctx, cancel = context.WithTimeout(ctx, time.Duration(min(wait, maxPeersTime))*time.Millisecond)
	defer cancel()
	for done := false; !done; {
		select {
		case _, more := <-browser.Events():
			done = !more
		case <-ctx.Done():
			done = true
		}
	}
	found := []peer{}
	for _, p := range browser.Peers() {
		found = append(found, peer{p.Name, p.Database, orEmpty(p.URLs()), orEmpty(p.Protocols), p.Fingerprint, p.Insecure})
	}
	return c.answer(http.StatusOK, found)
}

// orEmpty has an empty list encoded as such.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// listener is where peers reach this server.
type listener struct {
	URLs        []string `json:"urls"`
	Fingerprint string   `json:"fingerprint,omitempty"`
	Advertised  string   `json:"advertised,omitempty"`
	Clients     int      `json:"clients"`
}

// getListener says where peers reach this server, and which certificate they see.
func getListener(c *call) error {
	l := c.h.cfg.Sync
	if l == nil {
		return refuse(http.StatusNotImplemented, "peers cannot sync with this server")
	}
	shown := listener{URLs: orEmpty(l.URLs()), Advertised: l.AdvertisedName(), Clients: l.Status().ConnectionCount}
	if id := l.TLSIdentity(); id != nil {
		shown.Fingerprint = id.Fingerprint()
	}
	return c.answer(http.StatusOK, shown)
}
