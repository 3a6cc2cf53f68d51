package discovery

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// Limits of the cache; records beyond them are ignored.
const (
	maxPeers = 1000
	maxHosts = 2000

	maxQuestions = 16 // in one packet
)

// cache keeps received records for the life that their senders set (RFC 6762 §10).
type cache struct {
	service service
	peers   map[string]*heard          // by key(name)
	hosts   map[string]map[place]lease // by key(host name)
}

// heard holds the records of one peer.
type heard struct {
	name          string
	ptr, srv, txt lease
	host          string
	peer          Peer // has port and description
	asked         int  // number of questions for missing records
	askAt         time.Time
}

// place is an address on one link.
type place struct {
	link int
	addr netip.Addr
}

// lease is the life of a record, and the number of times its owner was asked to renew it.
type lease struct {
	begins, ends time.Time
	asked        int
}

func newCache(s service) *cache {
	return &cache{service: s, peers: map[string]*heard{}, hosts: map[string]map[place]lease{}}
}

// add stores the records of a message received on link.
func (c *cache) add(msg *dns.Msg, link Link, now time.Time) {
	all := slices.Concat(msg.Answer, msg.Extra)
	for _, rr := range all {
		switch rr := rr.(type) {
		case *dns.PTR:
			if key(rr.Hdr.Name) == string(c.service) {
				c.lookup(rr.Ptr, rr.Hdr, func(h *heard) { h.ptr = leaseOf(rr.Hdr, now) })
			}
		case *dns.SRV:
			c.lookup(rr.Hdr.Name, rr.Hdr, func(h *heard) {
				h.srv, h.host, h.peer.Port = leaseOf(rr.Hdr, now), key(rr.Target), rr.Port
			})
		case *dns.TXT:
			c.lookup(rr.Hdr.Name, rr.Hdr, func(h *heard) {
				h.txt, h.peer = leaseOf(rr.Hdr, now), Peer{Port: h.peer.Port}
				parseDescription(rr.Txt, &h.peer)
			})
		}
	}
	for _, rr := range all { // after the SRV records, whose hosts decide which addresses are kept
		switch rr := rr.(type) {
		case *dns.A:
			c.addAddr(rr.Hdr, rr.A, link, now)
		case *dns.AAAA:
			c.addAddr(rr.Hdr, rr.AAAA, link, now)
		}
	}
}

// lookup runs do on the entry of a peer, and creates a missing one unless the record is a goodbye.
func (c *cache) lookup(dnsName string, head dns.RR_Header, do func(*heard)) {
	name, ok := c.service.peerName(dnsName)
	if !ok {
		return
	}
	h := c.peers[key(name)]
	if h == nil {
		if head.Ttl == 0 || len(c.peers) >= maxPeers {
			return
		}
		h = &heard{name: name}
		c.peers[key(name)] = h
	}
	do(h)
}

func (c *cache) addAddr(head dns.RR_Header, ip []byte, link Link, now time.Time) {
	addr, ok := netip.AddrFromSlice(ip)
	if !ok || addr.IsUnspecified() || addr.IsMulticast() {
		return
	}
	if addr = addr.Unmap(); addr.IsLinkLocalUnicast() && addr.Is6() {
		addr = addr.WithZone(link.Name)
	}
	host := key(head.Name)
	if !c.needs(host) {
		return
	}
	places := c.hosts[host]
	if places == nil {
		places = map[place]lease{}
		c.hosts[host] = places
	}
	if head.Class&flush != 0 { // replaces other addresses of this link and family, RFC 6762 §10.2
		maps.DeleteFunc(places, func(p place, l lease) bool {
			return p.link == link.Index && p.addr.Is4() == addr.Is4() && now.Sub(l.begins) > time.Second
		})
	}
	if len(places) < maxAddrs {
		places[place{link.Index, addr}] = leaseOf(head, now)
	}
}

// needs reports whether the cache has the host already, or a peer runs on it.
func (c *cache) needs(host string) bool {
	if c.hosts[host] != nil {
		return true
	}
	return len(c.hosts) < maxHosts && slices.ContainsFunc(slices.Collect(maps.Values(c.peers)),
		func(h *heard) bool { return h.host == host })
}

// expire drops expired records.
func (c *cache) expire(now time.Time) {
	used := map[string]bool{}
	for k, h := range c.peers {
		if !h.ptr.counts(now) && !h.srv.counts(now) {
			delete(c.peers, k)
			continue
		}
		used[h.host] = true
	}
	for host, places := range c.hosts {
		maps.DeleteFunc(places, func(_ place, l lease) bool { return !l.counts(now) })
		if len(places) == 0 || !used[host] {
			delete(c.hosts, host)
		}
	}
}

// found returns the completely known peers, by key(name).
func (c *cache) found(now time.Time) map[string]Peer {
	all := map[string]Peer{}
	for k, h := range c.peers {
		if p, ok := c.peerOf(h, now); ok {
			all[k] = p
		}
	}
	return all
}

func (c *cache) peerOf(h *heard, now time.Time) (Peer, bool) {
	p := h.peer
	p.Name, p.Host = h.name, h.host
	for at, l := range c.hosts[h.host] {
		if l.counts(now) && !slices.Contains(p.Addrs, at.addr) {
			p.Addrs = append(p.Addrs, at.addr)
		}
	}
	sortAddrs(p.Addrs)
	whole := h.ptr.counts(now) && h.srv.counts(now) && h.txt.counts(now) && len(p.Addrs) > 0
	return p, whole && p.Port > 0 && p.Database != ""
}

// questions returns the questions that are due: for missing records, and for records that expire
// soon.
func (c *cache) questions(now time.Time) []dns.Question {
	var list []dns.Question
	for _, h := range c.peers {
		at, what := c.nextAsk(h, now)
		if at.IsZero() || at.After(now) || len(list) >= maxQuestions {
			continue
		}
		h.asked++
		h.askAt = now.Add(time.Second << min(h.asked, 6))
		h.srv.asked++
		list = append(list, what)
	}
	return list
}

// nextAsk returns the time and the text of the next question about h. The zero time means never.
func (c *cache) nextAsk(h *heard, now time.Time) (time.Time, dns.Question) {
	whole := dns.Question{Name: c.service.instanceName(h.name), Qtype: dns.TypeANY, Qclass: dns.ClassINET}
	if _, ok := c.peerOf(h, now); ok {
		h.asked, h.askAt = 0, time.Time{}
		return h.srv.renewal(), whole
	}
	at := h.askAt
	if at.IsZero() {
		at = now
	}
	if h.srv.counts(now) && h.txt.counts(now) { // the addresses are missing
		return at, dns.Question{Name: h.host, Qtype: dns.TypeANY, Qclass: dns.ClassINET}
	}
	return at, whole
}

// wake returns the time when the cache next has a question or an expired record, at most limit.
func (c *cache) wake(now, limit time.Time) time.Time {
	earliest := limit
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(earliest) {
			earliest = t
		}
	}
	for _, h := range c.peers {
		at, _ := c.nextAsk(h, now)
		sooner(at)
		for _, l := range []lease{h.ptr, h.srv, h.txt} {
			if l.counts(now) {
				sooner(l.ends)
			}
		}
	}
	for _, places := range c.hosts {
		for _, l := range places {
			sooner(l.ends)
		}
	}
	return earliest
}

// leaseOf returns the lease of a record received now. A goodbye leaves a record one second, in
// which another peer may renew it (RFC 6762 §10.1). No lease is longer than a day.
func leaseOf(head dns.RR_Header, now time.Time) lease {
	life := min(time.Duration(head.Ttl)*time.Second, 24*time.Hour)
	return lease{begins: now, ends: now.Add(cmp.Or(life, time.Second))}
}

func (l lease) counts(now time.Time) bool { return now.Before(l.ends) }

// renewal returns when to ask the owner for the record again: after 80, 90 and 95 % of its life
// (RFC 6762 §5.2), then never.
func (l lease) renewal() time.Time {
	percent := []time.Duration{80, 90, 95}
	if l.asked >= len(percent) {
		return time.Time{}
	}
	return l.begins.Add(l.ends.Sub(l.begins) / 100 * percent[l.asked])
}
