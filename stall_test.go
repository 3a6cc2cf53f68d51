package tandem_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

// Two hundred clients that stall at each step of the handshake, send slowly or guess passwords
// hold up nobody: good clients get in meanwhile, and what the others have cost comes back.
func TestStallingClientsHoldUpNobody(t *testing.T) {
	if !hasAddress("127.0.0.2") {
		t.Skip("the attackers need an address of their own")
	}
	l, theirs := share(t, withAuthenticator(tandem.StaticPassword("u", "p")))
	good := as(tandem.BasicAuthenticator{Username: "u", Password: "p"})
	ours := newCollection(t)
	put(t, ours, "ours", `{"of":"the replicator"}`)
	connect := func() {
		r, err := attemptWith(t, ours, l.URLs()[0], selfSigned, good)
		wantSynced(t, "a good client", theirs, err)
		r.Close()
	}
	connect()
	eventually(t, func() bool { return l.Status().ConnectionCount == 0 })
	goroutines, memory := runtime.NumGoroutine(), heap()

	attack := newAttack(t, hostPort(l))
	attack.start(70, attack.silent)
	attack.start(50, attack.withoutRequest)
	attack.start(40, attack.slow)
	attack.start(40, attack.guess)
	eventually(t, func() bool { return attack.connected.Load() >= 200 && attack.refused.Load() > 0 })
	connect()
	var took []time.Duration
	for range 21 {
		began := time.Now()
		if got := ask(t, l, "u", "p"); got != http.StatusUpgradeRequired {
			t.Errorf("a good client gets the status %d", got)
		}
		took = append(took, time.Since(began))
	}
	connect()
	peak := heap()
	attack.end()
	slices.Sort(took)
	t.Logf("a good client is answered in %v (median), %v at most; heap %d kB, %d kB meanwhile",
		took[len(took)/2], took[len(took)-1], memory>>10, peak>>10)
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines && heap() <= memory+4<<20 })
}

func hasAddress(ip string) bool {
	l, err := net.Listen("tcp", ip+":0")
	if err == nil {
		_ = l.Close()
	}
	return err == nil
}

// heap returns the bytes in use.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// attack is a number of bad clients, all of one address.
type attack struct {
	to        string
	ctx       context.Context // the extent of the attack
	end       func()
	clients   sync.WaitGroup
	connected atomic.Int32
	refused   atomic.Int32 // passwords
}

func newAttack(t *testing.T, to string) *attack {
	ctx, cancel := context.WithCancel(t.Context())
	a := &attack{to: to, ctx: ctx}
	a.end = func() { cancel(); a.clients.Wait() }
	t.Cleanup(a.end)
	return a
}

// start begins clients that come again and again, as soon as the listener has had enough of them.
func (a *attack) start(n int, client func(net.Conn)) {
	for range n {
		a.clients.Go(func() {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
			for first := true; a.ctx.Err() == nil; first = false {
				conn, err := dialer.DialContext(a.ctx, "tcp", a.to)
				if err != nil {
					continue
				}
				if first {
					a.connected.Add(1)
				}
				stop := context.AfterFunc(a.ctx, func() { _ = conn.Close() })
				client(conn)
				stop()
				_ = conn.Close()
			}
		})
	}
}

func (a *attack) silent(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) }

func (a *attack) secure(conn net.Conn) *tls.Conn {
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // an attacker
	_ = secure.HandshakeContext(a.ctx)
	return secure
}

func (a *attack) withoutRequest(conn net.Conn) { a.silent(a.secure(conn)) }

// slow sends its request at one byte in ten milliseconds.
func (a *attack) slow(conn net.Conn) {
	secure := a.secure(conn)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, b := range []byte(fmt.Sprintf("GET /test/_blipsync HTTP/1.1\r\nHost: x\r\nX: %1000d", 0)) {
		select {
		case <-a.ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := secure.Write([]byte{b}); err != nil {
			return
		}
	}
}

func (a *attack) guess(conn net.Conn) {
	secure := a.secure(conn)
	request, err := http.NewRequestWithContext(a.ctx, http.MethodGet, "https://x/test/_blipsync", nil)
	if err != nil {
		return
	}
	request.SetBasicAuth("u", "guess")
	if request.Write(secure) != nil {
		return
	}
	answer, err := http.ReadResponse(bufio.NewReader(secure), request)
	if err != nil {
		return
	}
	_ = answer.Body.Close()
	a.refused.Add(1)
}
