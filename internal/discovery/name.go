package discovery

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// metaName lists the service types, RFC 6763 §9.
const metaName = "_services._dns-sd._udp.local."

// service is the DNS name of a service type.
type service string

// instanceName returns the DNS name of a peer in the notation of package dns.
func (s service) instanceName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c <= ' ' || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "." + string(s)
}

// peerName undoes instanceName. It reports false for names of other services and for names that are
// no text.
func (s service) peerName(dnsName string) (string, bool) {
	at := len(dnsName) - len(s) - 1
	if at < 1 || dnsName[at] != '.' || !strings.EqualFold(dnsName[at+1:], string(s)) {
		return "", false
	}
	var b strings.Builder
	for rest := dnsName[:at]; rest != ""; {
		c := rest[0]
		switch {
		case c == '.':
			return "", false // a deeper name
		case c != '\\':
			rest = rest[1:]
		case len(rest) >= 4 && isDigits(rest[1:4]):
			c = (rest[1]-'0')*100 + (rest[2]-'0')*10 + rest[3] - '0'
			rest = rest[4:]
		case len(rest) >= 2:
			c, rest = rest[1], rest[2:]
		default:
			return "", false
		}
		b.WriteByte(c)
	}
	name := b.String()
	return name, len(name) <= maxName && isText(name)
}

// isText reports whether s is valid UTF-8 without control characters, which could harm a terminal.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 })
}

func isDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// nextName returns the name to try when name is taken: "x (2)", "x (3)" and so on.
func nextName(name string, number int) string {
	suffix := fmt.Sprintf(" (%d)", number)
	for len(name)+len(suffix) > maxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name + suffix
}

// key returns a name in the form that comparisons use: DNS ignores the case of ASCII letters.
func key(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}
