package bench

import (
	"context"
	"os"
	"time"

	"github.com/tandemdb/tandem"
)

// blob measures the pull of one large blob over wss.
func (l *lab) blob(ctx context.Context) error {
	const size = 300_000_000
	full := l.path()
	err := l.alone(ctx, func(p *process) error {
		if _, err := call[none](p, "open", openArgs{Path: full}); err != nil {
			return err
		}
		_, err := call[none](p, "blob", int64(size))
		return err
	})
	if err != nil {
		return err
	}
	l.cfg.Note("blob")
	var last moved
	rates, err := l.repeat(func() (float64, error) {
		empty := l.path()
		args := pairArgs{server: openArgs{Path: full}, client: openArgs{Path: empty}}
		err := l.withPair(ctx, args, []string{empty}, func(p *pair) (err error) {
			last.costs, err = p.watch(func() error {
				last.synced, err = call[synced](p.client, "sync", syncArgs{At: p.at, Type: tandem.Pull})
				return err
			})
			return err
		})
		return size / 1e6 / max(last.Seconds, 1e-9), err
	})
	if err != nil {
		return err
	}
	l.report.add(Result{
		Name: "blob of 300 MB, wss", Unit: "MB/s", Value: median(rates), Runs: rates, LiteCore: "31", Goal: atLeast(250),
		Server: costPer(last.costs.server, 0), Client: costPer(last.costs.client, 0),
	})
	return os.RemoveAll(full)
}

// small measures a one-shot sync that finds nothing to do, and one that finds a document. The
// first of each, which connects to a database never seen before, does not count.
func (l *lab) small(ctx context.Context) error {
	l.cfg.Note("small syncs")
	const rounds = 20
	full, err := l.copied(ctx, dataset{l.documents(kilobyte), kilobyte, tandem.VersionVectors})
	if err != nil {
		return err
	}
	empty := l.path()
	args := pairArgs{server: openArgs{Path: full}, client: openArgs{Path: empty}}
	var nothing, one []float64
	err = l.withPair(ctx, args, []string{full, empty}, func(p *pair) error {
		order := syncArgs{At: p.at, Type: tandem.PushAndPull}
		for i := range rounds + 1 {
			done, err := call[synced](p.client, "sync", order)
			if err != nil {
				return err
			}
			if i > 0 {
				one = append(one, done.Seconds*1000)
			}
			if done, err = call[synced](p.client, "sync", order); err != nil {
				return err
			}
			if i > 0 {
				nothing = append(nothing, done.Seconds*1000)
			}
			if _, err := call[took](p.server, "fill", fillArgs{First: i, Documents: 1, Size: kilobyte + 1 + i}); err != nil {
				return err
			}
		}
		return nil
	})
	l.report.addTimes("one-shot sync, nothing to do", nothing, "55", 5)
	l.report.addTimes("one-shot sync, one document", one, "200", 10)
	return err
}

// latency measures the time that a change takes to reach the other side of a continuous pair.
func (l *lab) latency(ctx context.Context) error {
	l.cfg.Note("latency")
	documents := 60 * l.cfg.Runs
	for _, from := range []string{"listener", "replicator"} {
		server, client := l.path(), l.path()
		args := pairArgs{server: openArgs{Path: server}, client: openArgs{Path: client}}
		var times []float64
		err := l.withPair(ctx, args, []string{server, client}, func(p *pair) (err error) {
			times, err = p.latencies(from == "replicator", documents)
			return err
		})
		if err != nil {
			return err
		}
		l.report.addTimes("change seen, made by the "+from, times, "201", 5)
	}
	return nil
}

// latencies returns the milliseconds that each of some documents takes.
func (p *pair) latencies(push bool, documents int) ([]float64, error) {
	writer, reader := p.server, p.client
	if push {
		writer, reader = reader, writer
	}
	if _, err := call[none](p.client, "follow", syncArgs{At: p.at, Type: tandem.PushAndPull}); err != nil {
		return nil, err
	}
	if _, err := call[none](reader, "note", none{}); err != nil {
		return nil, err
	}
	sent, err := call[map[string]int64](writer, "pulse", pulseArgs{Documents: documents, Pause: 10 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	seen, err := call[map[string]int64](reader, "arrivals", documents)
	if err != nil {
		return nil, err
	}
	var times []float64
	for id, at := range sent {
		times = append(times, milliseconds(time.Duration(seen[id]-at)))
	}
	return times, nil
}

// crowd measures the rate at which a listener serves documents to many clients at once.
func (l *lab) crowd(ctx context.Context) error {
	clients := []int{1, 10}
	if l.cfg.Full {
		clients = append(clients, 100, 1000)
	}
	for _, n := range clients {
		l.cfg.Note(clientsName(n))
		if err := l.crowdOf(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) crowdOf(ctx context.Context, clients int) error {
	limit, err := l.limit(ctx, kilobyte)
	if err != nil {
		return err
	}
	each := max(l.cfg.Documents/clients, 50)
	full, err := l.copied(ctx, dataset{each, kilobyte, tandem.VersionVectors})
	if err != nil {
		return err
	}
	folder := l.path()
	var last moved
	err = l.withPair(ctx, pairArgs{server: openArgs{Path: full}}, []string{full, folder}, func(p *pair) (err error) {
		gather := gatherArgs{Clients: clients, Folder: folder}
		if _, err := call[none](p.client, "gather", gather); err != nil {
			return err
		}
		last.costs, err = p.watch(func() error {
			last.synced, err = call[synced](p.client, "run", syncArgs{At: p.at, Type: tandem.Pull})
			return err
		})
		return err
	})
	l.report.add(Result{
		Name: clientsName(clients) + " at once pull " + thousands(float64(each)) + " each", Unit: perSecond,
		Value: last.rate(), Runs: []float64{last.rate()}, OfLimit: percent(last.rate(), limit),
		Server: costPer(last.costs.server, each*clients), Client: costPer(last.costs.client, each*clients),
	})
	return err
}

func clientsName(n int) string {
	if n == 1 {
		return "1 client"
	}
	return thousands(float64(n)) + " clients"
}

// idle measures the memory of a listener for each client that is connected and has nothing to do.
func (l *lab) idle(ctx context.Context) error {
	clients := 200
	if l.cfg.Full {
		clients = 1000
	}
	l.cfg.Note("idle clients")
	server, client := l.path(), l.path()
	args := pairArgs{server: openArgs{Path: server}, client: openArgs{Path: client}}
	return l.withPair(ctx, args, []string{server, client}, func(p *pair) error {
		before, err := call[memory](p.server, "memory", none{})
		if err != nil {
			return err
		}
		order := stayArgs{syncArgs: syncArgs{At: p.at, Type: tandem.PushAndPull}, Clients: clients}
		if _, err := call[none](p.client, "stay", order); err != nil {
			return err
		}
		after, err := call[memory](p.server, "memory", none{})
		if err != nil {
			return err
		}
		each := float64(int64(after.Go)-int64(before.Go)) / 1000 / float64(clients) //nolint:gosec // far below 2^63
		l.report.add(Result{
			Name: "memory for each of " + thousands(float64(clients)) + " idle clients, listener", Unit: "kB",
			Value: each, Goal: atMost(64),
		})
		return nil
	})
}
