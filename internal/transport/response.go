package transport

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// newKey makes a Sec-WebSocket-Key.
func newKey() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// acceptKey is the Sec-WebSocket-Accept for key.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + acceptGUID))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// request renders the request in the order of spec/handshake.md §2.
func (d *dialer) request(key string) []byte {
	user := http.Header{}
	for name, values := range d.cfg.Headers { // of a literal, they may be in any case
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

// reservedHeaders are never the caller's.
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
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password))
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

// response is a listener's answer.
type response struct {
	status int
	line   string // "404 Not Found"
	header http.Header
	body   io.ReadCloser
	key    string // of the request
}

func readResponse(br *bufio.Reader, key string) (*response, error) {
	res, err := http.ReadResponse(br, nil)
	for err == nil && res.StatusCode < 200 && res.StatusCode != http.StatusSwitchingProtocols {
		res, err = http.ReadResponse(br, nil) // that was an interim one (RFC 9110 §15.2)
	}
	if err != nil {
		return nil, fault.New(fault.WebSocket, http.StatusBadRequest, "the peer's answer is not HTTP").Because(err).
			Try("check the port; use wss:// if the peer has TLS turned on")
	}
	return &response{res.StatusCode, res.Status, res.Header, res.Body, key}, nil
}

func (r *response) protocol() string { return r.header.Get("Sec-Websocket-Protocol") }

// check returns nil if the listener agreed (spec/handshake.md §3).
func (r *response) check(offered []string) error {
	switch {
	case r.status != http.StatusSwitchingProtocols:
		return r.refusal()
	case !hasToken(r.header, "Connection", "upgrade"), !hasToken(r.header, "Upgrade", "websocket"):
		return fault.ProtocolError.Says("the peer's answer is no upgrade to a WebSocket")
	case r.header.Get("Sec-Websocket-Accept") != acceptKey(r.key):
		return fault.ProtocolError.Says("the peer's answer belongs to another request")
	case r.protocol() == "":
		return fault.ProtocolError.Says("the peer chose no protocol").
			Try("check that the URL is that of a database to sync with")
	case !slices.Contains(offered, r.protocol()):
		return fault.Forbidden.Says("the peer chose the protocol %q, which was not offered", r.protocol())
	}
	return nil
}

// refusal is the error for a status other than 101.
func (r *response) refusal() error {
	if r.status >= 200 && r.status < 300 {
		return fault.ProtocolError.Says("the peer answered %s in place of an upgrade", r.line).
			Try("check that the URL is that of a database to sync with")
	}
	return fault.New(fault.WebSocket, r.status, r.message()).Try(statusHints[r.status])
}

var statusHints = map[int]string{
	http.StatusUnauthorized:       "check user name and password",
	http.StatusForbidden:          "check what this user may do on the peer",
	http.StatusNotFound:           "check the database's name at the end of the URL",
	http.StatusTooManyRequests:    "wait a minute after too many wrong passwords",
	http.StatusServiceUnavailable: "the peer is busy or stopping; try again later",
}

// message is the listener's own explanation: a JSON reason, a text, or the status line.
func (r *response) message() string {
	kind, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	body, _ := io.ReadAll(io.LimitReader(r.body, 1<<10))
	var said struct{ Reason string }
	text := ""
	switch {
	case kind == "application/json" && json.Unmarshal(body, &said) == nil:
		text = said.Reason
	case kind == "text/plain":
		text = string(body)
	}
	text = strings.TrimSpace(strings.Map(printable, text))
	return cmp.Or(text, r.line)
}

// printable keeps a foreign text from playing with a terminal.
func printable(c rune) rune {
	if c < ' ' || c >= 0x7F && c < 0xA0 {
		return ' '
	}
	return c
}

// hasToken looks for token, in any case, in a header that may list several.
func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
