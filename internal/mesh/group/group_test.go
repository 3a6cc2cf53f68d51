package group_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	mathrand "math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/mesh/group"
)

const tills = "tills"

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// authority is the key of a new group.
func authority(t testing.TB) group.Signer {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "group"}, NotBefore: start.AddDate(-1, 0, 0), NotAfter: start.AddDate(30, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return group.Signer{Key: key, Chain: []*x509.Certificate{cert}}
}

// member is a new member that by has made.
func member(t testing.TB, by group.Signer, m group.Member) group.Signer {
	t.Helper()
	key := newKey(t)
	if m.Now.IsZero() {
		m.Now = start
	}
	if m.Group == "" {
		m.Group = tills
	}
	chain, err := group.Issue(by, key.Public(), m)
	if err != nil {
		t.Fatal(err)
	}
	return group.Signer{Key: key, Chain: chain}
}

func root(s group.Signer) *x509.Certificate { return s.Chain[len(s.Chain)-1] }

func keyOf(s group.Signer) group.Key { return group.KeyOf(s.Chain[0]) }

func remove(t testing.TB, by group.Signer, target group.Target, at time.Time) *group.Removal {
	t.Helper()
	r, err := group.Remove(by, tills, target, at)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// admits reports whether a set admits a member, as a server and as a client.
func admits(s *group.Removals, root *x509.Certificate, m group.Signer, at time.Time) bool {
	_, server := s.Admits(tills, root, m.Chain, x509.ExtKeyUsageServerAuth, at)
	_, client := s.Admits(tills, root, m.Chain, x509.ExtKeyUsageClientAuth, at)
	return server == nil && client == nil
}

func TestMembersAreAdmitted(t *testing.T) {
	a, other := authority(t), authority(t)
	inviter := member(t, a, group.Member{Name: "laptop", MayInvite: true})
	plain := member(t, a, group.Member{Name: "till 1"})
	invited := member(t, inviter, group.Member{Name: "till 2"})
	thief := member(t, other, group.Member{Name: "thief"})
	forged := group.Signer{Key: thief.Key, Chain: []*x509.Certificate{thief.Chain[0], a.Chain[0]}}
	baker := member(t, a, group.Member{Group: "bakers"})
	none := new(group.Removals)
	for name, c := range map[string]struct {
		m    group.Signer
		at   time.Time
		want bool
	}{
		"of the authority":    {plain, start, true},
		"an inviter":          {inviter, start, true},
		"of an inviter":       {invited, start, true},
		"of another one":      {thief, start, false},
		"with our root shown": {forged, start, false},
		"of another group":    {baker, start, false},
		"a slow clock":        {plain, start.Add(-group.Backdate + time.Minute), true},
		"not valid yet":       {plain, start.Add(-2 * group.Backdate), false},
		"expired":             {plain, start.Add(group.MemberLife + time.Minute), false},
		"nearly expired":      {plain, start.Add(group.MemberLife - time.Minute), true},
		"no certificate":      {group.Signer{}, start, false},
		"the authority":       {a, start, false},
	} {
		if got := admits(none, root(a), c.m, c.at); got != c.want {
			t.Errorf("%s: admitted %t, want %t", name, got, c.want)
		}
	}
}

// A member that was invited by an inviter cannot make members, whatever it signs.
func TestOnlyTheGroupsKeyMakesInviters(t *testing.T) {
	a := authority(t)
	inviter := member(t, a, group.Member{MayInvite: true})
	key := newKey(t)
	if _, err := group.Issue(inviter, key.Public(), group.Member{Group: tills, MayInvite: true, Now: start}); err == nil {
		t.Error("an inviter makes inviters")
	}
	// It does so all the same, without our code.
	for _, by := range []group.Signer{inviter, member(t, a, group.Member{})} {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "x"}, NotBefore: start.Add(-time.Hour), NotAfter: start.Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, URIs: by.Chain[0].URIs,
			ExtKeyUsage: by.Chain[0].ExtKeyUsage,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, by.Chain[0], key.Public(), by.Key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		made := group.Signer{Key: key, Chain: append([]*x509.Certificate{cert}, by.Chain...)}
		friend := member(t, group.Signer{Key: key, Chain: made.Chain}, group.Member{})
		if admits(new(group.Removals), root(a), friend, start) {
			t.Error("who was made by a member that was made by an inviter is admitted")
		}
	}
}

func TestRemovedMembersAreNotAdmitted(t *testing.T) {
	a := authority(t)
	inviter := member(t, a, group.Member{MayInvite: true})
	early := member(t, inviter, group.Member{})
	later := member(t, inviter, group.Member{Now: start.Add(3 * time.Hour)})
	plain := member(t, a, group.Member{})
	var s group.Removals
	if !s.Add(remove(t, a, group.Target{Key: keyOf(plain)}, start)) || admits(&s, root(a), plain, start) {
		t.Error("a removed member is admitted")
	}
	again, err := group.Issue(a, plain.Chain[0].PublicKey, group.Member{Group: tills, Now: start.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if admits(&s, root(a), group.Signer{Chain: again}, start.Add(time.Hour)) {
		t.Error("a removed key is admitted with a new certificate")
	}
	at := start.Add(2 * time.Hour)
	s.Add(remove(t, a, group.Target{Key: keyOf(inviter), IssuedAfter: at}, at))
	now := start.Add(4 * time.Hour)
	if admits(&s, root(a), inviter, now) || admits(&s, root(a), later, now) || !admits(&s, root(a), early, now) {
		t.Error("of a removed inviter: itself or whom it has invited later is admitted, or an earlier one is not")
	}
	s.Add(remove(t, a, group.Target{Key: keyOf(inviter)}, at))
	if admits(&s, root(a), early, now) {
		t.Error("a removal leaves a member that the removed one has invited")
	}
	renewed, err := group.Issue(a, early.Chain[0].PublicKey, group.Member{Group: tills, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if !admits(&s, root(a), group.Signer{Chain: renewed}, now) {
		t.Error("whom another one has invited anew is not admitted")
	}
}

func TestAnInviterRemovesThoseWhomItHasInvited(t *testing.T) {
	a := authority(t)
	one, two := member(t, a, group.Member{MayInvite: true}), member(t, a, group.Member{MayInvite: true})
	mine, yours := member(t, one, group.Member{}), member(t, two, group.Member{})
	var s group.Removals
	s.Add(remove(t, one, group.Target{Key: keyOf(mine), Certificate: mine.Chain[0]}, start))
	if admits(&s, root(a), mine, start) {
		t.Error("the removed one is admitted")
	}
	for name, target := range map[string]group.Target{
		"another's":         {Key: keyOf(yours), Certificate: yours.Chain[0]},
		"the inviter":       {Key: keyOf(two), Certificate: two.Chain[0]},
		"without a witness": {Key: keyOf(mine)},
		"a wrong witness":   {Key: keyOf(yours), Certificate: mine.Chain[0]},
	} {
		if _, err := group.Remove(one, tills, target, start); err == nil {
			t.Errorf("%s is removed", name)
		}
	}
	// The witness is of another member than the one who is named.
	forged := edit(t, remove(t, one, group.Target{Key: keyOf(mine), Certificate: mine.Chain[0]}, start), "issued", yours.Chain[0].Raw)
	if _, err := group.ParseRemoval(tills, root(a), forged); err == nil {
		t.Error("a record with the witness of another member is taken")
	}
	// Whom an inviter has removed stays out when the inviter itself is removed.
	s.Add(remove(t, a, group.Target{Key: keyOf(one), IssuedAfter: start.Add(time.Hour)}, start.Add(time.Hour)))
	if admits(&s, root(a), mine, start) {
		t.Error("a removed member is back after its inviter was removed")
	}
	record := remove(t, two, group.Target{Key: keyOf(yours), Certificate: yours.Chain[0]}, start)
	if _, err := group.ParseRemoval(tills, root(a), edit(t, record, "after", 5)); err == nil || !strings.Contains(err.Error(), "has no moment") {
		t.Errorf("an inviter's record with a moment is read: %v", err)
	}
}

// A hostile inviter signs a certificate over the public key of anybody, and removes that one.
func TestAnInviterRemovesNobodyElse(t *testing.T) {
	a := authority(t)
	hostile, other := member(t, a, group.Member{MayInvite: true}), member(t, a, group.Member{MayInvite: true})
	plain, invited, mine := member(t, a, group.Member{}), member(t, other, group.Member{}), member(t, hostile, group.Member{})
	var s group.Removals
	for name, victim := range map[string]group.Signer{
		"a member": plain, "another's member": invited, "an inviter": other, "itself": hostile, "the group's key": a,
	} {
		witness, err := group.Issue(hostile, victim.Chain[0].PublicKey, group.Member{Group: tills, Now: start})
		if err != nil {
			t.Fatal(err)
		}
		target := group.Target{Key: keyOf(victim), Certificate: witness[0], IssuedAfter: time.Unix(0, 0)}
		if !s.Add(remove(t, hostile, target, start)) {
			t.Fatalf("the record about %s is not added", name)
		}
		if (s.Of(keyOf(victim), keyOf(hostile)) == nil) || s.Of(keyOf(victim), keyOf(a)) != nil {
			t.Errorf("%s: the record counts against the wrong certificates", name)
		}
		// With the false certificate the victim is out, with its own it is in.
		if victim.Key != a.Key && admits(&s, root(a), group.Signer{Chain: witness}, start) {
			t.Errorf("%s is admitted by the certificate that the record is about", name)
		}
	}
	for name, m := range map[string]group.Signer{
		"a member": plain, "another's member": invited, "an inviter": other, "the hostile one": hostile, "its own member": mine,
	} {
		if !admits(&s, root(a), m, start) {
			t.Errorf("%s is not admitted any more", name)
		}
	}
	// The group's own record still removes everybody.
	s.Add(remove(t, a, group.Target{Key: keyOf(invited)}, start))
	if admits(&s, root(a), invited, start) {
		t.Error("the group's key does not remove the member of an inviter")
	}
}

// A certificate of the authority is none of a member, even one that names the group.
func TestTheAuthorityIsNoMember(t *testing.T) {
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: start.Add(-time.Hour), NotAfter: start.Add(time.Hour), URIs: []*url.URL{group.URI(tills)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if a := (group.Signer{Chain: []*x509.Certificate{cert}}); admits(new(group.Removals), cert, a, start) {
		t.Error("the authority is admitted")
	}
}

// edit changes a member of a record's JSON.
func edit(t testing.TB, r *group.Removal, name string, value any) []byte {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(r.Text(), &all); err != nil {
		t.Fatal(err)
	}
	all[name] = value
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestForgedRemovalsAreRefused(t *testing.T) {
	a, other := authority(t), authority(t)
	m := member(t, a, group.Member{})
	r := remove(t, a, group.Target{Key: keyOf(m)}, start)
	if _, err := group.ParseRemoval(tills, root(a), r.Text()); err != nil {
		t.Fatal(err)
	}
	stranger := member(t, a, group.Member{})
	key := keyOf(stranger)
	for name, text := range map[string][]byte{
		"of another member": edit(t, r, "member", key[:]), "of another time": edit(t, r, "time", start.Unix()+1),
		"of another moment": edit(t, r, "after", 1), "of another group": edit(t, r, "group", "bakers"),
		"without a signature": edit(t, r, "signature", []byte{}), "of a short key": edit(t, r, "member", key[:31]),
		"from the future": edit(t, r, "after", start.Unix()+1), "negative": edit(t, r, "after", -1),
		"rubbish": []byte("{"), "nothing": nil, "huge": bytes.Repeat([]byte(" "), group.MaxRemoval+1),
		"by a plain member": edit(t, r, "signer", [][]byte{stranger.Chain[0].Raw}),
		"long chain":        edit(t, r, "signer", [][]byte{stranger.Chain[0].Raw, stranger.Chain[0].Raw, stranger.Chain[0].Raw, stranger.Chain[0].Raw}),
	} {
		if _, err := group.ParseRemoval(tills, root(a), text); err == nil {
			t.Errorf("a record is taken: %s", name)
		} else if !strings.Contains(err.Error(), "not valid") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := group.ParseRemoval(tills, root(other), r.Text()); err == nil {
		t.Error("a record of another authority is taken")
	}
}

// The order in which records arrive does not matter, nor do blanks in their text.
func TestRemovalsConverge(t *testing.T) {
	a := authority(t)
	inviter := member(t, a, group.Member{MayInvite: true})
	var all []*group.Removal
	for i := range 6 {
		m := member(t, inviter, group.Member{})
		at := start.Add(time.Duration(i) * time.Hour)
		all = append(all, remove(t, a, group.Target{Key: keyOf(m), IssuedAfter: at}, at),
			remove(t, a, group.Target{Key: keyOf(m), IssuedAfter: start.Add(-time.Hour)}, at),
			remove(t, inviter, group.Target{Key: keyOf(m), Certificate: m.Chain[0]}, at.Add(time.Hour)))
	}
	var first group.Removals
	for _, r := range all {
		first.Add(r)
	}
	for range 20 {
		var s group.Removals
		for _, i := range mathrand.Perm(len(all)) {
			text := append([]byte(" "), all[i].Text()...)
			r, err := group.ParseRemoval(tills, root(a), text)
			if err != nil {
				t.Fatal(err)
			}
			s.Add(r)
		}
		if s.Digest() != first.Digest() || len(s.All()) != 12 {
			t.Fatalf("another order gives another set: %d records", len(s.All()))
		}
		if s.Add(all[0]) || s.Digest() != first.Digest() {
			t.Fatal("a record counts twice")
		}
	}
}

func TestRemovalsOfAnInviterAreBounded(t *testing.T) {
	a := authority(t)
	inviter := member(t, a, group.Member{MayInvite: true})
	var s group.Removals
	for range 100 {
		m := member(t, inviter, group.Member{})
		s.Add(remove(t, inviter, group.Target{Key: keyOf(m), Certificate: m.Chain[0]}, start))
	}
	if n := len(s.All()); n != 64 {
		t.Errorf("%d records of one inviter are kept, want 64", n)
	}
	m := member(t, a, group.Member{})
	if !s.Add(remove(t, a, group.Target{Key: keyOf(m)}, start)) {
		t.Error("the group's key cannot remove any more")
	}
}

func TestRenewalIsDueAtTwoThirds(t *testing.T) {
	m := member(t, authority(t), group.Member{})
	if group.RenewalDue(m.Chain[0], start.AddDate(0, 7, 27)) || !group.RenewalDue(m.Chain[0], start.AddDate(0, 8, 3)) {
		t.Error("renewal is due before eight months, or not after them")
	}
}

func FuzzParseRemoval(f *testing.F) {
	a := authority(f)
	inviter := member(f, a, group.Member{MayInvite: true})
	m := member(f, inviter, group.Member{})
	f.Add(remove(f, a, group.Target{Key: keyOf(m)}, start).Text())
	f.Add(remove(f, inviter, group.Target{Key: keyOf(m), Certificate: m.Chain[0]}, start).Text())
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := group.ParseRemoval(tills, root(a), text)
		if err != nil {
			return
		}
		again, err := group.ParseRemoval(tills, root(a), r.Text())
		if err != nil || !bytes.Equal(again.Text(), r.Text()) || r.ID() != again.ID() || r.Time().IsZero() {
			t.Errorf("%s is read as %s: %v", text, again.Text(), err)
		}
	})
}
