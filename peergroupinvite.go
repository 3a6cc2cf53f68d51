package tandem

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh/joining"
	"github.com/tandemdb/tandem/internal/store"
)

// InvitationLife is how long a code is good for, by the clock of the member that answers. It ends
// sooner when that member stops.
const InvitationLife = 10 * time.Minute

// InvitationOptions say what the invited device may do.
type InvitationOptions struct {
	// MayInvite lets it invite others, too. Only the device that made the group can give that right.
	MayInvite bool
}

// Invitation is a code for one device. The code itself is shown once, and kept nowhere.
type Invitation struct {
	id, code string
	uri      func(addresses []string) string
}

// ID names the invitation in lists; it is no secret.
func (i *Invitation) ID() string { return i.id }

// Code returns what the person at the other device enters: 28 letters and digits in groups of four.
// Whoever has it becomes a member: tell it to one person, over a way that nobody else hears.
func (i *Invitation) Code() string { return i.code }

// URI returns the code with addresses of this device, host:port, as text of a QR picture.
func (i *Invitation) URI(addresses []string) string { return i.uri(addresses) }

// String hides the code, so that no log and no error has it.
func (i Invitation) String() string { return "(invitation " + i.id + ")" }

// Format hides the code, whatever the verb.
func (i Invitation) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, i.String()) }

// MarshalJSON hides the code: it gives the ID as a string.
func (i Invitation) MarshalJSON() ([]byte, error) { return json.Marshal(i.id) }

// InvitationState says what became of a code.
type InvitationState string

// The states of an invitation.
const (
	InvitationNew       InvitationState = "new"       // no member answers for it yet
	InvitationOpen      InvitationState = "open"      // a running member answers
	InvitationUsed      InvitationState = "used"      // a device has joined by it
	InvitationExpired   InvitationState = "expired"   // its time was over, or the member that answered has stopped
	InvitationCancelled InvitationState = "cancelled" // by [PeerGroup.CancelInvitation]
)

// InvitationInfo is an invitation as lists show it, without its code.
type InvitationInfo struct {
	ID        string
	State     InvitationState
	Created   time.Time
	MayInvite bool
	Joined    PeerID // of a used one
	Name      string // of the device that has joined
}

// invitationRow is what the database has of an invitation.
type invitationRow struct {
	Key       []byte          `json:"key"` // proves the code
	Tag       string          `json:"tag"` // on the local network
	Created   int64           `json:"created"`
	State     InvitationState `json:"state"`
	Run       string          `json:"run,omitempty"` // that answers
	MayInvite bool            `json:"mayInvite,omitempty"`
	Spent     []byte          `json:"spent,omitempty"` // the key of who has joined
	Name      string          `json:"name,omitempty"`
}

// Bounds of the rows.
const (
	maxOpenInvitations = 16
	invitationsKept    = 24 * time.Hour // so that late joiners are told why
	maxInvitationsKept = 64
)

// Invite makes a code for one device. A running [MultipeerReplicator] of the group on this database,
// in this process or another one, answers for it within a second; without any, the code leads
// nowhere. It fails with [ErrForbidden] if this member may not invite, or was removed.
func (g *PeerGroup) Invite(ctx context.Context, o InvitationOptions) (*Invitation, error) {
	signer, err := g.signer()
	if err == nil {
		err = g.standing()
	}
	if err != nil {
		return nil, err
	}
	if o.MayInvite && len(signer.Chain) > 1 {
		return nil, fault.Forbidden.In("invite", g.name).Says("only the device that made the group can let others invite")
	}
	code, id := joining.NewCode(), strings.ToLower(rand.Text()[:8])
	key := code.Key()
	row := invitationRow{
		Key: key[:], Tag: code.Tag(), Created: time.Now().Unix(), State: InvitationNew, MayInvite: o.MayInvite,
	}
	err = g.update(ctx, func(tx *store.Tx) error {
		all, err := g.tidyInvitations(tx)
		if err != nil {
			return err
		}
		open := 0
		for _, old := range all {
			if old.State == InvitationNew || old.State == InvitationOpen {
				open++
			}
		}
		if open >= maxOpenInvitations {
			return fault.Busy.In("invite", g.name).Says("%d codes are open", open).Try("cancel some, or wait until they have expired")
		}
		return writeJSON(tx, invitationSpace+g.name, id, row)
	})
	if err != nil {
		return nil, err
	}
	return &Invitation{id: id, code: code.Text(), uri: code.URI}, nil
}

// namedInvitation is an invitation with its name.
type namedInvitation struct {
	id string
	invitationRow
}

func (g *PeerGroup) invitations(tx *store.Tx) (all []namedInvitation, err error) {
	err = eachJSON(tx, invitationSpace+g.name, func(id string, row *invitationRow) error {
		all = append(all, namedInvitation{id, *row})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b namedInvitation) int { return cmp.Compare(a.Created, b.Created) })
	return all, nil
}

// tidyInvitations forgets those that nobody asks for any more.
func (g *PeerGroup) tidyInvitations(tx *store.Tx) (left []namedInvitation, err error) {
	all, err := g.invitations(tx)
	if err != nil {
		return nil, err
	}
	for i, row := range all {
		age := time.Since(time.Unix(row.Created, 0))
		if age > invitationsKept || len(all)-i > maxInvitationsKept {
			if err := tx.SetInfo(invitationSpace+g.name, row.id, nil); err != nil {
				return nil, err
			}
			continue
		}
		left = append(left, row)
	}
	return left, nil
}

// Invitations lists the codes of the last day, the oldest first.
func (g *PeerGroup) Invitations(ctx context.Context) (list []InvitationInfo, err error) {
	all, err := g.readInvitations(ctx)
	for _, row := range all {
		list = append(list, row.info())
	}
	return list, err
}

func (g *PeerGroup) readInvitations(ctx context.Context) (all []namedInvitation, err error) {
	err = g.db.view(ctx, func(tx *store.Tx) error {
		all, err = g.invitations(tx)
		return err
	})
	return all, err
}

func (r namedInvitation) info() InvitationInfo {
	info := InvitationInfo{ID: r.id, State: r.State, Created: time.Unix(r.Created, 0), MayInvite: r.MayInvite, Name: r.Name}
	copy(info.Joined[:], r.Spent)
	if r.State == InvitationNew && time.Since(info.Created) > InvitationLife {
		info.State = InvitationExpired // nobody will answer
	}
	return info
}

// CancelInvitation ends an invitation that was not used yet. One that has ended is left as it is. An
// unknown ID is [ErrNotFound].
func (g *PeerGroup) CancelInvitation(ctx context.Context, id string) error {
	return g.update(ctx, func(tx *store.Tx) error {
		row, err := readJSON[invitationRow](tx, invitationSpace+g.name, id)
		if err != nil {
			return err
		}
		if row == nil {
			return fault.NotFound.In("cancel invitation", id).Says("there is no such invitation").
				Try("tandem mesh invite DB --group NAME --list shows all")
		}
		if row.State != InvitationNew && row.State != InvitationOpen {
			return nil
		}
		row.State = InvitationCancelled
		return writeJSON(tx, invitationSpace+g.name, id, row)
	})
}

// AwaitAnswering waits until a running member answers for an invitation, and reports whether one
// does. It gives up at once if none is said to run on the database, and when ctx ends; with [ErrBusy] if one
// is paused there: another one beside it would have the same identity.
func (g *PeerGroup) AwaitAnswering(ctx context.Context, i *Invitation) (bool, error) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		var row *invitationRow
		var running []byte
		err := g.db.view(ctx, func(tx *store.Tx) (err error) {
			if running, err = tx.Info(groupRunningSpace, g.name); err == nil {
				row, err = readJSON[invitationRow](tx, invitationSpace+g.name, i.id)
			}
			return err
		})
		switch {
		case ctx.Err() != nil:
			return false, nil
		case err != nil:
			return false, err
		case row != nil && row.State != InvitationNew:
			return true, nil
		case running == nil && !g.runsHere():
			return false, nil
		case string(running) == pausedRun:
			return false, fault.Busy.In("invite", g.name).Says("a member on this database is quiet, and answers for no code now").
				Try("stop it: two at once have the same identity")
		}
		select {
		case <-ctx.Done():
			return false, nil
		case <-ticker.C:
		}
	}
}

// pausedRun stands in the place of the run of a member that is paused.
const pausedRun = "paused"

// endPause says that a member that was paused has stopped.
func (g *PeerGroup) endPause(ctx context.Context) error {
	return g.update(ctx, func(tx *store.Tx) error {
		running, err := tx.Info(groupRunningSpace, g.name)
		if err != nil || string(running) != pausedRun { // another one runs
			return err
		}
		return tx.SetInfo(groupRunningSpace, g.name, nil)
	})
}

// runsHere reports whether a member of the group runs in this process.
func (g *PeerGroup) runsHere() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.wake) > 0
}

// key reads the key of a row.
func (r *invitationRow) key() (key joining.Key, ok bool) {
	return key, copy(key[:], r.Key) == len(key)
}

func hexOf(id PeerID) string { return hex.EncodeToString(id[:]) }
