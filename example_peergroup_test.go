package tandem_test

import (
	"context"
	"fmt"
	"time"

	"github.com/tandemdb/tandem"
)

// memberOf starts a member of a group, as an example on one machine.
func memberOf(group *tandem.PeerGroup, shared *tandem.Collection) *tandem.MultipeerReplicator {
	mesh := got(tandem.NewMultipeerReplicator(tandem.MultipeerReplicatorConfiguration{
		Group:            group,
		Collections:      []tandem.MultipeerCollectionConfiguration{{Collection: shared}},
		NetworkInterface: "127.0.0.1", // leave it empty for all networks
		DisableDiscovery: true,
	}))
	ensure(mesh.Start())
	return mesh
}

// The first device makes a group and a code; the second one joins by the code.
func ExampleJoinPeerGroup() {
	ctx := context.Background()
	one, two, remove := exampleDatabases()
	defer remove()
	onOne := tandem.PeerGroupOptions{Identities: tandem.MemoryIdentityStore(), DeviceName: "till 1"} // as on two devices;
	onTwo := tandem.PeerGroupOptions{Identities: tandem.MemoryIdentityStore(), DeviceName: "till 2"} // leave Identities nil

	group := got(tandem.CreatePeerGroup(ctx, one, "tills", onOne))
	first := memberOf(group, got(one.DefaultCollection(ctx)))
	defer first.Close()
	invitation := got(group.Invite(ctx, tandem.InvitationOptions{}))
	fmt.Println(got(group.AwaitAnswering(ctx, invitation)), len(invitation.Code())) // show the code to the user

	ensure(tandem.CheckJoinCode(invitation.Code())) // while the user types it on the other device
	joined := got(tandem.JoinPeerGroup(ctx, two, invitation.Code(), tandem.JoinOptions{
		PeerGroupOptions: onTwo,
		Peers:            first.Addresses(), // not needed on one local network
		DisableDiscovery: true,
	}))
	second := memberOf(joined.PeerGroup, got(two.DefaultCollection(ctx)))
	defer second.Close()
	ensure(second.Wait(ctx))

	if joined.ClockOff.Abs() > 5*time.Minute {
		fmt.Println("set the clock of this device")
	}
	for _, m := range got(group.Members(ctx)) {
		fmt.Println(m.Name, m.Self, m.Removed.IsZero())
	}
	ensure(group.Remove(ctx, joined.PeerID(), tandem.RemoveOptions{})) // when it was stolen
	// Output:
	// true 34
	// till 1 true true
	// till 2 false true
}

// Later, the member is started again. A program lists what became of its codes, cancels one, and
// leaves the group.
func ExampleOpenPeerGroup() {
	start := func(ctx context.Context, db *tandem.Database) error {
		for _, name := range got(tandem.PeerGroups(ctx, db)) {
			fmt.Println(name)
		}
		group, err := tandem.OpenPeerGroup(ctx, db, "tills", tandem.PeerGroupOptions{})
		if err != nil {
			return err
		}
		fmt.Println(group.Name(), group.PeerID(), group.MayInvite(), group.Identity().Expiration())
		if group.Founded() {
			fmt.Println("back up the group's key:", group.AuthorityLabel())
		}
		mesh := memberOf(group, got(db.DefaultCollection(ctx)))
		defer mesh.Close()
		defer mesh.AddInvitationListener(func(i tandem.InvitationInfo) {
			switch i.State {
			case tandem.InvitationNew, tandem.InvitationOpen:
				fmt.Println("waiting")
			case tandem.InvitationUsed:
				fmt.Println(i.Name, i.Joined, "has joined")
			case tandem.InvitationExpired, tandem.InvitationCancelled:
				fmt.Println("the code is of no use any more", tandem.InvitationLife)
			}
		}).Remove()

		invitation := got(group.Invite(ctx, tandem.InvitationOptions{MayInvite: true}))
		fmt.Println(invitation.URI(mesh.Addresses())) // for a picture
		fmt.Println(len(got(group.Invitations(ctx))))
		if err := group.CancelInvitation(ctx, invitation.ID()); err != nil {
			return err
		}
		if id, err := tandem.ParsePeerID("the text that the user has typed"); err == nil {
			return group.Remove(ctx, id, tandem.RemoveOptions{}) // and all whom it has invited
		}
		if err := group.Rename(ctx, "kitchen"); err != nil {
			return err
		}
		fmt.Println(group.DeviceName(), group.Authenticator() != nil, group.Warning())
		mesh.Stop()
		return group.Leave(ctx)
	}
	_ = start
}
