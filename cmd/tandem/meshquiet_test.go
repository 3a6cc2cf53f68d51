package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// dozer is a member that is in sync at once, and whose wakes end as is said.
type dozer struct {
	wakes  []error
	woken  int
	paused bool
	enough context.CancelFunc // after the wakes
}

func (d *dozer) Pause()                         { d.paused = true }
func (d *dozer) Wait(context.Context) error     { return nil }
func (d *dozer) Status() tandem.MultipeerStatus { return tandem.MultipeerStatus{} }

func (d *dozer) Resume() error {
	if d.woken == len(d.wakes) {
		return errors.New("woken too often")
	}
	err := d.wakes[d.woken]
	d.woken++
	if d.paused = err != nil; d.woken == len(d.wakes) {
		d.enough()
	}
	return err
}

// A wake that fails for the moment is repeated, one that will always fail ends the member, and one that is
// to stop while it sleeps is not woken.
func TestABadWakeIsTriedAgain(t *testing.T) {
	notUp := tandem.ErrAddressInUse
	for name, c := range map[string]struct {
		wakes  []error
		ends   error
		lasted time.Duration
	}{
		"the network is not up": {[]error{nil, notUp, notUp, nil}, nil, 31 * time.Minute},
		"it was removed":        {[]error{notUp, tandem.ErrForbidden}, tandem.ErrForbidden, 15*time.Minute + 30*time.Second},
		"its certificate ended": {[]error{tandem.ErrCertExpired}, tandem.ErrCertExpired, 15 * time.Minute},
		"it has left":           {[]error{tandem.ErrNotFound}, tandem.ErrNotFound, 15 * time.Minute},
		"its database is closed": {
			[]error{tandem.ErrNotOpen}, tandem.ErrNotOpen, 15 * time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				var notes bytes.Buffer
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				m := &dozer{wakes: c.wakes, enough: cancel}
				begun := time.Now()
				err := (&app{err: &notes}).connectNowAndThen(ctx, m, 15*time.Minute)
				if !errors.Is(err, c.ends) || m.woken != len(c.wakes) || time.Since(begun) != c.lasted {
					t.Errorf("ended with %v after %v and %d wakes, want %v after %v", err, time.Since(begun), m.woken, c.ends, c.lasted)
				}
				if told := strings.Contains(notes.String(), "tried again in 30s"); told != (len(c.wakes) > 1) {
					t.Errorf("told of the bad wake %t: %s", told, &notes)
				}
			})
		})
	}
	testsize.Bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		m := &dozer{}
		if err := (&app{err: new(bytes.Buffer)}).connectNowAndThen(ctx, m, time.Hour); err != nil || !m.paused {
			t.Errorf("stopped while it sleeps: %v, paused %t", err, m.paused)
		}
	})
}

// A member that was removed has its name again for who joins after it.
func TestANameIsThatOfAMember(t *testing.T) {
	gone := tandem.MemberInfo{ID: tandem.PeerID{1}, Name: "till", Removed: time.Now()}
	here, other := tandem.MemberInfo{ID: tandem.PeerID{2}, Name: "till"}, tandem.MemberInfo{ID: tandem.PeerID{3}, Name: "x", InvitedAs: "till"}
	for name, c := range map[string]struct {
		all  []tandem.MemberInfo
		want byte
	}{
		"one alone": {[]tandem.MemberInfo{here}, 2}, "one that was removed": {[]tandem.MemberInfo{gone}, 1},
		"both": {[]tandem.MemberInfo{gone, here}, 2}, "invited so": {[]tandem.MemberInfo{gone, other}, 3},
		"two": {[]tandem.MemberInfo{here, other}, 0}, "none": {nil, 0},
	} {
		found, err := chooseMember(c.all, "till")
		if found[0] != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("%s: found %d (%v), want %d", name, found[0], err, c.want)
		}
	}
}

// A name that the inviter gives and that is none of a collection does not end the joining.
func TestABadSharedCollectionIsLeftOut(t *testing.T) {
	db, err := tandem.Open(t.Context(), filepath.Join(t.TempDir(), "db"), tandem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var notes bytes.Buffer
	a := &app{err: &notes}
	a.createShared(t.Context(), db, []string{"a.b.c\x1b", "shop.sales"}, new(joinFlags))
	if _, err := db.Collection(t.Context(), "shop", "sales"); err != nil {
		t.Errorf("the good one is not made: %v", err)
	}
	if text := notes.String(); !strings.Contains(text, "is not shared") || strings.Contains(text, "\x1b") {
		t.Errorf("told %q", text)
	}
}
