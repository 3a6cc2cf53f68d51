package transport

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/throttle"
)

// maxName is the longest database name in a request, in bytes.
const maxName = 240

// accepted holds the results of checking a request.
type accepted struct {
	id       string // X-Correlation-Id
	database string
	protocol string
	user     string
}

// refusal is an answer other than 101.
type refusal struct {
	status int
	text   string // for people
	header string // header lines to add, or ""
	page   string // HTML in place of the text, or ""
	json   string // JSON in place of the text, or ""
	user   string // the user that the client claims to be
}

func refuse(status int, text string) *refusal { return &refusal{status: status, text: text} }

func (no *refusal) body() (kind, text string) {
	switch {
	case no.page != "":
		return "text/html", no.page
	case no.json != "":
		return "application/json", no.json + "\n"
	}
	return "text/plain", no.text + "\n"
}

// judge runs all checks of a request. secure tells that the request came by TLS.
func (s *Server) judge(r *http.Request, from netip.Addr, secure bool) (accepted, *refusal) {
	a, no := s.check(r, from, secure)
	if no != nil {
		no.user = a.user
	}
	return a, no
}

func (s *Server) check(r *http.Request, from netip.Addr, secure bool) (accepted, *refusal) {
	a := accepted{id: newID()}
	no := pageFor(r, secure)
	if no == nil {
		no = s.checkOrigin(r, secure)
	}
	if no != nil {
		return a, no
	}
	if a.user, no = s.authenticate(r, from); no != nil {
		return a, no
	}
	db, no := s.route(r)
	if no != nil {
		return a, no
	}
	if no := checkUpgrade(r); no != nil {
		return a, no
	}
	a.database = db.Name
	a.protocol, no = choose(r, db.Protocols)
	return a, no
}

func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func (s *Server) authenticate(r *http.Request, from netip.Addr) (user string, no *refusal) {
	if user, known := userOf(r); known {
		return user, nil
	}
	if !s.cfg.Authenticator.needsPassword() {
		return "", nil
	}
	header := r.Header.Get("Authorization")
	if header == "" { // which is no guess
		return "", unauthorized()
	}
	if !s.throttle.Begin(s.quit, from) {
		s.pause(throttle.LongestDelay) // otherwise the client would return at once, for another TLS handshake
		no := refuse(http.StatusTooManyRequests, "too many wrong passwords from your address")
		no.header = "Retry-After: " + strconv.Itoa(int(throttle.Memory/time.Second))
		return "", no
	}
	user, ok := s.cfg.Authenticator.admit(s.log, header)
	if ok {
		s.throttle.Passed(from, user)
		return user, nil
	}
	s.pause(s.throttle.Failed(from, user))
	return user, unauthorized()
}

func unauthorized() *refusal {
	no := refuse(http.StatusUnauthorized, "user name or password is wrong or missing")
	no.header = `WWW-Authenticate: Basic realm="Tandem", charset="UTF-8"`
	return no
}

// route checks path and method, and finds the database.
func (s *Server) route(r *http.Request) (Database, *refusal) {
	name, found := strings.CutSuffix(r.URL.EscapedPath(), syncPath)
	name, rooted := strings.CutPrefix(name, "/")
	decoded, err := url.PathUnescape(name) // "" if it fails
	db, shared := s.database(decoded)
	switch {
	case !found && rooted && r.Header.Get("Upgrade") == "" && r.Method == http.MethodGet && shared:
		return Database{}, here(db)
	case !found && hasToken(r.Header, "Upgrade", "websocket") && (name == "" || shared):
		return Database{}, refuse(http.StatusForbidden, "there is no WebSocket here: append "+syncPath)
	case !found, !rooted, strings.Contains(name, "/"):
		return Database{}, refuse(http.StatusNotFound, "there is nothing at this path")
	case r.Method != http.MethodGet:
		no := refuse(http.StatusMethodNotAllowed, "only GET works here")
		no.header = "Allow: GET"
		return Database{}, no
	}
	control := strings.ContainsFunc(decoded, func(c rune) bool { return c < ' ' || c == 0x7F })
	if err != nil || decoded == "" || len(decoded) > maxName || decoded[0] == '_' || control {
		return Database{}, refuse(http.StatusBadRequest, "this is no database name")
	}
	if !shared {
		return Database{}, refuse(http.StatusNotFound, fmt.Sprintf("there is no database %q here", decoded))
	}
	return db, nil
}

// here answers a Sync Gateway that checks, before it replicates, whether the database exists. The
// gateway needs only the status; the body resembles that of another gateway.
func here(db Database) *refusal {
	text, _ := json.Marshal(map[string]string{"db_name": db.Name, "state": "Online"}) // strings never fail
	yes := refuse(http.StatusOK, "a client was told that the database is here")
	yes.json = string(text)
	return yes
}

func (s *Server) database(name string) (Database, bool) {
	at := slices.IndexFunc(s.cfg.Databases, func(db Database) bool { return db.Name == name })
	if at < 0 {
		return Database{}, false
	}
	return s.cfg.Databases[at], true
}

// checkUpgrade checks that the request asks for a WebSocket. It accepts a list in Connection, which
// some clients and proxies send.
func checkUpgrade(r *http.Request) *refusal {
	version, err := strconv.Atoi(r.Header.Get("Sec-Websocket-Version"))
	switch {
	case !hasToken(r.Header, "Connection", "upgrade"), !hasToken(r.Header, "Upgrade", "websocket"):
		no := refuse(http.StatusUpgradeRequired, "this is a WebSocket for a replicator: ws:// and wss:// URLs lead here")
		no.header = "Upgrade: websocket"
		return no
	case !r.ProtoAtLeast(1, 1):
		return refuse(http.StatusBadRequest, "a WebSocket needs HTTP/1.1")
	case err != nil || version < 13:
		no := refuse(http.StatusBadRequest, "this WebSocket version is not supported")
		no.header = "Sec-WebSocket-Version: 13"
		return no
	case len(r.Header.Get("Sec-Websocket-Key")) < 10:
		return refuse(http.StatusBadRequest, "the key of the WebSocket is missing")
	}
	return nil
}

// choose returns the client's first protocol that the server speaks, too. Without one the answer is
// Sync Gateway's status, which clients take as final, with the reason as text.
func choose(r *http.Request, protocols []string) (string, *refusal) {
	offered := r.Header.Values("Sec-Websocket-Protocol")
	for _, line := range offered {
		for p := range strings.SplitSeq(line, ",") {
			if p = strings.TrimSpace(p); slices.Contains(protocols, p) {
				return p, nil
			}
		}
	}
	return "", refuse(http.StatusInternalServerError, fmt.Sprintf("I only speak %s, and you offer %s",
		strings.Join(protocols, ", "), cmp.Or(strings.Join(offered, ", "), "nothing")))
}

// switching returns the response in the exact form that clients require.
func (s *Server) switching(r *http.Request, a accepted) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\nX-Correlation-Id: %s\r\n",
		acceptKey(r.Header.Get("Sec-Websocket-Key")), a.protocol, a.id)
	s.signature(&b)
	return b.Bytes()
}

// refuse answers a request with a refusal, and waits until the client has read it.
func (s *Server) refuse(nc net.Conn, r *http.Request, no *refusal) {
	s.answer(nc, r, no)
	linger(nc, lingerWait)
}

// answer sends a refusal; r is nil if the request could not be read.
func (s *Server) answer(nc net.Conn, r *http.Request, no *refusal) {
	s.noteRefusal(nc.RemoteAddr().String(), r, no)
	s.send(nc, r, no)
}

func (s *Server) send(nc net.Conn, r *http.Request, no *refusal) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", no.status, http.StatusText(no.status))
	if no.header != "" {
		fmt.Fprintf(&b, "%s\r\n", no.header)
	}
	kind, body := no.body()
	fmt.Fprintf(&b, "Connection: close\r\nContent-Type: %s; charset=utf-8\r\nContent-Length: %d\r\n", kind, len(body))
	s.signature(&b)
	if r == nil || r.Method != http.MethodHead {
		b.WriteString(body)
	}
	_, _ = nc.Write(b.Bytes())
}

func (s *Server) noteRefusal(client string, r *http.Request, no *refusal) {
	path, agent := "", ""
	if r != nil {
		path, agent = r.URL.Path, r.UserAgent()
	}
	if no.status == http.StatusOK {
		s.log.Info(no.text, "client", client, "path", path)
		return
	}
	s.log.Info("refused a client", "client", client, "path", path, "status", no.status, "reason", no.text)
	s.refused(Refused{client, no.user, agent, fault.New(fault.WebSocket, no.status, no.text)})
}

func (s *Server) refused(client Refused) {
	if s.cfg.Refused != nil {
		s.cfg.Refused(client)
	}
}

// signature writes the last headers of every response.
func (s *Server) signature(b *bytes.Buffer) {
	fmt.Fprintf(b, "Server: %s\r\nDate: %s\r\n\r\n",
		cmp.Or(s.cfg.Product, "Tandem"), time.Now().UTC().Format(http.TimeFormat))
}
