package group_test

import (
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/mesh/group"
)

// signed is a certificate that somebody makes without our code, for a key of m.
func signed(t testing.TB, by group.Signer, m group.Signer, from, until time.Time, names ...string) group.Signer {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(5), NotBefore: from, NotAfter: until, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: m.Chain[0].ExtKeyUsage, URIs: []*url.URL{group.URI(tills)},
	}
	for _, name := range names {
		template.URIs = append(template.URIs, &url.URL{Scheme: "tandem-signed", Opaque: name})
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Chain[0], m.Key.Public(), by.Key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return group.Signer{Key: m.Key, Chain: append([]*x509.Certificate{cert}, by.Chain...)}
}

// renew is what an honest device does for a member.
func renew(t testing.TB, by, m group.Signer, now time.Time) group.Signer {
	t.Helper()
	earlier, err := group.Earlier(tills, root(by), m.Chain, now)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := group.Issue(by, m.Key.Public(), group.Member{Group: tills, Earlier: earlier, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return group.Signer{Key: m.Key, Chain: chain}
}

// A thief of an inviter's key writes what it likes into certificates, and has them renewed by others.
func TestWhatARemovedInviterHasSignedGoesWithIt(t *testing.T) {
	a := authority(t)
	invited := start.Add(100 * time.Hour)
	x := member(t, a, group.Member{MayInvite: true, Now: invited})
	y, z := member(t, a, group.Member{MayInvite: true, Now: invited}), member(t, a, group.Member{MayInvite: true, Now: invited})
	stolen := invited.Add(10 * time.Hour)
	now := stolen.Add(10 * time.Hour)
	friend := member(t, a, group.Member{Now: now})
	backdated := signed(t, x, friend, start.AddDate(0, -6, 0), now.Add(time.Hour))
	late := signed(t, x, friend, now.Add(-3*time.Hour), now.Add(time.Hour))
	claims := strings.Repeat("0", 64) + ":5"
	forged := signed(t, x, friend, now.Add(-3*time.Hour), now.Add(time.Hour), claims)
	untouched := renew(t, a, member(t, y, group.Member{Now: invited}), now)
	honest := renew(t, a, member(t, x, group.Member{Now: invited.Add(time.Hour)}), now)
	for name, c := range map[string]struct {
		m           group.Signer
		issuedAfter time.Time
		stays       bool
	}{
		"before itself":                {backdated, invited.Add(-time.Hour), false},
		"before itself, without time":  {backdated, time.Time{}, false},
		"renewed by the group's key":   {renew(t, a, late, now), stolen, false},
		"renewed by another inviter":   {renew(t, y, late, now), stolen, false},
		"renewed twice":                {renew(t, a, renew(t, y, late, now), now), stolen, false},
		"renewed, with false words":    {renew(t, z, renew(t, y, forged, now), now), stolen, false},
		"renewed, and long before":     {honest, stolen, true},
		"renewed, without time":        {honest, time.Time{}, false},
		"another's, renewed":           {untouched, time.Time{}, true},
		"of a stolen key, as it began": {signed(t, x, friend, invited, now.Add(time.Hour)), stolen, true}, // documented
	} {
		if !admits(new(group.Removals), root(a), c.m, now) {
			t.Errorf("%s: not admitted before the removal", name)
		}
		var s group.Removals
		s.Add(remove(t, a, group.Target{Key: keyOf(x), IssuedAfter: c.issuedAfter}, now))
		if got := admits(&s, root(a), c.m, now); got != c.stays {
			t.Errorf("%s: admitted %t after the removal of its inviter, want %t", name, got, c.stays)
		}
		if r, _ := s.Removes(c.m.Chain); (r == nil) != c.stays {
			t.Errorf("%s: shown as removed %t", name, r != nil)
		}
	}
}

// Who has removed its member does so for the certificates that others have signed since.
func TestAnInvitersRemovalOutlastsRenewal(t *testing.T) {
	a := authority(t)
	x, y := member(t, a, group.Member{MayInvite: true}), member(t, a, group.Member{MayInvite: true})
	m := member(t, x, group.Member{})
	var s group.Removals
	s.Add(remove(t, x, group.Target{Key: keyOf(m), Certificate: m.Chain[0]}, start))
	if admits(&s, root(a), renew(t, y, m, start), start) {
		t.Error("a removed member is admitted with a certificate of another inviter")
	}
	if admits(&s, root(a), m, start) || admits(&s, root(a), renew(t, y, renew(t, a, m, start), start), start) {
		t.Error("a removed member is admitted with an older certificate, or one that was renewed twice")
	}
	if !admits(&s, root(a), renew(t, y, member(t, y, group.Member{}), start), start) {
		t.Error("another member is not admitted")
	}
	// Who has renewed a certificate alone does not remove its owner, who has the one before.
	other := member(t, a, group.Member{})
	renewed := renew(t, x, other, start)
	s.Add(remove(t, x, group.Target{Key: keyOf(other), Certificate: renewed.Chain[0]}, start))
	if admits(&s, root(a), renewed, start) || !admits(&s, root(a), other, start) {
		t.Error("with the new certificate the member is admitted, or with the one before it is not")
	}
}

func TestSigningsThatCannotBeReadAreRefused(t *testing.T) {
	a := authority(t)
	m := member(t, a, group.Member{})
	good := strings.Repeat("ab", 32) + ":5"
	until := start.Add(time.Hour)
	for name, names := range map[string][]string{
		"no time": {strings.Repeat("ab", 32)}, "a short key": {"ab:5"}, "before 1970": {strings.Repeat("ab", 32) + ":-1"},
		"no key": {"zz"}, "nothing": {""}, "too many": slices.Repeat([]string{good}, group.MaxSignings+1),
	} {
		if admits(new(group.Removals), root(a), signed(t, a, m, start, until, names...), start) {
			t.Errorf("%s: admitted", name)
		}
	}
	if !admits(new(group.Removals), root(a), signed(t, a, m, start, until, slices.Repeat([]string{good}, group.MaxSignings)...), start) {
		t.Error("with as many as may be: not admitted")
	}
}

// The certificate of a member that many inviters have renewed still fits into a record about it.
func TestSigningsAreBounded(t *testing.T) {
	a := authority(t)
	x := member(t, a, group.Member{MayInvite: true})
	m := member(t, x, group.Member{})
	for range group.MaxSignings - 1 {
		m = renew(t, member(t, a, group.Member{MayInvite: true}), m, start)
	}
	last := renew(t, x, m, start)
	if named, err := group.Named(last.Chain[0]); err != nil || len(named) != group.MaxSignings {
		t.Fatalf("the certificate names %d (%v)", len(named), err)
	}
	remove(t, x, group.Target{Key: keyOf(last), Certificate: last.Chain[0]}, start)
	more := renew(t, member(t, a, group.Member{MayInvite: true}), last, start)
	earlier, err := group.Earlier(tills, root(a), more.Chain, start)
	if err != nil || len(earlier) != group.MaxSignings+1 {
		t.Fatalf("%d earlier signings (%v)", len(earlier), err)
	}
	if _, err := group.Issue(a, m.Key.Public(), group.Member{Group: tills, Earlier: earlier, Now: start}); err == nil {
		t.Error("a certificate names more inviters than it may")
	}
}
