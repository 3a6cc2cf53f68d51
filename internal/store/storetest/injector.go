package storetest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Injector stands between nodes and their server, and has statements fail as a server fails them at the isolation level serializable:
// such a statement is not run, and undoes its transaction.
type Injector struct {
	listener net.Listener
	server   string
	random   bool // some fail, but not where functions see it that run again, which not those of every test do well
	work     sync.WaitGroup

	mu     sync.Mutex // guards the following
	open   map[net.Conn]bool
	conns  uint64
	next   int // how many statements until one fails; 0 for none
	failed int
}

const (
	injectSeed   = 18
	injectAlone  = 40 // one of so many statements that are no part of a transaction fails
	injectWithin = 6  // one of so many transactions fails
	injectFirst  = 12 // at one of so many first statements

	failingName = "tandem_failing"
	failing     = `DO $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '40001'; END $$`
)

// spared are statements that no other transaction is in the way of.
var spared = regexp.MustCompile(`(?i)^\s*(BEGIN|ROLLBACK|SET|SAVEPOINT|DEALLOCATE|DO)\b`)

// StartInjector starts an injector in front of the server of a database, and returns the URL by way of it.
func StartInjector(t testing.TB, database string) (i *Injector, through string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = hostOf(u.Host)
	if i, err = startInjector(u.Host, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.stop)
	u.Host = i.listener.Addr().String()
	return i, u.String()
}

// FailAt has the nth statement from now on fail, the next one for 1. It returns how many have failed so far.
func (i *Injector) FailAt(n int) (failed int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.next = n
	return i.failed
}

func startInjector(server string, random bool) (*Injector, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &Injector{listener: listener, server: server, random: random, open: make(map[net.Conn]bool)}
	i.work.Go(i.accept)
	return i, nil
}

func (i *Injector) stop() {
	_ = i.listener.Close()
	i.mu.Lock()
	for c := range i.open {
		_ = c.Close()
	}
	i.open = nil
	i.mu.Unlock()
	i.work.Wait()
}

func (i *Injector) accept() {
	for {
		node, err := i.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", i.server)
		if err != nil {
			_ = node.Close()
			continue
		}
		i.mu.Lock()
		if i.open == nil {
			i.mu.Unlock()
			_, _ = node.Close(), server.Close()
			return
		}
		i.open[node], i.open[server] = true, true
		i.conns++
		c := &injected{
			Injector: i, node: node, server: server, fromNode: bufio.NewReader(node), fromServer: bufio.NewReader(server),
			statements: make(map[string]string), dice: rand.New(rand.NewPCG(injectSeed, i.conns)), //nolint:gosec // not a secret
		}
		i.mu.Unlock()
		i.work.Go(func() { defer i.forget(node, server); _ = c.toServer() }) // the error is that of a closed connection
		i.work.Go(func() { defer i.forget(node, server); _ = c.toNode() })
	}
}

func (i *Injector) forget(conns ...net.Conn) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(i.open, c)
	}
}

// injected is one connection.
type injected struct {
	*Injector
	node, server         net.Conn
	fromNode, fromServer *bufio.Reader
	statements           map[string]string // prepared ones, of toServer
	dice                 *rand.Rand        // of toServer
	within               transaction       // of toServer
	asked                atomic.Bool       // the node has asked for encryption, and the server will answer with one byte
}

// transaction is what toServer knows of the transaction that it passes.
type transaction struct {
	runs  bool
	until int // how many statements until one fails; less than 1 for none
}

// note notes a statement, and reports whether chance has it fail.
func (x *transaction) note(sql string, dice *rand.Rand) bool {
	sql = strings.ToUpper(sql)
	verb, _, _ := strings.Cut(sql, " ")
	switch verb {
	case "BEGIN":
		*x = transaction{runs: true}
		if dice.IntN(injectWithin) == 0 {
			x.until = 1 + dice.IntN(injectFirst)
		}
		if strings.HasSuffix(sql, "READ ONLY") {
			x.until = min(x.until, 1) // functions see what comes after the first one
		}
		return false
	case "SAVEPOINT": // rows have changed before the end, and functions see what fails
		x.until = 0
		return false
	case "ROLLBACK":
		x.runs = x.runs && strings.Contains(sql, " TO ")
		return false
	case "SET", "DEALLOCATE", "DO": // no other transaction is in their way
		return false
	case "COMMIT":
		defer func() { x.runs = false }()
	}
	if !x.runs {
		return dice.IntN(injectAlone) == 0
	}
	x.until--
	return x.until == 0
}

// Codes of messages that have a length and no type.
const (
	askTLS = 80877103
	askGSS = 80877104
	cancel = 80877102
)

var errStrange = errors.New("a message that the protocol does not have")

// toServer passes the messages of the node, and replaces some statements by one that fails.
func (c *injected) toServer() error {
	if err := c.start(); err != nil {
		return err
	}
	for {
		kind, body, err := message(c.fromNode)
		if err != nil {
			return err
		}
		switch kind {
		case 'P':
			name, rest, _ := strings.Cut(string(body), "\x00")
			c.statements[name], _, _ = strings.Cut(rest, "\x00")
		case 'B':
			portal, rest, _ := strings.Cut(string(body), "\x00")
			name, _, _ := strings.Cut(rest, "\x00")
			if c.fails(c.statements[name]) {
				body = append([]byte(portal+"\x00"+failingName+"\x00"), 0, 0, 0, 0, 0, 0) // no parameters, and no formats
			}
		case 'Q':
			if c.fails(strings.TrimSuffix(string(body), "\x00")) {
				body = []byte(failing + "\x00")
			}
		}
		if err := send(c.server, kind, body); err != nil {
			return err
		}
	}
}

// start passes what comes before the first message with a type.
func (c *injected) start() error {
	for {
		head, err := c.fromNode.Peek(8)
		if err != nil {
			return err
		}
		length, code := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
		if length < 8 || length > 1<<16 {
			return errStrange
		}
		if code == askTLS || code == askGSS {
			c.asked.Store(true)
		}
		if _, err := io.CopyN(c.server, c.fromNode, int64(length)); err != nil {
			return err
		}
		if code != askTLS && code != askGSS && code != cancel {
			return nil
		}
	}
}

func (c *injected) fails(sql string) bool {
	chosen := c.within.note(sql, c.dice) && c.random
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next > 0 && !spared.MatchString(sql) {
		c.next--
		chosen = chosen || c.next == 0
	}
	if chosen {
		c.failed++
	}
	return chosen
}

// toNode passes the messages of the server. When the server is ready, it prepares the statement that fails.
func (c *injected) toNode() error {
	for prepared := false; ; {
		if !prepared && c.encryption() {
			if _, err := io.CopyN(c.node, c.fromServer, 1); err != nil {
				return err
			}
			c.asked.Store(false)
			continue
		}
		kind, body, err := message(c.fromServer)
		if err != nil {
			return err
		}
		if kind == 'Z' && !prepared {
			prepared = true
			if err := c.prepare(); err != nil {
				return err
			}
		}
		if err := send(c.node, kind, body); err != nil {
			return err
		}
	}
}

// encryption reports whether the next byte answers a request for encryption.
func (c *injected) encryption() bool {
	next, err := c.fromServer.Peek(1)
	return err == nil && c.asked.Load() && (next[0] == 'N' || next[0] == 'S')
}

// prepare prepares the statement that fails, and keeps the answers from the node.
func (c *injected) prepare() error {
	err := errors.Join(send(c.server, 'P', []byte(failingName+"\x00"+failing+"\x00\x00\x00")), send(c.server, 'S', nil))
	for err == nil {
		var kind byte
		if kind, _, err = message(c.fromServer); kind == 'Z' {
			break
		}
	}
	return err
}

func message(from *bufio.Reader) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head[1:])
	if length < 4 || length > 1<<30 {
		return 0, nil, errStrange
	}
	body = make([]byte, length-4)
	_, err = io.ReadFull(from, body)
	return head[0], body, err
}

func send(to net.Conn, kind byte, body []byte) error {
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4)) //nolint:gosec // it was read from a message
	_, err := to.Write(append(head, body...))
	return err
}
