package discovery

import (
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	ttl       = 120 * time.Second // for records with a host name, RFC 6762 §10
	legacyTTL = 10 * time.Second  // RFC 6762 §6.7
	flush     = 1 << 15           // the cache-flush bit of a record's class
	maxAddrs  = 32                // of one peer
)

// records returns all records about a peer on one link.
func records(s service, p Peer, link Link, life time.Duration) []dns.RR {
	seconds := uint32(life / time.Second)
	head := func(name string, kind uint16, class uint16) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: kind, Class: class, Ttl: seconds}
	}
	const shared, unique = dns.ClassINET, dns.ClassINET | flush
	name := s.instanceName(p.Name)
	list := []dns.RR{
		&dns.PTR{Hdr: head(string(s), dns.TypePTR, shared), Ptr: name},
		&dns.SRV{Hdr: head(name, dns.TypeSRV, unique), Port: p.Port, Target: p.Host},
		&dns.TXT{Hdr: head(name, dns.TypeTXT, unique), Txt: describe(p)},
	}
	for i, n := range link.Nets {
		switch addr := n.Addr(); {
		case i >= maxAddrs, !p.isReachedAt(addr, link):
		case addr.Is4():
			list = append(list, &dns.A{Hdr: head(p.Host, dns.TypeA, unique), A: addr.AsSlice()})
		default:
			list = append(list, &dns.AAAA{Hdr: head(p.Host, dns.TypeAAAA, unique), AAAA: addr.AsSlice()})
		}
	}
	return list
}

// describe returns the strings of the TXT record, RFC 6763 §6.
func describe(p Peer) []string {
	text := []string{"txtvers=1", "db=" + escapeTXT(p.Database)}
	if len(p.Protocols) > 0 {
		text = append(text, "proto="+escapeTXT(joinProtocols(p.Protocols)))
	}
	if p.Fingerprint != "" {
		text = append(text, "fp="+escapeTXT(p.Fingerprint))
	}
	if p.Insecure {
		text = append(text, "tls=0")
	}
	return text
}

// parseDescription parses the strings of a TXT record into p. It ignores malformed ones.
func parseDescription(text []string, p *Peer) {
	seen := map[string]bool{}
	for _, pair := range text {
		name, value, _ := strings.Cut(pair, "=")
		name, value = strings.ToLower(name), unescapeTXT(value)
		if seen[name] || !isText(value) {
			continue // the first value of a name counts
		}
		seen[name] = true
		switch name {
		case "db":
			p.Database = value
		case "proto":
			p.Protocols = strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
		case "fp":
			p.Fingerprint = value
		case "tls":
			p.Insecure = value == "0"
		}
	}
}

func joinProtocols(protocols []string) string { return strings.Join(protocols, ",") }

// Package dns keeps the strings of TXT records in the notation of zone files.
func escapeTXT(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}

func unescapeTXT(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for s != "" {
		switch {
		case s[0] != '\\' || len(s) == 1:
			b.WriteByte(s[0])
			s = s[1:]
		case len(s) >= 4 && isDigits(s[1:4]):
			b.WriteByte((s[1]-'0')*100 + (s[2]-'0')*10 + s[3] - '0')
			s = s[4:]
		default:
			b.WriteByte(s[1])
			s = s[2:]
		}
	}
	return b.String()
}

// parse returns the message of a packet and the link on which it arrived. It reports false for
// packets that multicast DNS must ignore (RFC 6762 §11, §18).
func parse(links []Link, p Packet) (*dns.Msg, Link, bool) {
	link, ok := linkOf(links, p)
	if !ok || len(p.Data) > maxPacket {
		return nil, link, false
	}
	msg := new(dns.Msg)
	if err := msg.Unpack(p.Data); err != nil || msg.Opcode != dns.OpcodeQuery || msg.Rcode != dns.RcodeSuccess {
		return nil, link, false
	}
	if msg.Response && p.From.Port() != mdnsPort {
		return nil, link, false
	}
	return msg, link, true
}

// send packs and sends a message. It ignores errors: Links notices a link that is gone.
func send(s Socket, link int, msg *dns.Msg, to netip.AddrPort) {
	msg.Compress = true
	if data, err := msg.Pack(); err == nil {
		_ = s.Send(link, data, to)
	}
}

// listen passes received packets to a channel, until the socket or done is closed.
func listen(s Socket, done <-chan struct{}) <-chan Packet {
	packets := make(chan Packet)
	go func() {
		defer close(packets)
		for {
			p, err := s.Receive()
			if err != nil {
				return
			}
			select {
			case packets <- p:
			case <-done:
				return
			}
		}
	}()
	return packets
}
