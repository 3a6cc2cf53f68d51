package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"

	"github.com/cli/browser"

	"github.com/tandemdb/tandem/rest"
)

// show keeps both peers in sync, and serves a page on them until ctx ends.
func (d *demo) show(ctx context.Context, address string) (err error) {
	if err := d.differ(ctx); err != nil {
		return err
	}
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return withHint(err, "choose another port: --page 127.0.0.1:0")
	}
	handler, err := d.handler()
	if err != nil {
		_ = socket.Close()
		return err
	}
	served := make(chan error, 1)
	go func() { served <- handler.Serve(socket, nil) }()
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), restStopTime)
		defer cancel()
		_ = handler.Close(closing)
		err = errors.Join(err, <-served)
	}()
	if err := handler.StartReplications(ctx); err != nil {
		return err
	}
	path, err := handler.PageLink(adminName)
	if err != nil {
		return err
	}
	d.tell("http://" + socket.Addr().String() + path)
	<-ctx.Done()
	return nil
}

// tell prints the link of the page, and opens it if somebody is there to look.
func (d *demo) tell(link string) {
	d.title("A page shows both: a conflict that waits for you, and a replication that goes on.")
	d.say("   page %s\n   It logs you in once: press the button. Ctrl-C ends the demo.", link)
	if d.a.screen != nil {
		browser.Stdout, browser.Stderr = nothing{}, nothing{} //nolint:reassign // the library has no other way
		_ = browser.OpenURL(link)                             // a machine may have none
	}
}

// nothing takes what other programs print.
type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }

// differ has both peers change an airline. The replication of the page leaves the conflict open.
func (d *demo) differ(ctx context.Context) error {
	if err := d.office.set(ctx, contested, "callsign", "OFFICE"); err != nil {
		return err
	}
	return d.till.set(ctx, contested, "callsign", "TILL")
}

// handler makes what serves the page: the till replicates with the office, and asks what becomes of conflicts.
func (d *demo) handler() (*rest.Handler, error) {
	users, err := usersOf(adminName, map[string]any{"password": hashed(rand.Text()), "roles": []string{"admin"}})
	if err != nil {
		return nil, err
	}
	log := rest.NewLog(nil)
	replication := rest.Replication{
		Source: d.till.db.Name(), Target: d.listener.URLs()[0], Bidirectional: true, Continuous: true, Conflicts: "ask",
		ReplicationTrust: rest.ReplicationTrust{PinnedFingerprint: d.listener.TLSIdentity().Fingerprint()},
	}
	for _, coll := range d.till.collections() {
		replication.Collections = append(replication.Collections, rest.ReplicatedCollection{Name: coll.FullName()})
	}
	return rest.NewHandler(rest.Configuration{
		Databases: []rest.Database{{Database: d.office.db, ClientWrites: true}, {Database: d.till.db, ClientWrites: true}},
		Users:     users, Page: true, Sync: d.listener, Log: log, Logger: slog.New(log),
		Replications: []rest.Replication{replication},
	})
}
