package group_test

import (
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/mesh/group"
)

// Whatever order a member shows its certificates in, and what it leaves out: who has signed for it is
// known, and its removal counts.
func TestTheOrderOfAChainDoesNotMatter(t *testing.T) {
	a := authority(t)
	x, y := member(t, a, group.Member{MayInvite: true}), member(t, a, group.Member{MayInvite: true})
	m := member(t, x, group.Member{})
	leaf, by, own := m.Chain[0], x.Chain[0], root(a)
	var s group.Removals
	s.Add(remove(t, a, group.Target{Key: keyOf(x)}, start))
	for name, chain := range map[string][]*x509.Certificate{
		"in order": {leaf, by, own}, "the authority first": {leaf, own, by}, "without it": {leaf, by},
		"with another inviter": {leaf, y.Chain[0], by},
	} {
		way, err := group.Way(tills, own, chain, x509.ExtKeyUsageClientAuth, start)
		if err != nil || !slices.EqualFunc(way, m.Chain, (*x509.Certificate).Equal) {
			t.Errorf("%s: the way has %d certificates (%v), want the member's, the inviter's, the group's", name, len(way), err)
			continue
		}
		if r, _ := s.Removes(way); r == nil {
			t.Errorf("%s: not shown as removed with the inviter", name)
		}
		if admits(&s, own, group.Signer{Chain: chain}, start) || !admits(new(group.Removals), own, group.Signer{Chain: chain}, start) {
			t.Errorf("%s: admitted after the removal, or not before", name)
		}
	}
	if _, err := group.Way(tills, own, []*x509.Certificate{leaf, by, own, own}, x509.ExtKeyUsageClientAuth, start); err == nil {
		t.Error("four certificates are taken")
	}
	if _, err := group.Way(tills, own, nil, x509.ExtKeyUsageClientAuth, start); err == nil {
		t.Error("no certificate is taken")
	}
}

// A certificate that is as long as it may be is admitted, a longer one is not.
func TestCertificatesAreNotLong(t *testing.T) {
	a := authority(t)
	m := member(t, a, group.Member{})
	long := padded(t, a, m, group.MaxCertificate)
	fits := padded(t, a, m, group.MaxCertificate-(len(long.Raw)-group.MaxCertificate)-64)
	for _, c := range []struct {
		leaf *x509.Certificate
		want bool
	}{{long, false}, {fits, true}} {
		if got := admits(new(group.Removals), root(a), group.Signer{Chain: []*x509.Certificate{c.leaf, root(a)}}, start); got != c.want {
			t.Errorf("a certificate of %d bytes is admitted %t", len(c.leaf.Raw), got)
		}
	}
}

// Records that differ in their times alone are one: nobody fills disks by writing them anew.
func TestATimeAloneIsNoNews(t *testing.T) {
	a := authority(t)
	x := member(t, a, group.Member{MayInvite: true})
	m := member(t, x, group.Member{})
	target := group.Target{Key: keyOf(m), Certificate: m.Chain[0]}
	var s, other group.Removals
	first := remove(t, x, target, start)
	s.Add(first)
	digest := s.Digest()
	for seconds := range 5 {
		r := remove(t, x, target, start.Add(time.Duration(-seconds)*time.Second))
		if s.Wants(r) || s.Add(r) || r.RemovesMore(first) {
			t.Errorf("a record is new that is %d s older", seconds)
		}
		other.Add(r)
	}
	if s.Digest() != digest || other.Digest() != digest {
		t.Error("sets that remove the same have several digests")
	}
	if !s.Has(first.ID(), first.Text()) || s.Has(first.ID(), nil) || s.Has("", first.Text()) || s.Has(first.ID()[:64], first.Text()) {
		t.Error("the set does not know its only record, or another one")
	}
	// One of the group's key that removes more is news.
	s.Add(remove(t, a, group.Target{Key: keyOf(x), IssuedAfter: start}, start.Add(time.Hour)))
	digest = s.Digest()
	if !s.Add(remove(t, a, group.Target{Key: keyOf(x)}, start.Add(time.Hour))) || s.Digest() == digest {
		t.Error("a record that removes more is not taken")
	}
	if s.Add(remove(t, a, group.Target{Key: keyOf(x), IssuedAfter: start}, start)) {
		t.Error("one that removes less takes its place")
	}
}
