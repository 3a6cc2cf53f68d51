package tandem_test

import (
	"crypto/tls"
	"runtime"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestMeshOutlastsAMemberThatOpensManyConnections has a member with a valid certificate open connections to another one
// without end, with a request on each or without, while the others go on.
func TestMeshOutlastsAMemberThatOpensManyConnections(t *testing.T) {
	a := newGroupOwner(t)
	all := startMembers(t, a, 3)
	waitLinked(t, all)
	hostile := a.identity("hostile", testGroup).TLSCertificate()
	before := runtime.NumGoroutine()
	target, path := all[0].Addresses()[0], tandem.PathOf(all[0].MultipeerReplicator)
	for i := range testsize.Pick(150, 1500) {
		conn, err := tls.Dial("tcp", target, &tls.Config{
			Certificates: []tls.Certificate{hostile}, InsecureSkipVerify: true, //nolint:gosec // it does not care whom it attacks
		})
		if err != nil {
			continue // it is held off
		}
		defer conn.Close()
		if i%2 == 0 {
			request := "GET /" + path + "/_blipsync HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: BLIP_3+CBMobile_4\r\n\r\n"
			_, _ = conn.Write([]byte(request)) // it may be cut off
		}
	}
	const most = 1500 // for 512 connections without a request, and 64 of one address with one
	if n := runtime.NumGoroutine() - before; n > most {
		t.Errorf("%d goroutines more, want at most %d", n, most)
	}
	save(t, all[1].coll, "news", `{"n":1}`)
	waitSame(t, 1, all...)
	save(t, all[0].coll, "more", `{"n":2}`)
	waitSame(t, 2, all...)
}
