package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tandemdb/tandem"
)

//go:embed demo/*.jsonl
var demoFiles embed.FS

func (d *demo) firstSync(ctx context.Context) error {
	d.title("The till, still empty, syncs for the first time.")
	_, err := d.sync(ctx)
	d.say("")
	return err
}

// workApart changes both databases while they are disconnected.
func (d *demo) workApart(ctx context.Context) error {
	d.title("Both go on working, without a connection.")
	if err := d.office.edit(ctx, "airline_1", "airline_10", "airline_100"); err != nil {
		return err
	}
	if err := d.office.remove(ctx, "route_1", "route_10"); err != nil {
		return err
	}
	if err := d.till.edit(ctx, "airline_101", "airline_102"); err != nil {
		return err
	}
	if err := d.till.remove(ctx, "route_100"); err != nil {
		return err
	}
	d.say("   the office edits 3 airlines and deletes 2 routes; the till edits 2 airlines and deletes 1 route")
	for peer, id := range map[*demoPeer]string{d.office: "airline_103", d.till: "airline_104"} {
		if err := peer.attach(ctx, id, 300_000); err != nil {
			return err
		}
	}
	d.say("   each adds a logo of 300 kB to an airline")
	if err := d.office.set(ctx, contested, "country", "Canada"); err != nil {
		return err
	}
	if err := d.till.set(ctx, contested, "callsign", "CONTESTED"); err != nil {
		return err
	}
	d.say("   both change the same airline: the office its country, the till its call sign\n")
	return nil
}

// contested is the airline that both peers change.
const contested = "airline_105"

func (d *demo) secondSync(ctx context.Context) error {
	d.title("They sync again: only what has changed crosses the wire.")
	p, err := d.sync(ctx)
	if err != nil {
		return err
	}
	var airline struct{ Country, Callsign string }
	if err := d.office.airlines.Get(ctx, contested, &airline); err != nil {
		return err
	}
	d.say("   %s sent, %s received; %s merged: its country is now %q and its call sign %q\n",
		count(p.BlobsSent, "blob"), count(p.BlobsReceived, "blob"), count(p.Conflicts, "conflict"),
		airline.Country, airline.Callsign)
	return nil
}

// liveChanges is the number of timed changes.
const liveChanges = 50

// live keeps both peers connected, and times changes from one to the other.
func (d *demo) live(ctx context.Context) error {
	d.title("They stay connected, and each change is seen on the other side as it happens.")
	replicator, err := d.replicator(true)
	if err != nil {
		return err
	}
	if err := replicator.Start(); err != nil {
		return err
	}
	defer replicator.Close()
	if err := replicator.Wait(ctx); err != nil {
		return err
	}
	var times []time.Duration
	for n := range liveChanges {
		from, to := d.office, d.till
		if n%2 == 1 {
			from, to = to, from
		}
		took, err := from.timeChange(ctx, to, n)
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	slices.Sort(times)
	d.say("   %d changes, back and forth: each arrived in %.1f ms (median)\n",
		liveChanges, float64(times[len(times)/2].Microseconds())/1000)
	return nil
}

// prove compares the exports of both peers.
func (d *demo) prove(ctx context.Context) error {
	d.title("The proof: both export the same bytes.")
	office, total, err := d.office.digest(ctx)
	if err != nil {
		return err
	}
	till, _, err := d.till.digest(ctx)
	if err != nil {
		return err
	}
	d.say("   office  %s documents, SHA-256 %s\n   till    %s documents, SHA-256 %s", total, office, total, till)
	if office != till {
		return errors.New("the two databases differ")
	}
	d.say("   in sync\n")
	return nil
}

// digest returns a digest of all documents in exported form.
func (p *demoPeer) digest(ctx context.Context) (digest, documents string, err error) {
	hash, n := sha256.New(), 0
	for _, coll := range p.collections() {
		for doc, err := range coll.All(ctx) {
			if err != nil {
				return "", "", err
			}
			hash.Write(append(appendDocument(nil, doc, lineForm{}), '\n'))
			n++
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], fmt.Sprint(n), nil
}

// edit adds a note to airlines.
func (p *demoPeer) edit(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		if err := p.set(ctx, id, "note", "seen by the "+p.db.Name()); err != nil {
			return err
		}
	}
	return nil
}

// set changes a property of an airline.
func (p *demoPeer) set(ctx context.Context, id, property string, value any) error {
	doc, err := p.airlines.Document(ctx, id)
	if err != nil {
		return err
	}
	if err := doc.SetValue(property, value); err != nil {
		return err
	}
	return p.airlines.Save(ctx, doc)
}

// remove deletes routes.
func (p *demoPeer) remove(ctx context.Context, ids ...string) error {
	return remove(ctx, p.routes, ids, false)
}

// attach gives an airline a blob of random bytes.
func (p *demoPeer) attach(ctx context.Context, id string, size int) error {
	content := make([]byte, size)
	random := rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%-32s", id))))
	_, _ = random.Read(content) // it never fails
	return attach(ctx, p.airlines, id, "logo", tandem.NewBlob("image/png", content))
}

// timeChange writes a document and waits until it has arrived at another peer.
func (p *demoPeer) timeChange(ctx context.Context, to *demoPeer, n int) (time.Duration, error) {
	id := fmt.Sprintf("live_%d", n)
	arrived := make(chan struct{}, 1)
	token, err := to.airlines.AddDocumentChangeListener(ctx, id, func(tandem.DocumentChange) { arrived <- struct{}{} })
	if err != nil {
		return 0, err
	}
	defer token.Remove()
	begin := time.Now()
	if err := p.airlines.Put(ctx, id, map[string]any{"change": n}); err != nil {
		return 0, err
	}
	select {
	case <-arrived:
		return time.Since(begin), nil
	case <-time.After(liveTimeout):
		return 0, fmt.Errorf("change %d has not arrived after %s", n, liveTimeout)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// liveTimeout is the longest time that a live change may take.
const liveTimeout = 10 * time.Second
