package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

func TestE13APeerIsOneLineWhateverItSays(t *testing.T) {
	now := time.Now()
	ann := tandem.ClientInfo{User: "ann", Address: "10.0.0.7:1", Since: now.Add(-2 * time.Second)}
	evil := tandem.ClientInfo{User: "x\npeer \"root\" connected\x1b[2J" + strings.Repeat("é", 400), Address: "10.0.0.7:1"}
	till := tandem.ClientInfo{
		Address:      "[fe80::1%eth0]:2",
		Certificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: "till 7"}}},
		Since:        now,
	}
	gone := tandem.ListenerClient{ClientInfo: ann, Progress: tandem.ReplicatorProgress{
		Push: tandem.DirectionProgress{Documents: 1}, Pull: tandem.DirectionProgress{Documents: 20},
	}}
	cut := tandem.ListenerClient{ClientInfo: till, Err: errors.New("lost:\nwhat\r\x1b")}
	refused := errors.New("wrong")
	for want, e := range map[string]tandem.ClientEvent{
		`peer "ann" at 10.0.0.7:1 disconnected after 2.0 s: sent 1 document, received 20`: {
			Kind: tandem.ClientDisconnected, ListenerClient: gone,
		},
		`peer "till 7" at [fe80::1%eth0]:2 disconnected after 0 ms: sent 0 documents, received 0; lost: what  `: {
			Kind: tandem.ClientDisconnected, ListenerClient: cut,
		},
		`peer 10.0.0.8:3 refused: wrong`: {
			Kind: tandem.ClientRefused, ListenerClient: tandem.ListenerClient{ClientInfo: tandem.ClientInfo{Address: "10.0.0.8:3"}, Err: refused},
		},
		`peer "x\npeer \"root\" connected\x1b[2J` + strings.Repeat("é", 136) + `…" at 10.0.0.7:1 refused: wrong`: {
			Kind: tandem.ClientRefused, ListenerClient: tandem.ListenerClient{ClientInfo: evil, Err: refused},
		},
	} {
		if got := peerLine(e, now); got != want {
			t.Errorf("got\n%q, want\n%q", got, want)
		}
	}
}
