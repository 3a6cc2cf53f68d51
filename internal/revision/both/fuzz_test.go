package both_test

import (
	"testing"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
)

// FuzzTreeIDs reads versions out of what peers call tree IDs.
func FuzzTreeIDs(f *testing.F) {
	f.Add("2-ff18ec79a8e2b300003cf3cf3cf3cf3cf3cf3cf3cf3cf3cf3c")
	f.Add("3-bbbbbbbbbb")
	f.Add("4-fd123456")
	f.Add("5-ff0000000000000000ffffffffffffffffffffffffffffffff")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := revision.ParseID(text)
		if err != nil || !id.IsTree() {
			return
		}
		version := both.VersionOf(id)
		if both.IsEmbedded(id) && version.Source() != revision.LegacySource && both.Embed(id.Generation(), version) != id {
			t.Errorf("%s is read as %s, which is embedded as %s", id, version, both.Embed(id.Generation(), version))
		}
		if version == "" != both.IsFiller(id) {
			t.Errorf("%s has the version %q", id, version)
		}
	})
}

// FuzzHeads has heads from any stored text meet each other.
func FuzzHeads(f *testing.F) {
	f.Add("18ec79a8e2b30000@AAAAAAAAAAAAAAAAAAAAAA", "1aaaaaaaaaa@Revision+Tree+Encoding,2-ff18ec79a8e2b3000000000000000000000000000000000000,1-aaaaaaaaaaaa", "3-bbb", "2-aa,1-aa")
	f.Add("3-bb", "2-aa|2-cc,1-dd|3-ee 18ec79a8e2b30000@AAAAAAAAAAAAAAAAAAAAAA", "18ec79a8e2b30000@AAAAAAAAAAAAAAAAAAAAAA", "")
	f.Fuzz(func(t *testing.T, id, history, otherID, otherHistory string) {
		one, err := revision.ParseStored(id, history)
		if err != nil || one.ID == "" {
			return
		}
		other, err := revision.ParseRev(otherID, otherHistory)
		if err != nil || other.ID == "" {
			return
		}
		h := both.HeadOf(one)
		r := h.Receive(both.Incoming{Rev: other})
		next := r.Head
		if r.Outcome == both.Conflicting || r.Outcome == both.Settled {
			next, _, _ = both.Resolve(h, r.Head, both.DefaultWinner(h, r.Head, false, false), false)
		}
		stored := next.Rev()
		if _, err := revision.ParseStored(string(stored.ID), stored.History.String()); err != nil {
			t.Errorf("%s %s meets %s %s and cannot be stored: %v", id, history, otherID, otherHistory, err)
		}
		_ = next.History([]revision.ID{other.ID}, 49)
	})
}
