package mesh

import (
	"context"
	"crypto/rand"
	"net/netip"
	"strconv"
	"time"

	"github.com/tandemdb/tandem/internal/discovery"
)

// Discovery makes a node findable on the local networks, and lets it find others there, by DNS-SD
// with the type [discovery.MeshService]. The name of an instance is random for each start. The TXT
// record has the path of the group in URLs (db), the peer's ID (fp) and the version of the protocol
// (proto).
type Discovery struct {
	Path       string // of the group
	Port       uint16
	Addrs      []netip.Addr      // where the peer answers; empty means at all
	Interfaces []string          // to use; empty means all
	Network    discovery.Network // nil means this machine's
}

const (
	protocolVersion = "1"
	discoverAgain   = 30 * time.Second // after there was no network
)

// Discover advertises the node and looks for others until ctx ends. Without a network it tries again.
func (n *Node) Discover(ctx context.Context, d Discovery) {
	for ctx.Err() == nil {
		if err := n.discover(ctx, d); err != nil {
			n.log.Info("no discovery on local networks", "error", err)
		}
		timer := time.NewTimer(discoverAgain)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (n *Node) discover(ctx context.Context, d Discovery) error {
	opts := discovery.Options{Interfaces: d.Interfaces, Service: discovery.MeshService, Network: d.Network}
	ad, err := discovery.Advertise(ctx, discovery.Peer{
		Name: rand.Text()[:12], Database: d.Path, Protocols: []string{protocolVersion}, Fingerprint: n.cfg.Self.String(),
		Port: d.Port, Addrs: d.Addrs,
	}, opts)
	if err != nil {
		return err
	}
	defer ad.Close()
	browser, err := discovery.Browse(ctx, opts)
	if err != nil {
		return err
	}
	defer browser.Close()
	for e := range browser.Events() {
		n.found(e, d.Path)
	}
	return nil
}

// found passes on what was discovered of the group.
func (n *Node) found(e discovery.Event, path string) {
	id, ok := parseID(e.Peer.Fingerprint)
	if !ok || e.Peer.Database != path || id == n.cfg.Self {
		return
	}
	var addresses []string
	for _, a := range e.Peer.Addrs {
		addresses = append(addresses, netip.AddrPortFrom(a, e.Peer.Port).String())
	}
	n.mu.Lock()
	if e.Change == discovery.Vanished {
		n.o.Gone(id)
	} else {
		n.o.Seen(time.Now(), id, addresses)
	}
	n.mu.Unlock()
	n.poke()
	n.changed()
}

// parseID reads an ID in the form of [ID.String].
func parseID(text string) (id ID, ok bool) {
	if len(text) != 3*len(id)-1 {
		return id, false
	}
	for i := range id {
		b, err := strconv.ParseUint(text[3*i:3*i+2], 16, 8)
		if err != nil {
			return id, false
		}
		id[i] = byte(b)
	}
	return id, id.String() == text
}
