package main

import (
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// gate carries a number of bytes of each connection to its client, and holds the others back until it
// is opened. So a transfer lasts until a script has seen it, however fast the machine is.
type gate struct {
	listener net.Listener
	target   string
	carried  int64
	opened   chan struct{} // closed by open
	open     func()
	closed   chan struct{} // at the end of the script
	running  sync.WaitGroup
}

type gatesKey struct{}

func gateNamed(ts *testscript.TestScript, name string) *gate {
	g := ts.Value(gatesKey{}).(map[string]*gate)[name]
	if g == nil {
		ts.Fatalf("there is no gate %s", name)
	}
	return g
}

// gate NAME URL N VARIABLE puts a gate that carries N bytes before a listener, and its URL into a variable.
func putGate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: gate name url bytes variable")
	}
	u, err := url.Parse(args[1])
	ts.Check(err)
	carried, err := strconv.ParseInt(args[2], 10, 64)
	ts.Check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	g := &gate{listener: l, target: u.Host, carried: carried, opened: make(chan struct{}), closed: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.opened) })
	ts.Value(gatesKey{}).(map[string]*gate)[args[0]] = g
	u.Host = l.Addr().String()
	ts.Setenv(args[3], u.String())
	g.running.Go(g.accept)
	ts.Defer(func() {
		close(g.closed)
		_ = l.Close()
		g.running.Wait()
	})
}

// openGate NAME lets all through from here on.
func openGate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: open name")
	}
	gateNamed(ts, args[0]).open()
}

func (g *gate) accept() {
	for {
		client, err := g.listener.Accept()
		if err != nil {
			return // the script has ended
		}
		g.running.Go(func() { g.carry(client) })
	}
}

// carry carries what both sides of a connection say until one side ends it, or the script ends.
func (g *gate) carry(client net.Conn) {
	server, err := net.Dial("tcp", g.target)
	if err != nil {
		_ = client.Close()
		return
	}
	end := sync.OnceFunc(func() { _ = errors.Join(client.Close(), server.Close()) })
	done := make(chan struct{})
	g.running.Go(func() {
		defer end()
		_, _ = io.Copy(server, client)
	})
	g.running.Go(func() {
		defer close(done)
		defer end()
		if _, err := io.CopyN(client, server, g.carried); err != nil {
			return
		}
		select {
		case <-g.opened:
			_, _ = io.Copy(client, server)
		case <-g.closed:
		}
	})
	select {
	case <-done:
	case <-g.closed:
		end()
	}
}
