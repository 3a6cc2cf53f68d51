package group

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// Target is who is removed.
type Target struct {
	Key Key
	// IssuedAfter is the moment from which on what the member has signed is removed, too. Zero removes
	// all of it. It is for a signer that is the group's key: others remove no inviters.
	IssuedAfter time.Time
	// Certificate is the member's, for a signer that is not the group's key.
	Certificate *x509.Certificate
}

// Removal is a signed record that a member is one no longer.
type Removal struct {
	body removalBody
	text []byte // the JSON of body
	key  Key    // of the signer
	own  bool   // signed by the group's key
}

// removalBody is the JSON of a record. Signature is over the other fields; see signed.
type removalBody struct {
	Group     string   `json:"group"`
	Member    []byte   `json:"member"` // its key
	Time      int64    `json:"time"`   // of the removal, in seconds since 1970
	After     int64    `json:"after"`  // what it has issued after that is removed, too
	Issued    []byte   `json:"issued,omitempty"`
	Signer    [][]byte `json:"signer,omitempty"` // certificates of a signer that is not the group's key
	Signature []byte   `json:"signature"`
}

// MaxRemoval bounds a record, in bytes.
const MaxRemoval = 8 << 10

// signed returns what the signature is over.
func (b removalBody) signed() []byte {
	text := fmt.Appendf(nil, "tandem removal 1\n%q\n%x\n%d\n%d\n", b.Group, b.Member, b.Time, b.After)
	sum := sha256.Sum256(text)
	return sum[:]
}

// Remove signs a record.
func Remove(by Signer, name string, t Target, now time.Time) (*Removal, error) {
	b := removalBody{Group: name, Member: t.Key[:], Time: now.Unix()}
	if !t.IssuedAfter.IsZero() && len(by.Chain) == 1 {
		b.After = min(b.Time, max(0, t.IssuedAfter.Unix()))
	}
	root := by.Chain[len(by.Chain)-1]
	if len(by.Chain) > 1 {
		if t.Certificate == nil || t.Certificate.CheckSignatureFrom(by.Chain[0]) != nil {
			return nil, fault.Forbidden.In("remove member", "").Says("this device has not invited that member").
				Try("remove it on the device that has, or on the one that made the group")
		}
		b.Issued, b.Signer = t.Certificate.Raw, DERs(by.Chain[:len(by.Chain)-1])
	}
	var err error
	if b.Signature, err = by.Key.Sign(rand.Reader, b.signed(), crypto.SHA256); err != nil {
		return nil, fault.Crypto.In("remove member", "").Because(err)
	}
	text, err := json.Marshal(b)
	if err != nil {
		return nil, fault.Crypto.In("remove member", "").Because(err)
	}
	return ParseRemoval(name, root, text)
}

// ParseRemoval reads a record and checks its signature.
func ParseRemoval(name string, root *x509.Certificate, text []byte) (*Removal, error) {
	r := &Removal{text: text}
	bad := func(why string) error {
		return fault.Invalid.In("read removal", "").Says("the record is not valid: %s", why)
	}
	if len(text) > MaxRemoval || json.Unmarshal(text, &r.body) != nil {
		return nil, bad("it cannot be read")
	}
	b := &r.body
	if len(b.Signer) > 0 && b.After > 0 { // whom an inviter removes has signed nothing
		return nil, bad("an inviter's record has no moment")
	}
	if b.Group != name || len(b.Member) != len(Key{}) || b.Time < 0 || b.After < 0 || b.After > b.Time {
		return nil, bad("it is of another group, or does not fit together")
	}
	signer := root
	if len(b.Signer) > 0 {
		var err error
		if signer, err = b.inviter(name, root); err != nil {
			return nil, bad(err.Error())
		}
	}
	public, ok := signer.PublicKey.(*ecdsa.PublicKey)
	if !ok || !ecdsa.VerifyASN1(public, b.signed(), b.Signature) {
		return nil, bad("the signature is wrong")
	}
	r.key, r.own = KeyOf(signer), len(b.Signer) == 0
	var err error
	if r.text, err = json.Marshal(r.body); err != nil || len(r.text) > MaxRemoval { // one form, however it came
		return nil, bad("it is too long")
	}
	return r, nil
}

// inviter returns the certificate of a signer that has issued the removed member's certificate.
func (b *removalBody) inviter(name string, root *x509.Certificate) (*x509.Certificate, error) {
	chain, err := ParseChain(b.Signer)
	if err != nil {
		return nil, err
	}
	issued, err := x509.ParseCertificate(b.Issued)
	if err != nil {
		return nil, err
	}
	switch {
	case len(chain) != 1 || !MayInvite([]*x509.Certificate{chain[0], root}) || !Names(chain[0], name):
		return nil, fmt.Errorf("the signer may not invite to this group")
	case chain[0].CheckSignatureFrom(root) != nil:
		return nil, fmt.Errorf("the signer is not of this group")
	case KeyOf(issued) != Key(b.Member) || issued.CheckSignatureFrom(chain[0]) != nil:
		return nil, fmt.Errorf("the signer has not invited the member")
	}
	return chain[0], nil
}

// Member returns the key of who is removed.
func (r *Removal) Member() Key { return Key(r.body.Member) }

// Time returns when the member was removed, by the signer's clock.
func (r *Removal) Time() time.Time { return time.Unix(r.body.Time, 0) }

// RemovesMore reports whether a record takes the place of another one of the same signer about the same
// member. Records that differ in their times alone are one and the same: the first one stays.
func (r *Removal) RemovesMore(old *Removal) bool { return r.body.After < old.body.After }

// Text returns the record as it is kept and sent.
func (r *Removal) Text() []byte { return r.text }
