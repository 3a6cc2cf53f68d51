package tandem_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/tandemdb/tandem"
)

// A neighbour that stops is no error of the others.
func TestAGoodbyeIsNoError(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	g := one.found(t, testGroup)
	m := one.run(t, g)
	for range 3 { // whoever dials
		g2 := two.enter(t, g, m.Addresses()[0])
		m2 := two.run(t, g2, m.Addresses()[0])
		waitSame(t, 0, m, m2)
		eventually(t, func() bool { return len(m.Neighbors()) == 1 && len(m2.Neighbors()) == 1 })
		check(t, m.Wait(t.Context()))
		m2.Stop()
		eventually(t, func() bool { return len(m.Neighbors()) == 0 })
		check(t, m.Status().Err)
	}
}

// A member that starts tells of the codes that have ended with the run before, and of no earlier ones.
func TestOldCodesAreNoNews(t *testing.T) {
	one := newJoiner(t, "one")
	g := one.found(t, testGroup)
	m := one.run(t, g)
	old, left := invite(t, g, tandem.InvitationOptions{}).ID(), ""
	check(t, g.CancelInvitation(t.Context(), old))
	m.Stop()
	i, err := g.Invite(t.Context(), tandem.InvitationOptions{})
	check(t, err)
	left = i.ID()
	var mu sync.Mutex
	var told []string
	token := m.AddInvitationListener(func(i tandem.InvitationInfo) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, i.ID)
	})
	defer token.Remove()
	check(t, m.Start())
	eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(told, left)
	})
	mu.Lock()
	defer mu.Unlock()
	if slices.Contains(told, old) {
		t.Errorf("told of %q, of which %s had ended before", told, old)
	}
}

// The same member runs in two processes, as a service and by hand: both say so. A process that has ended is none.
func TestAMemberThatRunsTwiceSaysSo(t *testing.T) {
	one := newJoiner(t, "one")
	g := one.found(t, testGroup)
	m := one.run(t, g)
	beside := *one
	beside.db = openAt(t, one.db.Path(), tandem.Options{})
	g2 := beside.open(t)
	m2 := beside.run(t, g2)
	eventually(t, func() bool {
		return errors.Is(m.Status().Err, tandem.ErrInvalid) && errors.Is(m2.Status().Err, tandem.ErrInvalid)
	})
	m2.Stop()
	i, err := g2.Invite(t.Context(), tandem.InvitationOptions{})
	check(t, err)
	eventually(t, func() bool { // the first one answers still
		answered, err := g2.AwaitAnswering(t.Context(), i)
		check(t, err)
		return answered
	})
	m.Stop()
	m = one.run(t, g)
	invite(t, g, tandem.InvitationOptions{})
	check(t, m.Status().Err)
}
