package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newDemo(a *app) *cobra.Command {
	var page string
	c := &cobra.Command{
		Use:   "demo",
		Short: "See two peers sync, in seconds",
		Long: "demo makes two databases in a temporary folder, lets one of them listen with TLS on this\n" +
			"machine, and syncs them: real documents, edits and deletions on both sides, blobs, a\n" +
			"conflict, and live changes. It tells each step, and removes everything at the end.\n\n" +
			"With --page it then goes on until Ctrl-C, and shows both peers in a browser.",
		Example: "  tandem demo\n  tandem demo --page",
		Args:    cobra.NoArgs,
		RunE:    a.do(func(ctx context.Context, _ []string) error { return a.demo(ctx, page) }),
	}
	c.Flags().StringVar(&page, "page", "", "at the end show a page on both peers at this `host:port`")
	c.Flags().Lookup("page").NoOptDefVal = "127.0.0.1:0"
	return c
}

// demo shows the demo, and at the end a page at an address unless that is "".
func (a *app) demo(ctx context.Context, page string) (err error) {
	folder, err := os.MkdirTemp("", "tandem-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	begin := time.Now()
	d := &demo{a: a}
	if d.office, err = openDemoPeer(ctx, folder, "office"); err != nil {
		return err
	}
	defer d.office.db.Close()
	if d.till, err = openDemoPeer(ctx, folder, "till"); err != nil {
		return err
	}
	defer d.till.db.Close()
	if err := d.run(ctx, page); err != nil {
		return err
	}
	d.say("Done in %s. To do the same with two machines: tandem import, tandem serve, tandem sync.", seconds(time.Since(begin)))
	return a.out.Flush()
}

// demo is two peers that sync with each other.
type demo struct {
	a            *app
	office, till *demoPeer
	listener     *tandem.URLEndpointListener // of the office
	step         int
}

// demoPeer is one of the two, with its database.
type demoPeer struct {
	db               *tandem.Database
	airlines, routes *tandem.Collection
}

func openDemoPeer(ctx context.Context, folder, name string) (*demoPeer, error) {
	db, err := tandem.Open(ctx, filepath.Join(folder, name), tandem.Options{})
	if err != nil {
		return nil, err
	}
	p := &demoPeer{db: db}
	if p.airlines, err = db.CreateCollection(ctx, "travel", "airlines"); err == nil {
		p.routes, err = db.CreateCollection(ctx, "travel", "routes")
	}
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return p, nil
}

func (p *demoPeer) collections() []*tandem.Collection {
	return []*tandem.Collection{p.airlines, p.routes}
}

func (d *demo) run(ctx context.Context, page string) error {
	d.say("Two peers on this machine, a till and an office, each with a database of its own.\n")
	if err := d.fill(ctx); err != nil {
		return err
	}
	if err := d.listen(); err != nil {
		return err
	}
	defer d.listener.Stop()
	for _, step := range []func(context.Context) error{d.firstSync, d.workApart, d.secondSync, d.live, d.prove} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if page != "" {
		return d.show(ctx, page)
	}
	return nil
}

// title prints the title of a step.
func (d *demo) title(text string) {
	d.step++
	d.say("%d. %s", d.step, text)
}

// say prints a line and flushes it.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.a.out, format+"\n", args...)
	_ = d.a.out.Flush() // the error stays in a.out, and is reported at the end
}

// fill imports the documents into the office's database.
func (d *demo) fill(ctx context.Context) error {
	d.title("The office imports the airlines and routes of a travel agency.")
	begin, total := time.Now(), 0
	for name, coll := range map[string]*tandem.Collection{"airlines": d.office.airlines, "routes": d.office.routes} {
		file, err := demoFiles.Open("demo/" + name + ".jsonl")
		if err != nil {
			return err
		}
		defer file.Close()
		im := importer{db: d.office.db, flags: new(importFlags), collections: map[string]*tandem.Collection{"": coll}}
		if err := im.lines(ctx, file); err != nil {
			return err
		}
		total += im.read
	}
	d.say("   %s stored in %s.\n", count(total, "document"), seconds(time.Since(begin)))
	return nil
}

// listen starts the office's listener, with an identity that exists only during the demo.
func (d *demo) listen() error {
	d.title("The office listens, with TLS and an identity of its own.")
	listener, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections:      d.office.collections(),
		NetworkInterface: "127.0.0.1",
		IdentityStore:    tandem.MemoryIdentityStore(),
		EnableDeltaSync:  true,
		Logger:           d.a.logger(),
	})
	if err != nil {
		return err
	}
	if err := listener.Start(); err != nil {
		return err
	}
	d.listener = listener
	d.say("   %s\n   certificate %s\n", listener.URLs()[0], listener.TLSIdentity().Fingerprint())
	return nil
}

// replicator makes a replicator for the till. It pins the office's certificate.
func (d *demo) replicator(continuous bool) (*tandem.Replicator, error) {
	endpoint, err := tandem.NewURLEndpoint(d.listener.URLs()[0])
	if err != nil {
		return nil, err
	}
	cfg := tandem.ReplicatorConfiguration{
		Endpoint:                endpoint,
		Continuous:              continuous,
		PinnedServerCertificate: d.listener.TLSIdentity().Leaf().Raw,
		Logger:                  d.a.logger(),
	}
	for _, coll := range d.till.collections() {
		cfg.Collections = append(cfg.Collections,
			tandem.CollectionConfiguration{Collection: coll, ConflictResolver: tandem.MergeFields})
	}
	return tandem.NewReplicator(cfg)
}

// sync runs a one-shot replication from the till, and prints its result.
func (d *demo) sync(ctx context.Context) (tandem.ReplicatorProgress, error) {
	replicator, err := d.replicator(false)
	if err != nil {
		return tandem.ReplicatorProgress{}, err
	}
	begin := time.Now()
	if err := replicator.Start(); err != nil {
		return tandem.ReplicatorProgress{}, err
	}
	defer replicator.Close()
	if err := replicator.Wait(ctx); err != nil {
		return tandem.ReplicatorProgress{}, err
	}
	p := replicator.Status().Progress
	d.say("   pushed %s, pulled %s; %s sent, %s received, in %s",
		count(p.Push.Documents, "document"), count(p.Pull.Documents, "document"),
		byteCount(p.BytesSent), byteCount(p.BytesReceived), seconds(time.Since(begin)))
	return p, nil
}
