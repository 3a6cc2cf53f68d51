package group_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/mesh/group"
)

// A record that is short as it comes, and too long in the form that is kept, could not be read again.
func TestARecordDoesNotOutgrowItsBound(t *testing.T) {
	name := strings.Repeat("<", 200) // six times as long, where JSON is made for HTML
	a := authority(t)
	inviter := member(t, a, group.Member{Group: name, MayInvite: true})
	m := member(t, inviter, group.Member{Group: name})
	r, err := group.Remove(inviter, name, group.Target{Key: keyOf(m), Certificate: m.Chain[0]}, start)
	if err != nil {
		t.Fatal(err)
	}
	raw := func(padding int) []byte {
		var all map[string]any
		if err := json.Unmarshal(r.Text(), &all); err != nil {
			t.Fatal(err)
		}
		all["issued"] = padded(t, inviter, m, padding).Raw
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		if err := e.Encode(all); err != nil {
			t.Fatal(err)
		}
		return text.Bytes()
	}
	short := len(raw(1000)) - 1000*4/3
	fits := (group.MaxRemoval - short - 1200) * 3 / 4
	if _, err := group.ParseRemoval(name, root(a), raw(fits)); err != nil {
		t.Fatalf("a record that fits in both forms: %v", err)
	}
	text := raw(fits + 600)
	if len(text) > group.MaxRemoval {
		t.Fatalf("the record has %d bytes as it comes", len(text))
	}
	if kept, err := group.ParseRemoval(name, root(a), text); err == nil {
		t.Errorf("a record is taken of which %d bytes are kept", len(kept.Text()))
	}
}

// padded is a certificate of a member's key with so many bytes that say nothing.
func padded(t testing.TB, by, m group.Signer, padding int) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(3), NotBefore: start, NotAfter: start.Add(time.Hour), BasicConstraintsValid: true,
		ExtKeyUsage: m.Chain[0].ExtKeyUsage, URIs: []*url.URL{group.URI(tills)},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, padding)}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Chain[0], m.Key.Public(), by.Key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestNoCertificateOutlivesItsIssuers(t *testing.T) {
	a := authority(t)
	inviter := member(t, a, group.Member{MayInvite: true})
	later := start.AddDate(0, 6, 0)
	if m := member(t, inviter, group.Member{Now: later}); !m.Chain[0].NotAfter.Equal(inviter.Chain[0].NotAfter) {
		t.Errorf("the certificate ends %v, that of its issuer %v", m.Chain[0].NotAfter, inviter.Chain[0].NotAfter)
	}
	if m := member(t, a, group.Member{Now: start.AddDate(29, 6, 0)}); !m.Chain[0].NotAfter.Equal(root(a).NotAfter) {
		t.Errorf("the certificate ends %v, the group's %v", m.Chain[0].NotAfter, root(a).NotAfter)
	}
	if m := member(t, a, group.Member{Now: later}); !m.Chain[0].NotAfter.Equal(later.Add(group.MemberLife)) {
		t.Errorf("the certificate ends %v, want a year after %v", m.Chain[0].NotAfter, later)
	}
}
