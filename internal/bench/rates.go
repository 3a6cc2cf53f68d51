package bench

import (
	"context"
	"fmt"
	"strings"

	"github.com/tandemdb/tandem"
)

// load measures saving documents into a new database.
func (l *lab) load(ctx context.Context) error {
	limit, err := l.limit(ctx, kilobyte)
	if err != nil {
		return err
	}
	l.cfg.Note("load")
	var used Usage
	rates, err := l.repeat(func() (rate float64, err error) {
		err = l.alone(ctx, func(p *process) error {
			rate, used, err = l.loadOnce(p)
			return err
		})
		return rate, err
	})
	if err != nil {
		return err
	}
	l.report.add(Result{
		Name: "load 1 kB, batches of 1,000", Unit: perSecond, Value: median(rates), Runs: rates,
		OfLimit: percent(median(rates), limit), LiteCore: "50,000-56,000", Goal: atLeast(60_000),
		Client: costPer(used, l.cfg.Documents),
	})
	return nil
}

func (l *lab) loadOnce(p *process) (rate float64, used Usage, err error) {
	if _, err := call[none](p, "open", openArgs{Path: l.path()}); err != nil {
		return 0, used, err
	}
	before, err := call[Usage](p, "usage", none{})
	if err != nil {
		return 0, used, err
	}
	t, err := call[took](p, "fill", fillArgs{Documents: l.cfg.Documents, Size: kilobyte})
	if err != nil {
		return 0, used, err
	}
	after, err := call[Usage](p, "usage", none{})
	return float64(l.cfg.Documents) / t.Seconds, after.since(before), err
}

// trial is one kind of transfer of many documents.
type trial struct {
	set       dataset
	direction tandem.ReplicatorType
	clearText bool
	liteCore  string
	goal      *goal
}

func (t trial) name() string {
	scheme := "wss"
	if t.clearText {
		scheme = "ws"
	}
	name := fmt.Sprintf("%s %s, %s", strings.ToLower(t.direction.String()), sizeName(t.set.size), scheme)
	if t.set.versioning == tandem.RevTrees {
		name += ", rev trees"
	}
	return name
}

// kilobytes measures documents of 1 kB in one direction, over wss and ws.
func (l *lab) kilobytes(ctx context.Context, direction tandem.ReplicatorType) error {
	set := dataset{l.cfg.Documents, kilobyte, tandem.VersionVectors}
	secure := trial{set: set, direction: direction, liteCore: "8,000-8,500", goal: atLeast(30_000)}
	clearText := trial{set: set, direction: direction, clearText: true, liteCore: "8,100-9,700", goal: atLeast(35_000)}
	if direction == tandem.Push {
		secure.liteCore, clearText.liteCore, clearText.goal = "7,600", "", nil
	}
	if err := l.transfer(ctx, secure); err != nil {
		return err
	}
	puller := l.report.Results[len(l.report.Results)-1].Client
	if err := l.transfer(ctx, clearText); err != nil {
		return err
	}
	if direction == tandem.Pull && puller.PeakBytes > 0 {
		l.report.add(Result{
			Name: "peak memory of the puller, wss", Unit: "MB", Value: float64(puller.PeakBytes) / 1e6,
			LiteCore: "32-39", Goal: atMost(64),
		})
	}
	return nil
}

// sizes measures documents of the other sizes.
func (l *lab) sizes(ctx context.Context) error {
	for _, size := range sizes {
		if size == kilobyte {
			continue
		}
		set := dataset{l.documents(size), size, tandem.VersionVectors}
		for _, direction := range []tandem.ReplicatorType{tandem.Pull, tandem.Push} {
			for _, clearText := range []bool{false, true} {
				if err := l.transfer(ctx, trial{set: set, direction: direction, clearText: clearText}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// trees measures databases with revision trees.
func (l *lab) trees(ctx context.Context) error {
	set := dataset{l.cfg.Documents, kilobyte, tandem.RevTrees}
	for _, direction := range []tandem.ReplicatorType{tandem.Pull, tandem.Push} {
		if err := l.transfer(ctx, trial{set: set, direction: direction}); err != nil {
			return err
		}
	}
	return nil
}

// transfer measures the rate of documents.
func (l *lab) transfer(ctx context.Context, t trial) error {
	limit, err := l.limit(ctx, t.set.size)
	if err != nil {
		return err
	}
	l.cfg.Note(t.name())
	var last moved
	rates, err := l.repeat(func() (float64, error) {
		last, err = l.transferOnce(ctx, t)
		return last.rate(), err
	})
	if err != nil {
		return err
	}
	l.report.add(Result{
		Name: t.name(), Unit: perSecond, Value: median(rates), Runs: rates,
		OfLimit: percent(median(rates), limit), LiteCore: t.liteCore, Goal: t.goal, Samples: last.Samples,
		Server: costPer(last.costs.server, t.set.documents), Client: costPer(last.costs.client, t.set.documents),
	})
	return nil
}

// moved is one transfer.
type moved struct {
	synced
	costs costs
}

func (m moved) rate() float64 { return float64(m.Documents) / max(m.Seconds, 1e-9) }

// transferOnce moves all documents from a filled database into an empty one.
func (l *lab) transferOnce(ctx context.Context, t trial) (m moved, err error) {
	full, err := l.copied(ctx, t.set)
	if err != nil {
		return m, err
	}
	empty := l.path()
	args := pairArgs{
		server:    openArgs{Path: full, Versioning: t.set.versioning},
		client:    openArgs{Path: empty, Versioning: t.set.versioning},
		clearText: t.clearText,
	}
	if t.direction == tandem.Push {
		args.server, args.client = args.client, args.server
	}
	err = l.withPair(ctx, args, []string{full, empty}, func(p *pair) error {
		m.costs, err = p.watch(func() error {
			m.synced, err = call[synced](p.client, "sync", syncArgs{At: p.at, Type: t.direction})
			return err
		})
		if err != nil {
			return err
		}
		return p.mustHave(t.set.documents)
	})
	return m, err
}

// mustHave fails unless both sides have the given number of documents.
func (p *pair) mustHave(documents int) error {
	for _, side := range []*process{p.server, p.client} {
		n, err := call[uint64](side, "count", none{})
		if err != nil {
			return err
		}
		if n != uint64(documents) { //nolint:gosec // not negative
			return fmt.Errorf("%s has %d documents, want %d", side.role, n, documents)
		}
	}
	return nil
}

// million measures a long transfer, and whether its rate stays the same.
func (l *lab) million(ctx context.Context) error {
	t := trial{set: dataset{10 * l.cfg.Documents, kilobyte, tandem.VersionVectors}, direction: tandem.Pull}
	limit, err := l.limit(ctx, kilobyte)
	if err != nil {
		return err
	}
	l.cfg.Note(fmt.Sprintf("pull of %d documents", t.set.documents))
	m, err := l.transferOnce(ctx, t)
	if err != nil {
		return err
	}
	rates := tenths(m.Samples)
	l.report.add(Result{
		Name: fmt.Sprintf("pull of %s documents, wss", thousands(float64(t.set.documents))), Unit: perSecond, Value: m.rate(),
		Runs: []float64{m.rate()}, OfLimit: percent(m.rate(), limit), Samples: m.Samples, Tenths: rates,
		Server: costPer(m.costs.server, t.set.documents), Client: costPer(m.costs.client, t.set.documents),
	})
	l.report.add(Result{
		Name: "its last tenth, of its first", Unit: "%", Value: percent(rates[9], rates[0]), Goal: atLeast(90),
	})
	return nil
}
