package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// hold takes a duty, which must be free, and returns a channel that is closed when it is lost.
func hold(t *testing.T, db *store.DB) (release func(), lost chan struct{}) {
	t.Helper()
	lost = make(chan struct{})
	release, err := db.HoldDuty(background, "duty", func() { close(lost) })
	if err != nil || release == nil {
		t.Fatalf("the duty is not free: %v", err)
	}
	return release, lost
}

// wantOthers checks that another node has the duty.
func wantOthers(t *testing.T, db *store.DB) {
	t.Helper()
	if release, err := db.HoldDuty(background, "duty", func() {}); err != nil || release != nil {
		t.Errorf("the duty is taken twice, %v", err)
	}
}

// TestADutyIsTheNodesUntilItsLastHolderEnds has two holders on one node.
func TestADutyIsTheNodesUntilItsLastHolderEnds(t *testing.T) {
	dbs, url := nodes(t, 2, store.Options{})
	a, b := dbs[0], dbs[1]
	first, _ := hold(t, a)
	second, _ := hold(t, a)
	first()
	wantOthers(t, b)
	second()
	release, _ := hold(t, b)
	release()
	reader := openNode(t, url, store.Options{ReadOnly: true})
	if _, err := reader.HoldDuty(background, "duty", nil); !errors.Is(err, fault.NotWriteable) {
		t.Errorf("a node that only reads: %v", err)
	}
}

// TestADutyThatAnotherNodeHasIsLost takes a duty away by SQL.
func TestADutyThatAnotherNodeHasIsLost(t *testing.T) {
	dbs, url := nodes(t, 1, store.Options{})
	dbs[0].RenewDuties(time.Millisecond, time.Hour)
	release, lost := hold(t, dbs[0])
	bySQL[int](t, url, `UPDATE duty SET node = 77 RETURNING 1`)
	<-lost
	release()
	wantOthers(t, dbs[0])
}

// TestADutyOutlivesAShortFailure cuts connections while a duty is renewed, and stops the renewal for good at last.
func TestADutyOutlivesAShortFailure(t *testing.T) {
	url := postgresURL(t)
	r := newRelay(t, url)
	db := openNode(t, through(t, url, r.listener.Addr().String()), store.Options{})
	db.RenewDuties(time.Millisecond, time.Hour)
	release, lost := hold(t, db)
	for range 20 {
		r.cutAll()
		select {
		case <-lost:
			t.Fatal("a cut connection ends the duty")
		case <-time.After(time.Millisecond):
		}
	}
	release()
	db.RenewDuties(time.Millisecond, 2*time.Millisecond)
	_, lost = hold(t, db)
	run(t, url, `ALTER TABLE duty RENAME TO elsewhere`)
	<-lost
	run(t, url, `ALTER TABLE elsewhere RENAME TO duty`)
}

// TestANewIncarnationLeavesDutiesUntilTheirHoldersKnow begins an incarnation: the holder must find out before another node
// takes the duty over.
func TestANewIncarnationLeavesDutiesUntilTheirHoldersKnow(t *testing.T) {
	dbs, url := nodes(t, 2, store.Options{})
	a, b := dbs[0], dbs[1]
	c := defaults(t, b)
	save(t, b, c, "a", `{}`)
	save(t, b, c, "b", `{}`)
	release, _ := hold(t, a)
	defer release()
	told := b.Reborn()
	bySQL[int](t, url, `UPDATE hub SET commits = commits - 1 RETURNING 1`)
	save(t, b, c, "c", `{}`)
	wantReborn(t, told)
	wantOthers(t, b)
}
