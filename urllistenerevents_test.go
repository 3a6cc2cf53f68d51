package tandem_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"testing"

	"github.com/tandemdb/tandem"
)

func TestAListenerTellsOfClientsThatComeGoAndAreRefused(t *testing.T) {
	theirs, ours := newCollection(t), newCollection(t)
	save(t, theirs, "a", `{}`)
	l := offer(t, theirs, withTLS, func(c *tandem.URLEndpointListenerConfiguration) {
		c.Authenticator = tandem.StaticPassword("ann", "secret")
	})
	events := make(chan tandem.ClientEvent, 10)
	l.AddClientListener(func(e tandem.ClientEvent) { events <- e })
	l.AddClientListener(func(tandem.ClientEvent) { panic("a listener of the program's") })
	as := func(password string) *tandem.Replicator {
		return replicator(t, l.URLs()[0], ours, func(c *tandem.ReplicatorConfiguration) {
			c.Authenticator = tandem.BasicAuthenticator{Username: "ann", Password: password}
		})
	}
	want := func(kind tandem.ClientEventKind, user string, err error) tandem.ClientEvent {
		t.Helper()
		e := receive(t, string(kind), events)
		if e.Kind != kind || e.User != user || e.Address == "" || !errors.Is(e.Err, err) {
			t.Errorf("got %+v, want %s of %q with error %v", e, kind, user, err)
		}
		return e
	}

	syncOnce(t, as("secret"))
	if e := want(tandem.ClientConnected, "ann", nil); e.Database != theirs.Database() || e.Since.IsZero() {
		t.Errorf("who has come: %+v", e)
	}
	if e := want(tandem.ClientDisconnected, "ann", nil); e.Progress.Push.Documents != 1 || e.Activity != tandem.Stopped {
		t.Errorf("who has gone: %+v", e)
	}

	endWith(t, as("wrong"), tandem.ErrUnauthorized)
	want(tandem.ClientRefused, "ann", tandem.ErrUnauthorized)

	u, err := url.Parse(l.URLs()[0])
	check(t, err)
	silent, err := net.Dial("tcp", u.Host)
	check(t, err)
	check(t, silent.Close()) // of which nobody is told
	if conn, err := tls.Dial("tcp", u.Host, nil); err == nil {
		t.Error("the certificate was trusted", conn.Close())
	}
	want(tandem.ClientRefused, "", tandem.ErrCertUntrusted)

	idle(t, replicator(t, l.URLs()[0], ours, continuous, func(c *tandem.ReplicatorConfiguration) {
		c.Authenticator = tandem.BasicAuthenticator{Username: "ann", Password: "secret"}
	}))
	want(tandem.ClientConnected, "ann", nil)
	if !l.Disconnect(l.Clients()[0].ID) {
		t.Error("no client was put out")
	}
	if e := receive(t, "the end", events); e.Kind != tandem.ClientDisconnected || e.Err == nil {
		t.Errorf("got %+v, want that the client was put out", e)
	}
}
