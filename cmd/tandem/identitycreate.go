package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// createFlags are the flags of tandem identity create.
type createFlags struct {
	commonName, organization string
	dns, ips, emails         []string
	groups                   []string
	expires                  string
	usages                   []string
	issuer                   string
}

func newIdentityCreate(a *app) *cobra.Command {
	var f createFlags
	c := &cobra.Command{
		Use:   "create LABEL",
		Short: "Make an identity",
		Long: "create makes a key and a certificate for it, which signs itself or is signed by the identity\n" +
			"of --issuer. The fingerprint is printed.",
		Example: "  tandem identity create shop --dns shop.example.com --expires 2030-01-01T00:00:00Z\n" +
			"  tandem identity create root --usage issuer\n" +
			"  tandem identity create till7 --issuer root --usage client",
		Args: cobra.ExactArgs(1),
		RunE: a.do(func(_ context.Context, args []string) error {
			options, err := f.options(args[0])
			if err != nil {
				return err
			}
			store, err := identityStore()
			if err != nil {
				return err
			}
			id, err := tandem.CreateIdentity(store, options)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.out, id.Fingerprint())
			return nil
		}),
	}
	f.add(c)
	return c
}

func (f *createFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.commonName, "cn", "", "common `name` of the owner (default the label)")
	flags.StringVar(&f.organization, "organization", "", "`name` of the owner's organization")
	flags.StringSliceVar(&f.dns, "dns", nil, "DNS `names`, for clients that verify the host name")
	flags.StringSliceVar(&f.ips, "ip", nil, "IP `addresses`, for the same")
	flags.StringSliceVar(&f.emails, "email", nil, "e-mail `addresses`")
	flags.StringArrayVar(&f.groups, "group", nil, "`name` of a group that it is a member of (see tandem mesh); repeatable")
	flags.StringVar(&f.expires, "expires", "", "ISO 8601 `time` at which it ends (default in one year)")
	flags.StringSliceVar(&f.usages, "usage", nil, "`uses`: server, client, issuer (default server,client)")
	completeFlag(c, "usage", slices.Sorted(maps.Keys(usageNames))...)
	flags.StringVar(&f.issuer, "issuer", "", "`label` of the identity that signs it (default itself)")
}

func (f *createFlags) options(label string) (o tandem.TLSIdentityOptions, err error) {
	o = tandem.TLSIdentityOptions{
		Label: label, CommonName: cmp.Or(f.commonName, label), Organization: f.organization,
		DNSNames: f.dns, Emails: f.emails,
	}
	for _, text := range f.ips {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return o, usage("--ip %s is no IP address", text)
		}
		o.IPs = append(o.IPs, ip)
	}
	for _, group := range f.groups {
		o.URIs = append(o.URIs, tandem.PeerGroupURI(group))
	}
	for _, name := range f.usages {
		use, ok := usageNames[name]
		if !ok {
			return o, usage("there is no use %q: want server, client or issuer", name)
		}
		o.Usage |= use
	}
	if o.Expires, err = parseTime(f.expires); err != nil {
		return o, err
	}
	o.Issuer, err = loadIdentity(f.issuer)
	return o, err
}

var usageNames = map[string]tandem.TLSUsage{
	"server": tandem.ServerUsage, "client": tandem.ClientUsage, "issuer": tandem.IssuerUsage,
}

// parseTime parses a time or date of ISO 8601; "" gives the zero time.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usage("%q is no time such as 2030-01-01T00:00:00Z", text)
}
