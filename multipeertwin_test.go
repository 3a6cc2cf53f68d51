package tandem_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// TestMeshTellsTwoMembersOfOneIdentity starts two members with one identity, which know a third one alone.
func TestMeshTellsTwoMembersOfOneIdentity(t *testing.T) {
	a := newGroupOwner(t)
	host := startMember(t, memberConfig(t, a, "host"))
	one := memberConfig(t, a, "one", host.Addresses()...)
	two := memberConfig(t, a, "two", host.Addresses()...)
	two.Identity = one.Identity
	first := startMember(t, one)
	await(t, "the first is a member", func() bool { return first.Status().Neighbors == 1 })
	second := startMember(t, two)
	for _, m := range []*member{first, second} {
		await(t, "both are told", func() bool { return errors.Is(m.Status().Err, tandem.ErrInvalid) })
		if text := m.Status().Err.Error(); !strings.Contains(text, "has the same identity") {
			t.Errorf("the error is %q", text)
		}
	}
	if err := host.Status().Err; err != nil {
		t.Errorf("the third member has the error %v", err)
	}
}

// TestMeshMemberThatReachesItselfIsAlone knows its own address, as all members of one configuration do.
func TestMeshMemberThatReachesItselfIsAlone(t *testing.T) {
	a := newGroupOwner(t)
	cfg := memberConfig(t, a, "alone")
	first := startMember(t, cfg)
	cfg.Port, cfg.Peers = first.Port(), first.Addresses()
	first.Close()
	again := startMember(t, cfg)
	await(t, "the address is found", func() bool { return len(again.Troubles()) == 0 && again.Status().Activity == tandem.Offline })
	save(t, again.coll, "milk", `{"litres":1}`)
	if s := again.Status(); s.Err != nil || s.Neighbors != 0 {
		t.Errorf("a member that knows its own address: %+v", s)
	}
}
