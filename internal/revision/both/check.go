package both

import (
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// MaxGeneration is the highest generation of a head: the encoded tree IDs of later ones would be equal.
const MaxGeneration = 1<<23 - 1

// CheckGenerations reports a generation above most in h, whether written in a tree ID or encoded in a
// version. The error is [fault.BadRevisionID].
func (h Head) CheckGenerations(most uint64) error {
	if h.Highest() > most {
		return fault.BadRevisionID.Says("a generation in the history of %.80q is beyond %d", h.chain[0], most)
	}
	return nil
}

// Highest returns the highest generation in the names of h and of its past.
func (h Head) Highest() (highest uint64) {
	for _, id := range slices.Concat(h.chain, h.superseded, h.all()) {
		highest = max(highest, id.Generation(), encodedGeneration(VersionOf(id)))
	}
	return highest
}

func encodedGeneration(version revision.ID) uint64 {
	if version.Source() != revision.LegacySource {
		return 0
	}
	return generationOf(version.Time())
}

// CheckTimes is [revision.CheckTimes] for all versions that h names: those in its tree IDs, too, also in
// those that it has given up.
func (h Head) CheckTimes(now time.Time) error {
	for _, id := range slices.Concat(h.chain, h.superseded) {
		if err := revision.CheckTimes(revision.Rev{ID: VersionOf(id)}, now); err != nil {
			return err
		}
	}
	return revision.CheckTimes(h.rev(), now)
}
