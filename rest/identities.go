package rest

import (
	"cmp"
	"net/http"
	"net/netip"
	"time"

	"github.com/tandemdb/tandem"
)

func identityRoutes() []route {
	return []route{
		{method: "GET", pattern: "/_identities", needs: admin, do: getIdentities},
		{method: "POST", pattern: "/_identities", needs: admin, do: postIdentity},
	}
}

type identity struct {
	Label        string    `json:"label"`
	Fingerprint  string    `json:"fingerprint"`
	Expires      time.Time `json:"expires"`
	Warning      string    `json:"warning,omitempty"`
	Certificates string    `json:"certificates"`
}

func identityOf(id *tandem.TLSIdentity) identity {
	return identity{
		id.Label(), id.Fingerprint(), id.Expiration().UTC(), id.Warning(time.Now()), string(id.CertificatesPEM()),
	}
}

// identityStore is the store of the server's identities.
func (c *call) identityStore() (tandem.TLSIdentityStore, error) {
	if c.h.cfg.Identities == nil {
		return nil, refuse(http.StatusNotImplemented, "this server has no store of identities")
	}
	return c.h.cfg.Identities, nil
}

// getIdentities shows the public parts of the TLS identities in the store.
func getIdentities(c *call) error {
	store, err := c.identityStore()
	if err != nil {
		return err
	}
	labels, err := store.Labels()
	if err != nil {
		return err
	}
	found := []identity{}
	for _, label := range labels {
		id, err := tandem.GetIdentity(store, label)
		if err != nil {
			return err
		}
		if id != nil { // not deleted meanwhile
			found = append(found, identityOf(id))
		}
	}
	return c.answer(http.StatusOK, found)
}

// newIdentity describes an identity to make.
type newIdentity struct {
	Label      string       `json:"label"`
	CommonName string       `json:"common_name"`
	Usage      []string     `json:"usage"`
	DNS        []string     `json:"dns"`
	IPs        []netip.Addr `json:"ips"`
	Groups     []string     `json:"groups"`
	Expires    time.Time    `json:"expires"`
	Issuer     string       `json:"issuer"`
}

var identityUsages = map[string]tandem.TLSUsage{
	"server": tandem.ServerUsage, "client": tandem.ClientUsage, "issuer": tandem.IssuerUsage,
}

// options checks the description.
func (n newIdentity) options(store tandem.TLSIdentityStore) (o tandem.TLSIdentityOptions, err error) {
	if n.Label == "" {
		return o, refuse(http.StatusBadRequest, "label is missing").try("give the identity a name in the store")
	}
	o = tandem.TLSIdentityOptions{
		Label: n.Label, CommonName: cmp.Or(n.CommonName, n.Label), DNSNames: n.DNS, IPs: n.IPs, Expires: n.Expires,
	}
	for _, name := range n.Usage {
		use, ok := identityUsages[name]
		if !ok {
			return o, refuse(http.StatusBadRequest, "usage has %.40q, want server, client or issuer", name)
		}
		o.Usage |= use
	}
	for _, group := range n.Groups {
		o.URIs = append(o.URIs, tandem.PeerGroupURI(group))
	}
	if n.Issuer == "" {
		return o, nil
	}
	if o.Issuer, err = tandem.GetIdentity(store, n.Issuer); err == nil && o.Issuer == nil {
		err = refuse(http.StatusBadRequest, "there is no identity %.100q to sign with", n.Issuer).try("GET /_identities lists those of the store")
	}
	return o, err
}

// postIdentity makes a key and a certificate, and keeps both in the store. The key stays there.
func postIdentity(c *call) error {
	store, err := c.identityStore()
	if err != nil {
		return err
	}
	var wanted newIdentity
	if err := c.decode(&wanted); err != nil {
		return err
	}
	options, err := wanted.options(store)
	if err != nil {
		return err
	}
	if taken, err := tandem.GetIdentity(store, wanted.Label); err == nil && taken != nil {
		return refuse(http.StatusConflict, "there is an identity %.100q already", wanted.Label).try("choose another label")
	}
	id, err := tandem.CreateIdentity(store, options)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, identityOf(id))
}
