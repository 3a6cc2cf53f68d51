package tandem

import (
	"net/http"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// protocolFamily is in the name of each protocol, and so in the words of a peer that has none in common
// with us.
const protocolFamily = "CBMobile_"

// explainVersioning gives the error of a peer that speaks none of our protocols another form: which
// ones we offered depends on the versioning alone.
func (r *Replicator) explainVersioning(err error) error {
	refused := fault.Of(err)
	if refused == nil || refused.Domain != fault.WebSocket || refused.Code != http.StatusInternalServerError ||
		!strings.Contains(refused.Error(), protocolFamily) {
		return err
	}
	return r.versioningMismatch(refused)
}

// versioningMismatch says in what the peer's database differs.
func (r *Replicator) versioningMismatch(refused *fault.Error) error {
	if r.db.Versioning() == BothGenerations {
		return refused.Says("the peer syncs neither version vectors nor revision trees, and %s has no other form", r.db.Name()).
			Try("update the peer's program, and let its database be one of version vectors or of revision trees")
	}
	theirs, ours, hint := "version vectors", "revision trees",
		"give this database version vectors, for good, with tandem upgrade DB (Database.UpgradeVersioning)"
	if r.db.Versioning() == VersionVectors {
		theirs, ours, hint = ours, theirs, "sync a new database with the peer: tandem create NEW --versioning rev-trees (Options.Versioning)"
	}
	return refused.Says("the peer's database has %s, and %s has %s", theirs, r.db.Name(), ours).Try(hint)
}
