package both

import (
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// MaxGeneration is the highest generation of a head: the encoded tree IDs of later ones would be equal.
// MaxAccepted is the highest that a peer may send, which leaves room for edits.
const (
	MaxGeneration = 1<<23 - 1
	MaxAccepted   = MaxGeneration / 2
)

// CheckGenerations reports a generation above most in h, whether written in a tree ID or encoded in a
// version. The error is [fault.BadRevisionID].
func (h Head) CheckGenerations(most uint64) error {
	for _, id := range slices.Concat(h.chain, h.superseded, h.all()) {
		if max(id.Generation(), encodedGeneration(VersionOf(id))) > most {
			return fault.BadRevisionID.Says("the generation of %.80q is beyond %d", id, most)
		}
	}
	return nil
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
