package tandem_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// outline is a history without what is new with each run.
func outline(all []tandem.Revision) (lines []string) {
	for _, r := range all {
		line := string(r.Role)
		if r.Generation > 0 {
			line += fmt.Sprintf(" %d", r.Generation)
		}
		if !r.Time.IsZero() {
			line += " timed"
		}
		if r.Own {
			line += " own"
		}
		if r.Deleted {
			line += " deleted"
		}
		if len(r.Peers) > 0 {
			line += " known"
		}
		lines = append(lines, strings.TrimSpace(line+" "+string(r.Body)))
	}
	return lines
}

func TestHistoryTellsWhatIsKnownOfEachRevision(t *testing.T) { // E26
	const base, ourSide, theirSide = `{"n":0,"theirs":0,"ours":0}`, `{"n":0,"theirs":0,"ours":1}`, `{"n":0,"theirs":1,"ours":0}`
	for versioning, want := range map[tandem.Versioning]struct{ open, merged, deleted []string }{
		tandem.RevTrees: {
			open: []string{"current 2 " + ourSide, "conflict 2 known " + theirSide, "ancestor 1 " + base},
			merged: []string{
				`current 3 {"merged":1}`, "ancestor 2 known " + theirSide, "ancestor 1", "superseded 2",
			},
			deleted: []string{"current 4 deleted {}", "ancestor 3", "ancestor 2 known " + theirSide, "ancestor 1", "superseded 2"},
		},
		tandem.VersionVectors: {
			open: []string{"current timed own " + ourSide, "conflict timed known " + theirSide, "previous timed " + base},
			merged: []string{
				`current timed own {"merged":1}`, "merged timed own", "merged timed known " + theirSide,
			},
			deleted: []string{"current timed own deleted {}", "previous timed known " + theirSide},
		},
	} {
		t.Run(string(versioning), func(t *testing.T) {
			_, ours, _ := leaveConflicts(t, versioning, "doc")
			history := func(step string, want []string) []tandem.Revision {
				t.Helper()
				all, err := ours.History(t.Context(), "doc")
				check(t, err)
				got := outline(all)
				slices.Sort(got[1:])
				sorted := slices.Clone(want)
				slices.Sort(sorted[1:])
				if !slices.Equal(got, sorted) {
					t.Errorf("%s: got\n%s\nwant\n%s", step, strings.Join(outline(all), "\n"), strings.Join(want, "\n"))
				}
				return all
			}
			all := history("in conflict", want.open)
			open, err := ours.Conflict(t.Context(), "doc")
			check(t, err)
			if all[0].ID != open.Local.RevisionID() || all[1].ID != open.Remote.RevisionID() {
				t.Errorf("history begins with %s and %s, want %s and %s", all[0].ID, all[1].ID, open.Local.RevisionID(), open.Remote.RevisionID())
			}
			settled, err := ours.Resolve(t.Context(), open, newDocument(t, "doc", `{"merged":1}`))
			check(t, err)
			history("merged", want.merged)
			check(t, ours.Delete(t.Context(), settled))
			history("deleted", want.deleted)
			check(t, ours.Purge(t.Context(), "doc"))
			_, err = ours.History(t.Context(), "doc")
			wantError(t, "the history of a purged document", err, tandem.ErrNotFound)
		})
	}
}
