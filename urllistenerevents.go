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

	// ListenerClient is the client as it is at that moment. Of a refused one just Address, Agent and
	// User may be known, and User is the name that it gave, which nothing proves.
	//
	// Err of one that has gone says why, and is nil if it left in the regular way, or the listener
	// was stopped; of a refused one it says why it was refused, such as [ErrUnauthorized].
	ListenerClient
}

// AddClientListener calls fn when a client comes, goes or is refused, on goroutines of the clients:
// they wait for it. Clients that hang up before they have asked for anything are not told of. What
// fn is told comes from strangers: look at its length and characters before it is shown.
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
