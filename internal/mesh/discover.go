package mesh

import (
	"context"
	"crypto/rand"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/tandemdb/tandem/internal/discovery"
)

// Discovery makes a node findable on the local networks, and lets it find others there, by DNS-SD
// with the type [discovery.MeshService]. The name of an instance is random for each start. The TXT
// record has the path of the group in URLs (db), the peer's ID (fp), the version of the protocol
// (proto) and, behind that and while devices may join, the tags that these look for.
type Discovery struct {
	Path       string // of the group
	Port       uint16
	Addrs      []netip.Addr      // where the peer answers; empty means at all
	Interfaces []string          // to use; empty means all
	Network    discovery.Network // nil means this machine's

	// Tags returns what those look for who want to join. Nil returns none.
	Tags func() []string
	// Renew has Tags asked anew. It may be nil.
	Renew <-chan struct{}
}

const (
	protocolVersion = "1"
	discoverAgain   = 30 * time.Second // after there was no network
	joinPrefix      = "join-"
	maxTags         = 8
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
	ad, err := n.advertise(ctx, d, opts)
	if err != nil {
		return err
	}
	defer func() { _ = ad.Close() }()
	browser, err := discovery.Browse(ctx, opts)
	if err != nil {
		return err
	}
	defer browser.Close()
	for {
		select {
		case e, ok := <-browser.Events():
			if !ok {
				return nil
			}
			n.found(e, d.Path)
		case <-d.Renew:
			again, err := n.advertise(ctx, d, opts)
			if err != nil {
				return err
			}
			_ = ad.Close() // it says goodbye, and cannot fail
			ad = again
		}
	}
}

// advertise makes the node findable under a new random name.
func (n *Node) advertise(ctx context.Context, d Discovery, opts discovery.Options) (*discovery.Advertiser, error) {
	peer := discovery.Peer{
		Name: rand.Text()[:12], Database: d.Path, Protocols: []string{protocolVersion}, Fingerprint: n.cfg.Self.String(),
		Port: d.Port, Addrs: d.Addrs,
	}
	if d.Tags != nil {
		all := d.Tags()
		for _, tag := range all[:min(len(all), maxTags)] {
			peer.Protocols = append(peer.Protocols, joinPrefix+tag)
		}
	}
	return discovery.Advertise(ctx, peer, opts)
}

// found passes on what was discovered of the group.
func (n *Node) found(e discovery.Event, path string) {
	id, ok := parseID(e.Peer.Fingerprint)
	if !ok || e.Peer.Database != path || id == n.cfg.Self {
		return
	}
	addresses := addressesOf(e.Peer)
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

// FindJoin calls found with the addresses of members that let in who has a tag, until ctx ends. It
// fails if there is no network.
func FindJoin(ctx context.Context, tag string, network discovery.Network, found func(addresses []string)) error {
	browser, err := discovery.Browse(ctx, discovery.Options{Service: discovery.MeshService, Network: network})
	if err != nil {
		return err
	}
	defer browser.Close()
	for e := range browser.Events() {
		if e.Change != discovery.Vanished && slices.Contains(e.Peer.Protocols, joinPrefix+tag) {
			found(addressesOf(e.Peer))
		}
	}
	return nil
}

func addressesOf(p discovery.Peer) (addresses []string) {
	for _, a := range p.Addrs {
		addresses = append(addresses, netip.AddrPortFrom(a, p.Port).String())
	}
	return addresses
}
