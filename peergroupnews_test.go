package tandem_test

import (
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
		g2, err := two.join(t.Context(), invite(t, g, tandem.InvitationOptions{}).Code(), m.Addresses()[0])
		check(t, err)
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
