package tandem

import (
	"context"
	"errors"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/transport"
)

// ClientEventKind is the kind of a [ClientEvent].
type ClientEventKind string

// The kinds.
const (
	ClientConnected    ClientEventKind = "connected"
	ClientDisconnected ClientEventKind = "disconnected"
	ClientRefused      ClientEventKind = "refused"
)

// ClientEvent reports that a client of a listener has connected, has left, or was refused.
type ClientEvent struct {
	Kind ClientEventKind

	// ListenerClient is the client at that moment. Of a refused client at most Address, Agent and
	// User are known, and User is only what the client claims.
	//
	// Err of a refused client is the reason, such as [ErrUnauthorized]. Err of a client that has
	// left is nil if it said goodbye or the listener was stopped, and otherwise the reason.
	ListenerClient
}

// AddClientListener calls fn when a client connects, leaves or is refused. fn runs on a goroutine
// of the client, which waits for fn. A client that hangs up before its request causes no call. The
// texts of an event come from strangers: check their length and characters before you show them.
func (l *URLEndpointListener) AddClientListener(fn func(ClientEvent)) *ListenerToken {
	return l.clientNews.add(fn)
}

func (l *URLEndpointListener) tell(e ClientEvent) {
	l.contained("client listener", func() { l.clientNews.call(e) })
}

// leaving is the event of a client that has gone because of err.
func (c *connectedClient) leaving(err error) ClientEvent {
	client := c.snapshot()
	client.Activity, client.Progress.Busy, client.Err = Stopped, false, err
	if errors.Is(err, fault.PeerClosed) || errors.Is(err, context.Canceled) {
		client.Err = nil
	}
	return ClientEvent{ClientDisconnected, client}
}

func (l *URLEndpointListener) refused(r transport.Refused) {
	l.tell(ClientEvent{ClientRefused, ListenerClient{
		ClientInfo: ClientInfo{User: r.User, Address: r.Address, Agent: r.Agent}, Activity: Stopped, Err: r.Err,
	}})
}
