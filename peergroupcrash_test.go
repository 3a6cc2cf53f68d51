package tandem_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// brittle is a device whose power is cut at a chosen step, of its disk or of its identity store.
type brittle struct {
	*joiner
	disk *storetest.Disk
	path string
}

func newBrittle(t testing.TB) *brittle {
	t.Helper()
	inFolders(t, "the power of their disk is cut")
	b := &brittle{disk: storetest.NewDisk(), path: filepath.Join(t.TempDir(), "brittle")}
	t.Cleanup(b.disk.Close)
	db, err := tandem.OpenOn(t.Context(), b.path, b.disk)
	check(t, err)
	b.joiner = &joiner{db, brittleStore{tandem.MemoryIdentityStore(), b.disk}, "brittle"}
	return b
}

// restart ends what has lost its power, and opens what is left of it on a disk that works.
func (b *brittle) restart(t testing.TB, seed uint64) {
	t.Helper()
	_ = b.db.Close() // its disk has failed
	check(t, b.disk.Restart(b.path+".tandem", seed))
	b.db = openAt(t, b.path, tandem.Options{})
	b.store = b.store.(brittleStore).TLSIdentityStore
}

// wasCut reports whether the chosen step has come.
func (b *brittle) wasCut() bool {
	select {
	case <-b.disk.Failing():
		return true
	default:
		return false
	}
}

// brittleStore is an identity store that loses its power with a disk, before or after it does its work.
type brittleStore struct {
	tandem.TLSIdentityStore
	disk *storetest.Disk
}

func (s brittleStore) step() error { return s.disk.Step(store.StepWrite, "", "") }

func (s brittleStore) Save(label string, id, replaces *tandem.TLSIdentity) error {
	if err := s.step(); err != nil {
		return err
	}
	if err := s.TLSIdentityStore.Save(label, id, replaces); err != nil {
		return err
	}
	return s.step()
}

func (s brittleStore) Delete(label string) error {
	if err := s.step(); err != nil {
		return err
	}
	if err := s.TLSIdentityStore.Delete(label); err != nil {
		return err
	}
	return s.step()
}

// membership returns the group that a device is in, nil for none. A group is there whole, or not at all.
func (b *brittle) membership(t testing.TB) *tandem.PeerGroup {
	t.Helper()
	g, err := tandem.OpenPeerGroup(t.Context(), b.db, testGroup, b.options())
	names, errNames := tandem.PeerGroups(t.Context(), b.db)
	check(t, errNames)
	if err != nil {
		wantError(t, "open a group after a crash", err, tandem.ErrNotFound)
		if len(names) > 0 {
			t.Errorf("the group is not there, and is listed: %q", names)
		}
		return nil
	}
	if !slices.Equal(names, []string{testGroup}) {
		t.Errorf("the group is there, and listed are %q", names)
	}
	all, err := g.Members(t.Context())
	check(t, err)
	if !slices.ContainsFunc(all, func(m tandem.MemberInfo) bool { return m.Self && m.ID == g.PeerID() }) {
		t.Errorf("the member itself is not among %d", len(all))
	}
	return g
}

// starts reports whether a member runs, and stops it.
func (b *brittle) starts(t testing.TB, g *tandem.PeerGroup) {
	t.Helper()
	b.run(t, g).Stop()
}

// cutEverywhere cuts the power at each step of an operation, each time on a new device that before has
// prepared, and has after look at what is left.
func cutEverywhere(t *testing.T, before func(*brittle), do func(*brittle) error, after func(b *brittle, done bool)) {
	t.Helper()
	every := testsize.Pick(8, 1)
	for n := 1; ; n += every {
		b := newBrittle(t)
		before(b)
		b.disk.CutAt(n)
		err := do(b)
		cut := b.wasCut()
		if !cut && err != nil {
			t.Fatalf("without a cut: %v", err)
		}
		b.restart(t, uint64(n)) //nolint:gosec // positive
		after(b, err == nil)
		check(t, b.db.Close())
		if !cut {
			return
		}
		if t.Failed() {
			t.Fatalf("the power was cut at step %d", n)
		}
	}
}

func TestAGroupIsMadeWholeOrNotAtAll(t *testing.T) {
	found := func(b *brittle) error {
		_, err := tandem.CreatePeerGroup(context.Background(), b.db, testGroup, b.options())
		return err
	}
	cutEverywhere(t, func(*brittle) {}, found, func(b *brittle, done bool) {
		g := b.membership(t)
		if g == nil && done {
			t.Error("the group is gone that was made")
		}
		if g == nil {
			check(t, found(b))
			g = b.membership(t)
		}
		if g == nil || !g.Founded() {
			t.Fatal("the group cannot be made again, or its key is not here")
		}
		b.starts(t, g)
		labels, err := b.store.Labels()
		check(t, err)
		if len(labels) != 2 {
			t.Errorf("%d keys are left, want that of the group and of the member: %q", len(labels), labels)
		}
	})
}

func TestAGroupIsLeftWholeOrNotAtAll(t *testing.T) {
	leave := func(b *brittle) error {
		g, err := tandem.OpenPeerGroup(context.Background(), b.db, testGroup, b.options())
		if err != nil {
			return err
		}
		return g.Leave(context.Background())
	}
	cutEverywhere(t, func(b *brittle) { b.found(t, testGroup) }, leave, func(b *brittle, done bool) {
		g := b.membership(t)
		if g != nil && done {
			t.Error("the group is there that was left")
		}
		if g != nil {
			b.starts(t, g)
			check(t, leave(b))
		}
		labels, err := b.store.Labels()
		check(t, err)
		if g := b.membership(t); g != nil || len(labels) > 0 {
			t.Errorf("the group was left, and is there %t; keys that are left: %q", g != nil, labels)
		}
		b.starts(t, b.found(t, testGroup))
	})
}

// A founding that was cut off leaves no key that would count in another's group of the same name.
func TestACutFoundingMakesNoFounderElsewhere(t *testing.T) {
	inviter := newJoiner(t, "inviter")
	g := inviter.found(t, testGroup)
	at := inviter.run(t, g).Addresses()[0]
	found := func(b *brittle) error {
		_, err := tandem.CreatePeerGroup(context.Background(), b.db, testGroup, b.options())
		return err
	}
	cutEverywhere(t, func(*brittle) {}, found, func(b *brittle, _ bool) {
		if b.membership(t) != nil {
			return
		}
		joined := b.enter(t, g, at)
		for _, mine := range []*tandem.PeerGroup{joined, b.membership(t)} {
			if mine.Founded() || mine.MayInvite() {
				t.Errorf("who has joined has founded the group: %t, may invite: %t", mine.Founded(), mine.MayInvite())
			}
		}
		labels, err := b.store.Labels()
		check(t, err)
		if len(labels) != 1 {
			t.Errorf("%d keys are left, want the member's: %q", len(labels), labels)
		}
		b.starts(t, joined)
	})
}

func TestADeviceJoinsWholeOrNotAtAll(t *testing.T) {
	inviter := newJoiner(t, "inviter")
	g := inviter.found(t, testGroup)
	at := inviter.run(t, g).Addresses()[0]
	join := func(b *brittle) error {
		_, err := b.join(t.Context(), invite(t, g, tandem.InvitationOptions{}).Code(), at)
		return err
	}
	for name, before := range map[string]func(*brittle){
		"first": func(*brittle) {},
		"again": func(b *brittle) { check(t, join(b)) },
	} {
		t.Run(name, func(t *testing.T) {
			cutEverywhere(t, before, join, func(b *brittle, done bool) {
				mine := b.membership(t)
				if mine == nil && (done || name == "again") {
					t.Error("the device is no member, which it was")
				}
				if mine != nil {
					b.starts(t, mine)
				}
				check(t, join(b))
				b.starts(t, b.membership(t))
			})
		})
	}
}

// The power of the inviter is cut while a device joins.
func TestAnInviterAdmitsWholeOrNotAtAll(t *testing.T) {
	var i *tandem.Invitation
	var joined bool
	var m *member
	before := func(b *brittle) {
		joined = false
		g := b.found(t, testGroup)
		m = b.run(t, g)
		i = invite(t, g, tandem.InvitationOptions{})
	}
	do := func(b *brittle) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			select {
			case <-b.disk.Failing():
				cancel()
			case <-ctx.Done():
			}
		}()
		_, err := newJoiner(t, "joiner").join(ctx, i.Code(), m.Addresses()[0])
		joined = err == nil
		return err
	}
	cutEverywhere(t, before, do, func(b *brittle, _ bool) {
		g := b.membership(t)
		if g == nil {
			t.Fatal("the group is gone")
		}
		all, err := g.Members(t.Context())
		check(t, err)
		codes, err := g.Invitations(t.Context())
		check(t, err)
		if len(codes) != 1 {
			t.Fatalf("there are %d codes, want the one", len(codes))
		}
		used := codes[0].State == tandem.InvitationUsed
		if used != (len(all) == 2) || joined && !used {
			t.Errorf("there are %d members, the code is %s, and the device has joined %t", len(all), codes[0].State, joined)
		}
		m := b.run(t, g)
		_, err = newJoiner(t, "next").join(t.Context(), invite(t, g, tandem.InvitationOptions{}).Code(), m.Addresses()[0])
		check(t, err)
		m.Stop()
	})
}

func TestAMemberIsRemovedWholeOrNotAtAll(t *testing.T) {
	inviter := newJoiner(t, "other")
	out := inviter.found(t, testGroup).PeerID() // any ID will do
	remove := func(b *brittle) error {
		g, err := tandem.OpenPeerGroup(context.Background(), b.db, testGroup, b.options())
		if err != nil {
			return err
		}
		return g.Remove(context.Background(), out, tandem.RemoveOptions{})
	}
	cutEverywhere(t, func(b *brittle) { b.found(t, testGroup) }, remove, func(b *brittle, done bool) {
		g := b.membership(t)
		if g == nil {
			t.Fatal("the group is gone")
		}
		if done && !removedTo(t, g, out) {
			t.Error("the removal is forgotten")
		}
		check(t, remove(b))
		if !removedTo(t, b.membership(t), out) {
			t.Error("the member is not removed by a second attempt")
		}
	})
}
