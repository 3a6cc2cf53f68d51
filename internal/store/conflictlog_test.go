package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// logConflicts makes and resolves n conflicts in one transaction; each body has at least size
// bytes.
func (x conflicted) logConflicts(t *testing.T, n, size int) {
	t.Helper()
	body := fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", size))
	peer := revision.SourceFrom([16]byte{9})
	update(t, x.db, func(tx *store.Tx) error {
		for i := range n {
			local, err := tx.Save(x.c, store.Edit{ID: "b", Body: []byte(body)})
			if err != nil {
				return err
			}
			theirs := revision.Rev{ID: revision.NewVersion(1<<52+revision.Time(i), peer)}
			in := store.Incoming{ID: "b", Rev: theirs, Body: []byte(body), Remote: x.with}
			if o, err := tx.Receive(x.c, in); o != store.Conflicted || err != nil {
				return fmt.Errorf("received as %v, %w", o, err)
			}
			r := store.Resolution{ID: "b", Remote: x.with, Local: local.Rev.ID, Winner: store.LocalWins}
			if _, err := tx.Resolve(x.c, r); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestConflictLogIsBounded(t *testing.T) {
	testsize.Whole(t)
	const limit = 64 << 20 // bytes of bodies
	for name, tt := range map[string]struct{ conflicts, size, want int }{
		"large bodies":  {conflicts: 40, size: 1 << 20, want: 15},
		"larger bodies": {conflicts: 3, size: 20 << 20, want: 0},
		"many":          {conflicts: 10_500, size: 10, want: 10_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := makeConflict(t, store.VersionVectors, false)
			x.logConflicts(t, tt.conflicts, tt.size)
			var log []*store.LoggedConflict
			view(t, x.db, func(tx *store.Tx) (err error) {
				log, err = tx.ConflictLog(store.ConflictFilter{}, 20_000)
				return err
			})
			bytes := 0
			for _, entry := range log {
				bytes += len(entry.Local.Body) + len(entry.Theirs.Body)
			}
			if bytes > limit || len(log) < tt.want || len(log) >= tt.want+256 {
				t.Errorf("the log has %d entries with %d bytes, want %d or a few more entries", len(log), bytes, tt.want)
			}
			if len(log) > 0 && log[0].Number != int64(tt.conflicts) {
				t.Errorf("the latest entry has number %d", log[0].Number)
			}
		})
	}
}
