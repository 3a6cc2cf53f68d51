package discovery

import (
	"bufio"
	"io"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// ParseList parses a list of peers, for networks without multicast. Each line has a name without
// white space, a URL and an optional certificate fingerprint, separated by white space. Empty lines
// and lines that begin with "#" are ignored:
//
//	till-7  wss://192.0.2.7:4984/sales  9F:86:D0:…
//	office  wss://office.example.com:4984/sales
//
// It fails with [fault.Invalid] and the number of the first malformed line.
func ParseList(r io.Reader) ([]Peer, error) {
	var list []Peer
	lines := bufio.NewScanner(r)
	number := 0
	for lines.Scan() {
		number++
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		p, ok := parseLine(fields)
		if !ok {
			return nil, fault.Invalid.In("read list of peers", "line "+strconv.Itoa(number)).
				Says("want a name, a URL such as wss://host:port/database, and perhaps a fingerprint")
		}
		list = append(list, p)
	}
	if err := lines.Err(); err != nil {
		return nil, fault.IO.In("read list of peers", "").Because(err)
	}
	return list, nil
}

func parseLine(fields []string) (Peer, bool) {
	if len(fields) < 2 || len(fields) > 3 {
		return Peer{}, false
	}
	u, err := url.Parse(fields[1])
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "ws" && u.Scheme != "wss" {
		return Peer{}, false
	}
	port := map[string]uint64{"ws": 80, "wss": 443}[u.Scheme]
	if u.Port() != "" {
		if port, err = strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 {
			return Peer{}, false
		}
	}
	p := Peer{
		Name: fields[0], Database: strings.Trim(u.Path, "/"), Port: uint16(port), Host: u.Hostname(),
		Insecure: u.Scheme == "ws",
	}
	if len(fields) == 3 {
		p.Fingerprint = fields[2]
	}
	if addr, err := netip.ParseAddr(p.Host); err == nil {
		p.Addrs = []netip.Addr{addr}
	}
	return p, p.Database != ""
}
