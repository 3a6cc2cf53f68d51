package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// inviteFlags are the flags of tandem mesh invite.
type inviteFlags struct {
	memberFlags
	group     string
	mayInvite bool
	qr        bool
	list      bool
	cancel    string
}

func newMeshInvite(a *app) *cobra.Command {
	var f inviteFlags
	c := &cobra.Command{
		Use:   "invite DB",
		Short: "Make a code by which one device joins the group",
		Long: "invite prints a code on the last line of standard output. One device joins the group by it,\n" +
			"within ten minutes: with tandem mesh join. If the database is in no group of that name, invite\n" +
			"makes it, and says so: its key is on this device then, and never leaves it.\n\n" +
			"If tandem mesh runs on the database already, that process answers the new device, and invite\n" +
			"ends. Otherwise invite becomes a member itself, and stays until it is stopped; the code ends\n" +
			"with it.\n\n" +
			"Whoever has the code becomes a member: tell it to one person, over a way that nobody else hears.",
		Example: "  tandem mesh invite sales --group tills\n" +
			"  tandem mesh invite sales --group tills --may-invite\n" +
			"  tandem mesh invite sales --list\n" +
			"  tandem mesh invite sales --cancel x7k2mq4p",
		Args: cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			if f.list || f.cancel != "" {
				return a.with(ctx, args[0], func(db *tandem.Database) error { return a.invitations(ctx, db, &f) })
			}
			return a.withOptions(ctx, args[0], tandem.Options{}, func(db *tandem.Database) error { return a.invite(ctx, db, &f) })
		}),
	}
	addGroupFlag(c, &f.group)
	c.Flags().BoolVar(&f.mayInvite, "may-invite", false, "let the new device invite others, too")
	c.Flags().BoolVar(&f.qr, "qr", false, "also draw the code, with this device's addresses, for a camera")
	c.Flags().BoolVar(&f.list, "list", false, "list the codes of the last day, and what became of them")
	c.Flags().StringVar(&f.cancel, "cancel", "", "end the code with this `id`, which --list shows")
	f.memberFlags.add(c)
	exclusive(c, "list", "cancel")
	return c
}

// withGroup opens a database, and calls do with the group that it is in; "" is the only one.
func (a *app) withGroup(ctx context.Context, path, name string, do func(*tandem.PeerGroup) error) error {
	return a.with(ctx, path, func(db *tandem.Database) error {
		g, err := a.peerGroup(ctx, db, name)
		if err != nil {
			return err
		}
		return do(g)
	})
}

// peerGroup opens the group that a database is in; "" is the only one.
func (a *app) peerGroup(ctx context.Context, db *tandem.Database, name string) (*tandem.PeerGroup, error) {
	if name == "" {
		names, err := tandem.PeerGroups(ctx, db)
		switch {
		case err != nil:
			return nil, err
		case len(names) == 0:
			return nil, usageError{
				text: "--group is missing, and the database has joined no group",
				hint: "make one with tandem mesh invite DB --group NAME, or join one with tandem mesh join DB CODE",
			}
		case len(names) > 1:
			return nil, usageError{text: fmt.Sprintf("the database is in %d groups: give --group", len(names)), hint: "one of " + quoted(names)}
		}
		name = names[0]
	}
	g, err := tandem.OpenPeerGroup(ctx, db, name, tandem.PeerGroupOptions{})
	if err == nil {
		a.warnMember(g)
	}
	return g, err
}

// warnMember warns a month before the certificate of this member ends, which no inviter has renewed.
func (a *app) warnMember(g *tandem.PeerGroup) {
	if warning := g.Warning(); warning != "" {
		a.note("%s", certificateWarning(warning))
	}
}

func certificateWarning(warning string) string {
	return "warning: this member's certificate " + warning + "; a member that may invite renews it when the two are connected"
}

func quoted(names []string) (text string) {
	for i, name := range names {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%q", name)
	}
	return text
}

// groupToInvite opens the group, or makes it.
func (a *app) groupToInvite(ctx context.Context, db *tandem.Database, f *inviteFlags) (*tandem.PeerGroup, error) {
	g, err := a.peerGroup(ctx, db, f.group)
	if f.group == "" || !errors.Is(err, tandem.ErrNotFound) {
		return g, err
	}
	g, err = tandem.CreatePeerGroup(ctx, db, f.group, tandem.PeerGroupOptions{DeviceName: deviceName(f.name)})
	if err == nil {
		a.tellCreated()
		a.note("created group %s: its key is on this device, under the label %s", f.group, g.AuthorityLabel())
	}
	return g, err
}

func (a *app) invite(ctx context.Context, db *tandem.Database, f *inviteFlags) error {
	g, err := a.groupToInvite(ctx, db, f)
	if err != nil {
		return err
	}
	i, err := g.Invite(ctx, tandem.InvitationOptions{MayInvite: f.mayInvite})
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	answered, err := g.AwaitAnswering(limited, i)
	if errors.Is(err, tandem.ErrBusy) {
		a.note("warning: %s", oneLine(err.Error()))
		err = nil
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case answered:
		a.note("the member that runs on this database answers, for ten minutes")
		return a.showCode(i, nil, f)
	}
	return a.meshOf(ctx, db, g, &f.memberFlags, memberHooks{started: func(m *tandem.MultipeerReplicator) error {
		if err := a.showCode(i, m.Addresses(), f); err != nil {
			return err
		}
		a.note("waiting: on the other device, run tandem mesh join DB CODE within ten minutes")
		return nil
	}})
}

// answerPatience is how long a member that runs may take to notice an invitation.
const answerPatience = 4 * time.Second

// showCode prints the code on the last line.
func (a *app) showCode(i *tandem.Invitation, addresses []string, f *inviteFlags) error {
	if f.asJSON {
		err := a.jsonLines().Encode(struct {
			Event   string    `json:"event"`
			ID      string    `json:"id"`
			Code    string    `json:"code"`
			URI     string    `json:"uri"`
			Expires time.Time `json:"expires"`
		}{"code", i.ID(), i.Code(), i.URI(addresses), time.Now().Add(tandem.InvitationLife).UTC().Truncate(time.Second)})
		return errors.Join(err, a.out.Flush())
	}
	if f.qr {
		if err := drawQR(a.out, i.URI(addresses)); err != nil {
			return err
		}
	}
	fmt.Fprintln(a.out, i.Code())
	return a.out.Flush()
}

// invitations lists the invitations, or cancels one.
func (a *app) invitations(ctx context.Context, db *tandem.Database, f *inviteFlags) error {
	g, err := a.peerGroup(ctx, db, f.group)
	if err != nil {
		return err
	}
	if f.cancel != "" {
		return g.CancelInvitation(ctx, f.cancel)
	}
	all, err := g.Invitations(ctx)
	if err != nil {
		return err
	}
	table, encoder := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0), a.jsonLines()
	for _, i := range all {
		facts := invitationFactsOf(i)
		if f.asJSON {
			err = encoder.Encode(facts)
		} else {
			_, err = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", facts.ID, facts.State, facts.Created.Format(time.RFC3339), oneLine(facts.Name))
		}
		if err != nil {
			return err
		}
	}
	return table.Flush()
}

// invitationFacts describe an invitation.
type invitationFacts struct {
	ID        string    `json:"id"`
	State     string    `json:"state"`
	Created   time.Time `json:"created"`
	MayInvite bool      `json:"mayInvite,omitempty"`
	Name      string    `json:"name,omitempty"` // of the device that has joined
	PeerID    string    `json:"peerID,omitempty"`
}

func invitationFactsOf(i tandem.InvitationInfo) invitationFacts {
	facts := invitationFacts{
		ID: i.ID, State: string(i.State), Created: i.Created.UTC(), MayInvite: i.MayInvite, Name: i.Name,
	}
	if i.State == tandem.InvitationUsed {
		facts.PeerID = i.Joined.String()
	}
	return facts
}

// invitationLine says for people what became of an invitation, "" for nothing new.
func invitationLine(i tandem.InvitationInfo) string {
	switch i.State {
	case tandem.InvitationUsed:
		return fmt.Sprintf("%s (%s) has joined", oneLine(i.Name), i.Joined.String()[:11])
	case tandem.InvitationExpired:
		return "the code " + i.ID + " has expired"
	case tandem.InvitationCancelled:
		return "the code " + i.ID + " was cancelled"
	default:
		return "" // the code was shown
	}
}
