package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newMeshMembers(a *app) *cobra.Command {
	var group string
	var asJSON bool
	c := &cobra.Command{
		Use:   "members DB",
		Short: "List the members of a group that this device knows",
		Long: "members lists the members that this device has invited or was ever connected with, and those\n" +
			"that were removed. Members that only others have met are missing.",
		Args: cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.withGroup(ctx, args[0], group, func(g *tandem.PeerGroup) error {
				all, err := g.Members(ctx)
				if err != nil {
					return err
				}
				return a.listMembers(all, asJSON)
			})
		}),
	}
	addGroupFlag(c, &group)
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object per line: peerID, name, and what is known")
	return c
}

// memberFacts describe a member.
type memberFacts struct {
	PeerID    string     `json:"peerID"`
	Name      string     `json:"name"`
	InvitedAs string     `json:"invitedAs,omitempty"` // by this device
	Self      bool       `json:"self,omitempty"`
	MayInvite bool       `json:"mayInvite,omitempty"`
	Invited   *time.Time `json:"invited,omitempty"` // by this device
	Seen      *time.Time `json:"seen,omitempty"`
	Expires   *time.Time `json:"expires,omitempty"`
	Removed   *time.Time `json:"removed,omitempty"`
}

func memberFactsOf(m tandem.MemberInfo) memberFacts {
	return memberFacts{
		PeerID: m.ID.String(), Name: m.Name, InvitedAs: m.InvitedAs, Self: m.Self, MayInvite: m.MayInvite,
		Invited: timeOrNil(m.Invited), Seen: timeOrNil(m.Seen), Expires: timeOrNil(m.Expires), Removed: timeOrNil(m.Removed),
	}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (a *app) listMembers(all []tandem.MemberInfo, asJSON bool) error {
	table, encoder := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0), a.jsonLines()
	for _, m := range all {
		var err error
		if asJSON {
			err = encoder.Encode(memberFactsOf(m))
		} else {
			_, err = fmt.Fprintf(table, "%s\t%s\t%s\n", m.ID, oneLine(m.Name), strings.Join(remarksOn(m), ", "))
		}
		if err != nil {
			return err
		}
	}
	return table.Flush()
}

func remarksOn(m tandem.MemberInfo) (remarks []string) {
	add := func(is bool, remark string) {
		if is {
			remarks = append(remarks, remark)
		}
	}
	add(m.Self, "this device")
	add(m.MayInvite, "may invite")
	add(!m.Removed.IsZero(), "removed "+m.Removed.Format(time.DateOnly))
	add(m.Removed.IsZero() && !m.Expires.IsZero(), "until "+m.Expires.Format(time.DateOnly))
	add(!m.Seen.IsZero() && !m.Self, "seen "+m.Seen.Format(time.RFC3339))
	add(m.InvitedAs != "" && m.InvitedAs != m.Name, "invited as "+oneLine(m.InvitedAs))
	return remarks
}

func newMeshRename(a *app) *cobra.Command {
	var group string
	c := &cobra.Command{
		Use:   "rename DB NAME",
		Short: "Change what this device is called in a group",
		Long: "rename changes what this device is called. A member that runs on the database tells the others\n" +
			"within seconds, unless it was started with --name.",
		Example: "  tandem mesh rename sales till7",
		Args:    cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.withGroup(ctx, args[0], group, func(g *tandem.PeerGroup) error { return g.Rename(ctx, args[1]) })
		}),
	}
	addGroupFlag(c, &group)
	return c
}

func newMeshRemove(a *app) *cobra.Command {
	var group, issuedAfter string
	c := &cobra.Command{
		Use:   "remove DB PEER",
		Short: "Remove a member from a group for good",
		Long: "remove signs a record that no member admits PEER any more: the ID of a member or, if one alone\n" +
			"has it, its name or the beginning of its ID. Members that run cut it off within seconds. What the\n" +
			"device has, it keeps. It can join again only by a new code.\n\n" +
			"With a member that may invite go all whom it has invited, and all whose certificates it has\n" +
			"renewed; remove says who they are. --issued-after keeps those until a time. That is weaker: the\n" +
			"time in a certificate is written by who signs it, so who has the removed member's key can make\n" +
			"members that look as old as that key. Give it only if the key was in good hands until then, and\n" +
			"nobody else has it.",
		Example: "  tandem mesh remove sales till3\n" +
			"  tandem mesh remove sales 4F:0A:91 --issued-after 2030-05-01   # whom it invited before May stays",
		Args: cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			var o tandem.RemoveOptions
			var err error
			if o.IssuedAfter, err = parseTime(issuedAfter); err != nil {
				return err
			}
			return a.withGroup(ctx, args[0], group, func(g *tandem.PeerGroup) error {
				id, err := findMember(ctx, g, args[1])
				if err != nil {
					return err
				}
				return a.remove(ctx, g, id, o)
			})
		}),
	}
	addGroupFlag(c, &group)
	c.Flags().StringVar(&issuedAfter, "issued-after", "", "keep whom the member has invited until this ISO 8601 `time` (default: keep nobody); weaker, see above")
	return c
}

// remove removes a member, and says who goes with it.
func (a *app) remove(ctx context.Context, g *tandem.PeerGroup, id tandem.PeerID, o tandem.RemoveOptions) error {
	before, err := g.Members(ctx)
	if err != nil {
		return err
	}
	if err := g.Remove(ctx, id, o); err != nil {
		return err
	}
	after, err := g.Members(ctx)
	if err != nil {
		return err
	}
	for _, m := range after {
		gone := slices.ContainsFunc(before, func(b tandem.MemberInfo) bool { return b.ID == m.ID && !b.Removed.IsZero() })
		if !m.Removed.IsZero() && !gone && m.ID != id {
			a.note("removed with it, since it has invited it or renewed its certificate: %s (%s)", oneLine(m.Name), m.ID.String()[:11])
		}
	}
	return nil
}

// findMember finds a member by ID, name or the beginning of the ID. An ID need not be known.
func findMember(ctx context.Context, g *tandem.PeerGroup, text string) (id tandem.PeerID, err error) {
	if id, err := tandem.ParsePeerID(text); err == nil {
		return id, nil
	}
	all, err := g.Members(ctx)
	if err != nil {
		return id, err
	}
	return chooseMember(all, text)
}

// chooseMember finds the one that a text means: of several, those that were removed before are not meant.
func chooseMember(all []tandem.MemberInfo, text string) (id tandem.PeerID, err error) {
	var found, gone []tandem.MemberInfo
	for _, m := range all {
		switch is := m.Name == text || m.InvitedAs == text || len(text) >= 5 && strings.HasPrefix(m.ID.String(), strings.ToUpper(text)); {
		case is && m.Removed.IsZero():
			found = append(found, m)
		case is:
			gone = append(gone, m)
		}
	}
	if len(found) == 0 {
		found = gone
	}
	switch len(found) {
	case 1:
		return found[0].ID, nil
	case 0:
		return id, usageError{text: fmt.Sprintf("no member is called %q", text), hint: "tandem mesh members DB lists them; give the whole ID of one that is not there"}
	}
	return id, usageError{text: fmt.Sprintf("%d members are called %q", len(found), text), hint: "give the ID: tandem mesh members DB lists them"}
}

func newMeshStatus(a *app) *cobra.Command {
	var group string
	var asJSON bool
	c := &cobra.Command{
		Use:   "status DB",
		Short: "Show what this device is in a group",
		Args:  cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.withGroup(ctx, args[0], group, func(g *tandem.PeerGroup) error {
				return a.showGroup(ctx, g, asJSON)
			})
		}),
	}
	addGroupFlag(c, &group)
	c.Flags().BoolVar(&asJSON, "json", false, "a JSON object: group, peerID, name, mayInvite, hasGroupKey, expires, removed")
	return c
}

func (a *app) showGroup(ctx context.Context, g *tandem.PeerGroup, asJSON bool) error {
	all, err := g.Members(ctx)
	if err != nil {
		return err
	}
	leaf := g.Identity().Leaf()
	facts := struct {
		Group       string    `json:"group"`
		PeerID      string    `json:"peerID"`
		Name        string    `json:"name"`
		MayInvite   bool      `json:"mayInvite"`
		HasGroupKey bool      `json:"hasGroupKey"`
		Expires     time.Time `json:"expires"`
		Removed     bool      `json:"removed"`
	}{g.Name(), g.PeerID().String(), g.DeviceName(), g.MayInvite(), g.Founded(), leaf.NotAfter.UTC(), false}
	for _, m := range all {
		facts.Removed = facts.Removed || m.Self && !m.Removed.IsZero()
	}
	if asJSON {
		return a.jsonLines().Encode(facts)
	}
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "group\t%s\nmember\t%s\nname\t%s\nmay invite\t%t\nhas the group's key\t%t\ncertificate until\t%s\n",
		oneLine(facts.Group), facts.PeerID, oneLine(facts.Name), facts.MayInvite, facts.HasGroupKey, facts.Expires.Format(time.RFC3339))
	if facts.Removed {
		fmt.Fprintln(table, "removed\ttrue")
	}
	return table.Flush()
}

func newMeshLeave(a *app) *cobra.Command {
	var group string
	var deletesKey bool
	c := &cobra.Command{
		Use:   "leave DB",
		Short: "Leave a group",
		Long: "leave deletes this member's key; the documents stay. A member that runs on the database ends\n" +
			"within seconds. The others are not told: have a member that may invite remove this one, so that a\n" +
			"copy of the key is of no use.",
		Args: cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.withGroup(ctx, args[0], group, func(g *tandem.PeerGroup) error {
				if g.Founded() && !deletesKey {
					return withHint(fmt.Errorf("the group's key is on this device, and leaving deletes it"),
						"nobody can be invited or removed without it: export it first (tandem identity export "+
							g.AuthorityLabel()+"), and give --delete-group-key")
				}
				return g.Leave(ctx)
			})
		}),
	}
	addGroupFlag(c, &group)
	c.Flags().BoolVar(&deletesKey, "delete-group-key", false, "leave even though the group's key is on this device, and goes with it")
	return c
}
