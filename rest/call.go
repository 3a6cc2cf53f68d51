package rest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/throttle"
)

// call is one request on its way through the handler.
type call struct {
	h     *Handler
	w     *response
	r     *http.Request
	id    string // the correlation ID
	from  netip.Addr
	began time.Time
	who   caller
	needs need // of the route

	at     string // the name of the audience of sessions: see [audience]
	inside bool   // another call sends the request, for who, and was checked itself

	secure bool // the client uses TLS

	// What the path names: see the package comment.
	db   *served
	ks   keyspace
	coll *tandem.Collection
	vars []string

	query url.Values // see param
}

func newCall(h *Handler, w http.ResponseWriter, r *http.Request) *call {
	c := &call{at: apiAudience, h: h, w: newResponse(w, h.cfg.Limits.Patience), r: r, id: newID(), began: time.Now()}
	if address, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.setFrom(address.Addr())
	}
	c.trustProxy()
	header := w.Header()
	header.Set("X-Correlation-Id", c.id)
	header.Set("Server", serverName)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	return c
}

// setFrom notes the address of the client, for limits.
func (c *call) setFrom(address netip.Addr) {
	c.from = throttle.AddressOf(&net.TCPAddr{IP: address.AsSlice()})
}

const serverName = "Tandem/" + tandem.Version

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}

// finish answers a panic, and logs the request.
func (c *call) finish() {
	p := recover()
	if p != nil && p != http.ErrAbortHandler { //nolint:errorlint // the value itself, as net/http compares it
		c.log(slog.LevelError, "panic", "panic", p, "stack", string(debug.Stack()))
		c.answerFailure(refuse(http.StatusInternalServerError, "unexpected error"))
	}
	c.audit(auditRequest, "method", c.r.Method, "path", c.r.URL.EscapedPath(), "status", c.w.status)
	c.log(c.level(), "request", "user", c.who.name, "address", c.from, "method", c.r.Method, "path", c.r.URL.EscapedPath(),
		"status", c.w.status, "bytes", c.w.bytes, "duration", time.Since(c.began))
	if p == http.ErrAbortHandler { //nolint:errorlint // as above
		panic(p)
	}
}

// level is that of the record of the request: an open page asks all the time.
func (c *call) level() slog.Level {
	if c.inside || c.at == pageAudience && c.r.Method == http.MethodGet {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// log logs something about the request.
func (c *call) log(level slog.Level, text string, args ...any) {
	if c.h.cfg.Logger != nil {
		c.h.cfg.Logger.Log(context.WithoutCancel(c.r.Context()), level, text, append(args, "id", c.id)...)
	}
}

// param returns a parameter of the query, "" if it is missing. A JSON string may stand for its text.
func (c *call) param(name string) string {
	if c.query == nil {
		c.query = c.r.URL.Query()
	}
	return unquoted(c.query.Get(name))
}

func (c *call) has(name string) bool {
	if c.query == nil {
		c.query = c.r.URL.Query()
	}
	return c.query.Has(name)
}

// unquoted returns the text of a JSON string, or the text itself.
func unquoted(text string) string {
	if len(text) >= 2 && strings.HasPrefix(text, `"`) && strings.HasSuffix(text, `"`) {
		var plain string
		if unmarshal([]byte(text), &plain) == nil {
			return plain
		}
	}
	return text
}

// flag returns a parameter that is true or false, and false if it is missing.
func (c *call) flag(name string) (bool, error) {
	switch text := c.param(name); text {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	default:
		return false, refuse(http.StatusBadRequest, "%s is %.40q, want true or false", name, text)
	}
}

// bare is [call.flag] for one that may stand without a value, and is true then.
func (c *call) bare(name string) (bool, error) {
	if c.has(name) && c.param(name) == "" {
		return true, nil
	}
	return c.flag(name)
}

// number returns a parameter that is a whole number from 0, and missing if there is none.
func (c *call) number(name string, missing uint64) (uint64, error) {
	text := c.param(name)
	if text == "" {
		return missing, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, refuse(http.StatusBadRequest, "%s is %.40q, want a number from 0", name, text)
	}
	return n, nil
}
