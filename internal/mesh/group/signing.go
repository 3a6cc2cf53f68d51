package group

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// Signing says that an inviter has signed a certificate of a member.
type Signing struct {
	By   Key
	Time int64 // in seconds since 1970; see [Signings]
}

// MaxSignings bounds the inviters that a certificate names.
const MaxSignings = 24

const signingScheme = "tandem-signed"

func (s Signing) uri() *url.URL {
	return &url.URL{Scheme: signingScheme, Opaque: hex.EncodeToString(s.By[:]) + ":" + strconv.FormatInt(s.Time, 10)}
}

// Named returns the earlier signings that a certificate names. Who signs the certificate has copied
// them from the one before.
func Named(cert *x509.Certificate) (all []Signing, err error) {
	for _, uri := range cert.URIs {
		if uri.Scheme != signingScheme {
			continue
		}
		key, at, _ := strings.Cut(uri.Opaque, ":")
		by, errKey := hex.DecodeString(key)
		seconds, errTime := strconv.ParseInt(at, 10, 64)
		if errKey != nil || errTime != nil || len(by) != len(Key{}) || seconds < 0 || len(all) == MaxSignings {
			return nil, fmt.Errorf("its certificate does not say who has signed the ones before")
		}
		all = append(all, Signing{Key(by), seconds})
	}
	return latest(all), nil
}

// Signings returns the inviters on whose word a member is one, by a way from its certificate to the
// authority: who has signed it, and those who have signed the ones before. The group's key is not among
// them. An inviter writes the time into what it signs, so it counts as no earlier than the inviter's
// own certificate, which the group's key has signed.
func Signings(way []*x509.Certificate) ([]Signing, error) {
	all, err := Named(way[0])
	if err != nil {
		return nil, err
	}
	for i, issuer := range way[1 : len(way)-1] {
		at := way[i].NotBefore
		if issuer.NotBefore.After(at) {
			at = issuer.NotBefore
		}
		all = append(all, Signing{KeyOf(issuer), at.Add(Backdate).Unix()})
	}
	return latest(all), nil
}

// latest keeps the last signing of each inviter, ordered by key: an inviter may have made up whatever
// stands before it.
func latest(all []Signing) []Signing {
	slices.SortFunc(all, func(a, b Signing) int {
		return cmp.Or(bytes.Compare(a.By[:], b.By[:]), cmp.Compare(b.Time, a.Time))
	})
	return slices.CompactFunc(all, func(a, b Signing) bool { return a.By == b.By })
}

// Earlier returns what the next certificate of a member names: the signings of its present one.
func Earlier(name string, root *x509.Certificate, chain []*x509.Certificate, now time.Time) (all []Signing, err error) {
	way, err := Way(name, root, chain, x509.ExtKeyUsageClientAuth, now)
	if err == nil {
		all, err = Signings(way)
	}
	if err != nil {
		return nil, fault.CertUntrusted.In("renew certificate", name).Because(err)
	}
	return all, nil
}
