package revision_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/revision"
)

// A revision is due from the first moment at which CheckTimes accepts it.
func TestDueIsWhenTheTimesPass(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, rapid.Int64Range(1<<60, 1<<62).Draw(t, "now"))
		near := rapid.Int64Range(-int64(time.Hour), int64(time.Hour))
		at := func(label string) revision.ID {
			return revision.NewVersion(revision.Time(now.UnixNano()+near.Draw(t, label)), a1.Source())
		}
		rev := revision.Rev{ID: at("version"), History: revision.History{Previous: []revision.ID{at("seen")}}}
		passes := revision.CheckTimes(rev, now) == nil
		due := revision.Due(rev, now)
		switch {
		case passes != due.IsZero():
			t.Fatalf("Due(%v, %v) = %v, and CheckTimes lets it pass: %v", rev, now, due, passes)
		case passes:
		case revision.CheckTimes(rev, due) != nil:
			t.Fatalf("%v does not pass when it is due, at %v", rev, due)
		case revision.CheckTimes(rev, due.Add(-1)) == nil:
			t.Fatalf("%v passes before it is due, at %v", rev, due)
		}
	})
	now := time.Unix(0, 1<<60)
	for name, rev := range map[string]revision.Rev{
		"tree":         tree("2-b", "1-a"),
		"encoded tree": {ID: revision.ID("2-b").Encoded()},
		"out of range": {ID: revision.NewVersion(revision.MaxTime+1, a1.Source())},
	} {
		if due := revision.Due(rev, now); !due.IsZero() {
			t.Errorf("%s: Due(%v) = %v, want none", name, rev, due)
		}
	}
}
