package tandem

import (
	"cmp"
	"context"
	"crypto/x509"
	"slices"

	"github.com/tandemdb/tandem/internal/store"
)

// writeMember writes what is known of a member over what was.
func (g *PeerGroup) writeMember(tx *store.Tx, row memberRow) error {
	leaf, err := x509.ParseCertificate(row.Chain[0])
	if err != nil {
		return err
	}
	key := hexOf(PeerIDOf(leaf))
	old, err := readJSON[memberRow](tx, memberSpace+g.name, key)
	if err != nil {
		return err
	}
	if old != nil {
		row.Invited, row.Seen = max(row.Invited, old.Invited), max(row.Seen, old.Seen)
		row.Name, row.As = cmp.Or(row.Name, old.Name), cmp.Or(row.As, old.As)
		if row.Issued == nil {
			row.Issued = old.Issued
		}
	}
	return writeJSON(tx, memberSpace+g.name, key, row)
}

// Bounds of the rows of members. A row is as long as its certificates.
const (
	maxMembersOf  = 1024 // whom one inviter, or the group's key, has signed for
	membersAtOnce = 64   // how many new ones are written until the rows are tidied
)

// tidyMembers forgets members whose certificates have ended a month ago, and, if one inviter has signed
// for more than is kept, those of them that were met or invited longest ago: an inviter with bad intent
// pushes out nobody else's. Others stay, met or not: who has taken somebody's code must not vanish from
// the list.
func (g *PeerGroup) tidyMembers(ctx context.Context) error {
	type known struct {
		key  PeerID
		last int64
	}
	var gone []PeerID
	of, self, now := make(map[PeerID][]known), g.PeerID(), g.now()
	err := g.eachMember(ctx, func(row memberRow, chain []*x509.Certificate) {
		switch id := PeerIDOf(chain[0]); {
		case id == self:
		case now.Sub(chain[0].NotAfter) > historyKept:
			gone = append(gone, id)
		default:
			by := PeerIDOf(chain[min(1, len(chain)-1)])
			of[by] = append(of[by], known{id, max(row.Seen, row.Invited)})
		}
	})
	if err != nil {
		return err
	}
	for _, all := range of {
		slices.SortFunc(all, func(a, b known) int { return cmp.Or(cmp.Compare(b.last, a.last), slices.Compare(a.key[:], b.key[:])) })
		for _, k := range all[min(len(all), maxMembersOf):] {
			gone = append(gone, k.key)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return g.update(ctx, func(tx *store.Tx) error {
		for _, id := range gone {
			if err := tx.SetInfo(memberSpace+g.name, hexOf(id), nil); err != nil {
				return err
			}
		}
		return nil
	})
}
