package transport

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// response is a listener's answer to a request.
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
		res, err = http.ReadResponse(br, nil) // the last one was interim (RFC 9110 §15.2)
	}
	if err != nil {
		return nil, fault.New(fault.WebSocket, http.StatusBadRequest, "the peer's answer is not HTTP").Because(err).
			Try("check the port; use wss:// if the peer has TLS turned on")
	}
	return &response{res.StatusCode, res.Status, res.Header, res.Body, key}, nil
}

func (r *response) protocol() string { return r.header.Get("Sec-Websocket-Protocol") }

// check returns nil if the listener has agreed to a WebSocket with one of the offered protocols.
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

// refusal returns the error for a status other than 101.
func (r *response) refusal() error {
	if r.status >= 200 && r.status < 300 {
		return fault.ProtocolError.Says("the peer answered %s in place of an upgrade", r.line).
			Try("check that the URL is that of a database to sync with")
	}
	return fault.New(fault.WebSocket, r.status, r.message()).Try(statusHints[r.status])
}

var statusHints = map[int]string{
	http.StatusUnauthorized:        "check user name and password",
	http.StatusForbidden:           "check what this user may do on the peer",
	http.StatusNotFound:            "check the database's name at the end of the URL",
	http.StatusTooManyRequests:     "wait a minute after too many wrong passwords",
	http.StatusInternalServerError: "if it is about protocols, both databases need the same versioning: version-vectors or rev-trees",
	http.StatusServiceUnavailable:  "the peer is busy or stopping; try again later",
}

// message returns the listener's own explanation: a JSON reason, a text, or the status line.
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

// printable replaces control characters, which could mislead a terminal, by spaces.
func printable(c rune) rune {
	if c < ' ' || c >= 0x7F && c < 0xA0 {
		return ' '
	}
	return c
}

// hasToken reports whether a header contains token, in any case, among its comma-separated values.
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
