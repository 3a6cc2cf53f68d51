package tandem_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tandemdb/tandem"
)

// A neighbour that connects twice at once, by two addresses, stays one, even if the older link gets its turn
// after the younger, which has taken its place.
func TestAReplacedLinkDoesNotHideTheOther(t *testing.T) {
	a := newGroupOwner(t)
	cfg := memberConfig(t, a, "one")
	one, err := tandem.NewMultipeerReplicator(cfg)
	check(t, err)
	var late atomic.Bool
	begun, wait, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(wait) })
	defer goOn()
	check(t, one.StartServing(func(serve func() error) error {
		if !late.CompareAndSwap(false, true) {
			return serve()
		}
		defer close(over)
		close(begun)
		<-wait
		return serve()
	}))
	t.Cleanup(one.Close)
	two, err := tandem.NewMultipeerReplicator(memberConfig(t, a, "two", one.Addresses()[0]))
	check(t, err)
	t.Cleanup(two.Close)
	end, err := two.Connect(t.Context(), one.Addresses()[0])
	check(t, err)
	defer end()
	<-begun
	check(t, two.Start())
	eventually(t, func() bool { return one.Status().Neighbors == 1 })
	goOn()
	end()
	<-over
	if s := one.Status(); s.Neighbors != 1 || len(one.Neighbors()) != 1 {
		t.Fatalf("%d links of %d neighbours, want one", s.Neighbors, len(one.Neighbors()))
	}
	check(t, one.Wait(t.Context()))
	save(t, cfg.Collections[0].Collection, "milk", `{"litres":2}`)
	check(t, one.Wait(t.Context()))
	if p := one.Status().Progress.Push; p.Documents != 1 {
		t.Errorf("pushed %d documents, want 1", p.Documents)
	}
}
