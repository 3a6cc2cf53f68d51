package tandem

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"strconv"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh"
	"github.com/tandemdb/tandem/internal/mesh/group"
	"github.com/tandemdb/tandem/internal/store"
)

// The spaces of a database's small values that have its groups. Those of one group end in its name.
const (
	meshSpaces        = "mesh-"         // with which all of them begin, and those of the members that were met
	groupSpace        = "mesh-groups"   // by name
	groupChangesSpace = "mesh-changes"  // by name: how often the rows below have changed
	groupRunningSpace = "mesh-running"  // by name: which run of a member answers joiners
	memberSpace       = "mesh-members " // by ID of the member
	removalSpace      = "mesh-removals "
	invitationSpace   = "mesh-invitations "
)

// groupRow is what the database has of a group.
type groupRow struct {
	Root    []byte   `json:"root"`              // the authority's certificate
	Floor   int64    `json:"floor"`             // a time that has passed, in seconds since 1970
	Founded bool     `json:"founded,omitempty"` // here
	Inviter string   `json:"inviter,omitempty"` // its ID, hexadecimal
	At      []string `json:"at,omitempty"`      // its addresses
	Name    string   `json:"name,omitempty"`    // of this device; empty for that of its certificate
	Former  [][]byte `json:"former,omitempty"`  // the certificates before a renewal; see [PeerGroup.standing]
	Leaving bool     `json:"leaving,omitempty"` // the keys are being deleted, and the rows after them
}

// memberRow is what the database has of a member.
type memberRow struct {
	Name    string   `json:"name,omitempty"`    // what it calls itself
	As      string   `json:"as,omitempty"`      // what it was called when this device has invited it
	Chain   [][]byte `json:"chain"`             // a [group.Way]
	Issued  []byte   `json:"issued,omitempty"`  // the certificate by which this device has invited it
	Invited int64    `json:"invited,omitempty"` // by this device: when, in seconds since 1970
	Seen    int64    `json:"seen,omitempty"`
}

func (g *PeerGroup) readRow(ctx context.Context) (row *groupRow, err error) {
	err = g.db.view(ctx, func(tx *store.Tx) error {
		row, err = readJSON[groupRow](tx, groupSpace, g.name)
		return err
	})
	return row, err
}

// membership reads the row of the group, nil if the database is in none of this name. It ends what a
// process has begun that has ended while it left the group.
func (g *PeerGroup) membership(ctx context.Context) (*groupRow, error) {
	row, err := g.readRow(ctx)
	if err != nil || row == nil || !row.Leaving {
		return row, err
	}
	return nil, g.finishLeaving(ctx)
}

// settle has the database outlive a loss of power: keys are stored under labels that go by its source.
func (g *PeerGroup) settle(ctx context.Context) error {
	return g.write(ctx, func(*store.Tx) error { return nil })
}

// readJSON returns nil for a missing value.
func readJSON[T any](tx *store.Tx, space, key string) (*T, error) {
	text, err := tx.Info(space, key)
	if err != nil || text == nil {
		return nil, err
	}
	return parseRow[T](key, text)
}

// eachJSON calls yield for each value of a space, in the order of the keys.
func eachJSON[T any](tx *store.Tx, space string, yield func(key string, value *T) error) error {
	return tx.Infos(space, func(key string, text []byte) error {
		value, err := parseRow[T](key, text)
		if err != nil {
			return err
		}
		return yield(key, value)
	})
}

func parseRow[T any](key string, text []byte) (*T, error) {
	value := new(T)
	if err := json.Unmarshal(text, value); err != nil {
		return nil, fault.CorruptData.In("read group", key).Because(err)
	}
	return value, nil
}

func writeJSON(tx *store.Tx, space, key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return tx.SetInfo(space, key, text)
}

// update changes rows of the group. Once the database has left the group it fails: a member that still
// runs brings no rows back.
func (g *PeerGroup) update(ctx context.Context, change func(tx *store.Tx) error) error {
	return g.write(ctx, func(tx *store.Tx) error {
		if _, err := g.current(tx); err != nil {
			return err
		}
		return change(tx)
	})
}

// write changes rows of the group, durably, and counts that for other processes.
func (g *PeerGroup) write(ctx context.Context, change func(tx *store.Tx) error) error {
	if g.db.readOnly {
		return fault.NotWriteable.In("change group", g.name).Says("the database was opened read-only")
	}
	if err := g.db.toChangeAlone(ctx, "change group"); err != nil {
		return err
	}
	err := g.db.store.UpdateDurable(ctx, func(tx *store.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		if err := g.keepFloor(tx); err != nil {
			return err
		}
		n, err := g.readChanges(tx)
		if err != nil {
			return err
		}
		return tx.SetInfo(groupChangesSpace, g.name, strconv.AppendInt(nil, n+1, 10))
	})
	g.mu.Lock()
	defer g.mu.Unlock()
	for wake := range g.wake {
		signalTo(wake)
	}
	return err
}

func (g *PeerGroup) readChanges(tx *store.Tx) (int64, error) {
	text, err := tx.Info(groupChangesSpace, g.name)
	if err != nil || text == nil {
		return 0, err
	}
	n, _ := strconv.ParseInt(string(text), 10, 64)
	return n, nil
}

// countChanges returns how often rows of the group were written.
func (g *PeerGroup) countChanges(ctx context.Context) (n int64, err error) {
	err = g.db.view(ctx, func(tx *store.Tx) error {
		n, err = g.readChanges(tx)
		return err
	})
	return n, err
}

// keepFloor writes down the time that has certainly passed: a clock that begins in 1970 again after a
// restart does not go behind it. It goes by the inviter's time and by how long this process has run,
// never by this device's clock.
func (g *PeerGroup) keepFloor(tx *store.Tx) error {
	row, err := readJSON[groupRow](tx, groupSpace, g.name)
	least := g.floor.Add(time.Since(g.loaded)).Unix()
	if err != nil || row == nil || row.Floor == 0 || least < row.Floor+floorStep {
		return err
	}
	row.Floor = least
	return writeJSON(tx, groupSpace, g.name, *row)
}

// floorStep is how much the floor rises at least when it is written, in seconds.
const floorStep = 60

// enter makes the database a member: first the key is stored, then the row.
func (g *PeerGroup) enter(
	ctx context.Context, key crypto.Signer, chain []*x509.Certificate, row groupRow, removals []*group.Removal,
) error {
	id, err := IdentityFromKeyAndCerts(key, chain)
	if err != nil {
		return err
	}
	if err := g.saveIdentity(id); err != nil {
		return err
	}
	row.Root, g.authenticator = g.root.Raw, authenticatorOf(g)
	g.row, g.floor = row, time.Unix(row.Floor, 0)
	err = g.write(ctx, func(tx *store.Tx) error {
		before, err := readJSON[groupRow](tx, groupSpace, g.name)
		if err == nil && before == nil {
			err = g.clearRows(tx) // of another group, which a process has left behind
		}
		if err != nil {
			return err
		}
		if err := writeJSON(tx, groupSpace, g.name, row); err != nil {
			return err
		}
		if err := g.writeRemovals(tx, removals); err != nil {
			return err
		}
		return g.writeMember(tx, memberRow{Chain: group.DERs(chain), Name: chain[0].Subject.CommonName})
	})
	if err != nil {
		return err
	}
	return g.reread(ctx)
}

// clearRows deletes what the database has of the group but the row of the group itself.
func (g *PeerGroup) clearRows(tx *store.Tx) error {
	for _, space := range []string{memberSpace, removalSpace, invitationSpace} {
		err := tx.Infos(space+g.name, func(key string, _ []byte) error { return tx.SetInfo(space+g.name, key, nil) })
		if err != nil {
			return err
		}
	}
	return tx.SetInfo(groupRunningSpace, g.name, nil)
}

// saveIdentity keeps this member's key and certificates, in the place of former ones.
func (g *PeerGroup) saveIdentity(id *TLSIdentity) error {
	former, err := GetIdentity(g.store, g.label())
	if err != nil {
		return err
	}
	if err := g.store.Save(g.label(), id, former); err != nil {
		return err
	}
	saved, err := g.store.Load(g.label())
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.identity = saved
	g.mu.Unlock()
	return nil
}

func cleanOr(name, otherwise string) string {
	if clean := mesh.CleanName(name); clean != "" {
		return clean
	}
	return otherwise
}
