package transport

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// request returns the request, with its headers in a fixed order.
func (d *dialer) request(key string) []byte {
	user := http.Header{}
	for name, values := range d.cfg.Headers { // the names in a literal may be in any case
		name = http.CanonicalHeaderKey(name)
		user[name] = append(user[name], values...)
	}
	if !d.trusted {
		user.Del("Authorization")
		user.Del("Cookie")
	}
	own := func(name, usual string) string {
		value := usual
		if v := user.Get(name); v != "" {
			value = v
		}
		user.Del(name)
		return oneLine.Replace(value)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\n", d.target)
	fmt.Fprintf(&b, "Host: %s\r\n", own("Host", d.to.hostHeader()))
	fmt.Fprintf(&b, "User-Agent: %s\r\n", own("User-Agent", cmp.Or(d.cfg.UserAgent, "Tandem")))
	if auth := own("Authorization", d.authorization()); auth != "" {
		fmt.Fprintf(&b, "Authorization: %s\r\n", auth)
	}
	if cookies := d.cookies(user); cookies != "" {
		fmt.Fprintf(&b, "Cookie: %s\r\n", cookies)
	}
	_ = user.WriteSubset(&b, reservedHeaders)
	fmt.Fprintf(&b, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n", key, strings.Join(d.cfg.Protocols, ","))
	return b.Bytes()
}

// reservedHeaders lists headers that the caller cannot set.
var reservedHeaders = map[string]bool{
	"Connection": true, "Upgrade": true, "Cookie": true, "Content-Length": true, "Transfer-Encoding": true,
	"Sec-Websocket-Version": true, "Sec-Websocket-Key": true, "Sec-Websocket-Protocol": true,
	"Sec-Websocket-Extensions": true, "Sec-Websocket-Accept": true,
}

var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

func (d *dialer) authorization() string {
	c := d.cfg.Credentials
	if c == nil || !d.trusted {
		return ""
	}
	return basic(c.User, c.Password)
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func (d *dialer) cookies(user http.Header) string {
	all := slices.Clone(user["Cookie"])
	if d.cfg.Cookies != nil {
		if kept := d.cfg.Cookies.header(d.to, d.path()); kept != "" {
			all = append(all, kept)
		}
	}
	return oneLine.Replace(strings.Join(all, "; "))
}

// newKey returns a random Sec-WebSocket-Key.
func newKey() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// acceptGUID is appended to the key by every listener (RFC 6455 §1.3).
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// acceptKey returns the Sec-WebSocket-Accept for key.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + acceptGUID))
	return base64.StdEncoding.EncodeToString(sum[:])
}
