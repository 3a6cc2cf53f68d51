package tandem_test

import (
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/testsize"
)

// TestMeshGoesOnWhenManyFallSilent lets the packets of a third of the members vanish, and has another one write.
func TestMeshGoesOnWhenManyFallSilent(t *testing.T) {
	members := testsize.Pick(7, unwatched(20, 50))
	dir := t.TempDir()
	testsize.Bubble(t, func(t *testing.T) {
		h := newMeshHours(t, dir, 30, members, 1)
		time.Sleep(time.Minute)
		dead := make(map[string]bool)
		for _, d := range h.all[:members*3/10] {
			dead[d.at()] = true
		}
		h.w.set(func(from, to string) bool { return !dead[from] && !dead[to] })
		left := h.all[members*3/10:]
		save(t, left[0].coll, "news", `{"n":1}`)
		began := time.Now()
		for left[0].spread(left) < len(left) && time.Since(began) < time.Minute {
			time.Sleep(100 * time.Millisecond)
		}
		took := time.Since(began)
		testsize.Figure(t, "30 % of the members vanish in silence: a change is on all others", took, 10*time.Second)
		if got := left[0].spread(left); got != len(left) || took > 10*time.Second {
			t.Errorf("after %v the change is on %d of %d members", took, got, len(left))
		}
		h.w.set(nil)
		for _, d := range h.all {
			d.close()
		}
	})
}

// spread counts the members that have the document named news.
func (d *roamer) spread(among []*roamer) (n int) {
	for _, other := range among {
		if doc, err := other.coll.Document(d.h.t.Context(), "news"); err == nil && doc != nil {
			n++
		}
	}
	return n
}
