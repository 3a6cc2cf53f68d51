package outbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/replication/outbox"
)

// rarely is true one time out of many, so that a planted fault comes late and alone.
func (w *world) rarely() bool { return w.random.IntN(30) == 0 }

// losesSequences completes the sequence of a revision that the peer cannot take for now.
type losesSequences struct {
	*outbox.Outbox
	w *world
}

func (b losesSequences) Replied(it *outbox.Item, err error, now time.Time) {
	b.Outbox.Replied(it, err, now)
	if err != nil && it.End().Transient {
		b.w.ledger.Complete(it.Sequence)
	}
}

// sendsTwice hands out a revision that it has handed out before.
type sendsTwice struct {
	*outbox.Outbox
	w    *world
	last *outbox.Item
}

func (b *sendsTwice) Next() outbox.Step {
	step := b.Outbox.Next()
	switch {
	case step.Do == outbox.Send && b.w.rarely():
		step.Items = append(step.Items, step.Items[0])
	case step.Do == outbox.Send:
		b.last = step.Items[0]
	case step.Do == outbox.Rest && b.last != nil && b.w.rarely():
		return outbox.Step{Do: outbox.Send, Items: []*outbox.Item{b.last}}
	}
	return step
}

// forgetsItems drops an item of a step.
type forgetsItems struct {
	*outbox.Outbox
	w    *world
	from outbox.Action
}

func (b forgetsItems) Next() outbox.Step {
	step := b.Outbox.Next()
	if step.Do == b.from && len(step.Items) > 1 && b.w.rarely() {
		step.Items = step.Items[1:]
	}
	return step
}

// neverIdle has more to do for ever, once it was idle.
type neverIdle struct {
	*outbox.Outbox
	was bool
}

func (b *neverIdle) Idle() bool {
	was := b.was
	b.was = b.was || b.Outbox.Idle()
	return b.Outbox.Idle() && !was
}

// idleEarly does not count what the peer has not answered.
type idleEarly struct {
	*outbox.Outbox
	w *world
}

func (b idleEarly) Idle() bool { return b.Outbox.Idle() || b.w.box != nil && b.w.rarely() }

// tellsNobody does not say what became of a revision.
type tellsNobody struct {
	*outbox.Outbox
	w *world
}

func (b tellsNobody) Next() outbox.Step {
	step := b.Outbox.Next()
	if step.Do == outbox.Report && b.w.rarely() {
		b.Told(step.Items)
		return b.Next()
	}
	return step
}

// hearsNothing does not learn that a document has changed.
type hearsNothing struct {
	*outbox.Outbox
	w *world
}

func (b hearsNothing) Changed(head outbox.Head, passes outbox.Filter) {
	if !b.w.rarely() {
		b.Outbox.Changed(head, passes)
	}
}

// hoards keeps what came from the peer.
type hoards struct {
	*outbox.Outbox
	w *world
}

func (b hoards) Reached(through outbox.Sequence, exhausted bool) {
	b.Outbox.Reached(through, exhausted)
	if exhausted {
		b.Received("hoard", "1-aa")
	}
}

// TestTheModelFindsFaults plants faults that the model has to find.
func TestTheModelFindsFaults(t *testing.T) {
	for name, x := range map[string]struct {
		plant plant
		says  []string // one of these
	}{
		"a sequence that is lost": {
			func(o *outbox.Outbox, w *world) box { return losesSequences{o, w} }, []string{"is complete:"},
		},
		"a revision that is sent twice": {
			func(o *outbox.Outbox, w *world) box { return &sendsTwice{Outbox: o, w: w} }, []string{"nobody has asked", "is sent at"},
		},
		"an item that is forgotten before it is announced": {
			func(o *outbox.Outbox, w *world) box { return forgetsItems{o, w, outbox.Announce} }, []string{"not idle", "forgotten", "in the end"},
		},
		"an item that is forgotten before it is sent": {
			func(o *outbox.Outbox, w *world) box { return forgetsItems{o, w, outbox.Send} }, []string{"not idle", "forgotten", "in the end"},
		},
		"an item that is forgotten before it is marked": {
			func(o *outbox.Outbox, w *world) box { return forgetsItems{o, w, outbox.Mark} }, []string{"not idle", "forgotten", "in the end"},
		},
		"rest that is not seen": {
			func(o *outbox.Outbox, w *world) box { return &neverIdle{Outbox: o} }, []string{"not idle"},
		},
		"rest that is none": {
			func(o *outbox.Outbox, w *world) box { return idleEarly{o, w} }, []string{"idle, though"},
		},
		"a refusal that nobody is told of": {
			func(o *outbox.Outbox, w *world) box { return tellsNobody{o, w} }, []string{"is complete:"},
		},
		"a change that is not heard of": {
			func(o *outbox.Outbox, w *world) box { return hearsNothing{o, w} }, []string{"not pending", "in the end"},
		},
		"memory that is never given back": {
			func(o *outbox.Outbox, w *world) box { return hoards{o, w} }, []string{"remembers"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed < 400; seed++ {
				w := play(seed, x.plant, false)
				if len(w.wrong) == 0 {
					continue
				}
				for _, says := range x.says {
					if strings.Contains(w.wrong[0], says) {
						return
					}
				}
				t.Fatalf("seed %d: the model says %q, want one of %q", seed, w.wrong[0], x.says)
			}
			t.Error("the model finds nothing")
		})
	}
}
