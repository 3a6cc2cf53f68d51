package main

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newIdentity(a *app) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "identity",
		Short: "Make and keep TLS identities",
		Long: "An identity is a private key with its certificate, kept under a label in the store of this\n" +
			"user: the folder tandem/identities among the user's settings, or the folder that the\n" +
			"environment variable TANDEM_IDENTITIES names. With TANDEM_IDENTITIES_PASSPHRASE_FILE the keys\n" +
			"are encrypted under the first line of that file.",
	})
	c.AddCommand(newIdentityCreate(a), newIdentityList(a), newIdentityShow(a),
		newIdentityImport(a), newIdentityExport(a), newIdentityDelete(a), newIdentityPrune(a))
	return c
}

func newIdentityList(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List identities, and warn of those that expire soon",
		Long: "list shows label, fingerprint, expiry and subject of each identity and, for an anonymous one that\n" +
			"`tandem serve` has made, the database that it belongs to, with (gone) if that is not there now.",
		Args: cobra.NoArgs,
		RunE: a.do(func(context.Context, []string) error {
			store, err := identityStore()
			if err != nil {
				return err
			}
			labels, err := store.Labels()
			if err != nil {
				return err
			}
			if len(labels) == 0 {
				a.note("there is no identity")
			}
			return a.listIdentities(store, labels, asJSON)
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object per line, as of identity show, with database and gone of anonymous ones")
	return c
}

// identityFacts describe an identity.
type identityFacts struct {
	Label       string    `json:"label"`
	Fingerprint string    `json:"fingerprint"`
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	Names       []string  `json:"names,omitempty"`
	Begins      time.Time `json:"begins"`
	Expires     time.Time `json:"expires"`
	Database    string    `json:"database,omitempty"` // of an anonymous identity
	Gone        bool      `json:"gone,omitempty"`     // the database no longer exists
}

func factsOf(id *tandem.TLSIdentity) identityFacts {
	leaf := id.Leaf()
	names := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	names = append(names, leaf.EmailAddresses...)
	for _, uri := range leaf.URIs {
		names = append(names, uri.String())
	}
	return identityFacts{
		Label: id.Label(), Fingerprint: id.Fingerprint(), Subject: leaf.Subject.String(), Issuer: leaf.Issuer.String(),
		Names: names, Begins: leaf.NotBefore.UTC(), Expires: leaf.NotAfter.UTC(),
	}
}

// listIdentities lists the readable identities, and fails if some cannot be read.
func (a *app) listIdentities(store tandem.TLSIdentityStore, labels []string, asJSON bool) error {
	table, encoder, unread := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0), a.jsonLines(), 0
	anonymous, err := anonymousIdentities(store)
	if err != nil {
		return err
	}
	for _, label := range labels {
		id, err := store.Load(label)
		if err != nil {
			a.note("%s: %v", label, err)
			unread++
			continue
		}
		facts := factsOf(id)
		facts.Database, facts.Gone = anonymous[label].Database, anonymous[label].Gone
		if asJSON {
			err = encoder.Encode(facts)
		} else {
			_, err = fmt.Fprintln(table, facts.line())
		}
		if err != nil {
			return err
		}
		if warning := id.Warning(time.Now()); warning != "" {
			a.note("warning: %s: %s", label, warning)
		}
	}
	if gone := countGone(anonymous); gone > 0 {
		a.note("anonymous identities whose database is gone: %d; `tandem identity prune` removes them", gone)
	}
	if unread > 0 {
		return errors.Join(table.Flush(), withHint(
			fmt.Errorf("identities that cannot be read: %d of %d", unread, len(labels)),
			"see the reasons above; tandem identity delete removes what is of no use"))
	}
	return table.Flush()
}

// line returns the line of identity list, with tabs.
func (f identityFacts) line() string {
	line := strings.Join([]string{f.Label, f.Fingerprint, f.Expires.Format(time.DateOnly), f.Subject}, "\t")
	if f.Database != "" {
		line += "\t" + f.Database
	}
	if f.Gone {
		line += " (gone)"
	}
	return line
}

func newIdentityShow(a *app) *cobra.Command {
	var asJSON, asPEM, chain bool
	c := &cobra.Command{
		Use:   "show LABEL",
		Short: "Show an identity; the key stays where it is",
		Example: "  tandem identity show shop\n" +
			"  tandem identity show shop --pem > shop.pem   # for sync --pinned-cert",
		Args: cobra.ExactArgs(1),
		RunE: a.do(func(_ context.Context, args []string) error {
			if chain && !asPEM {
				return usage("--chain needs --pem")
			}
			id, err := loadIdentity(args[0])
			if err != nil {
				return err
			}
			a.warnExpiry(id)
			switch {
			case chain:
				_, err = a.out.Write(id.CertificatesPEM())
				return err
			case asPEM:
				return pem.Encode(a.out, &pem.Block{Type: "CERTIFICATE", Bytes: id.Leaf().Raw})
			case asJSON:
				return a.jsonLines().Encode(factsOf(id))
			}
			return a.showIdentity(factsOf(id))
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "a JSON object: label, fingerprint, subject, issuer, names, begins and expires")
	c.Flags().BoolVar(&asPEM, "pem", false, "the identity's certificate as PEM")
	c.Flags().BoolVar(&chain, "chain", false, "with --pem: also those of its issuers, after it")
	exclusive(c, "json", "pem")
	return c
}

func (a *app) showIdentity(facts identityFacts) error {
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "label\t%s\nfingerprint\t%s\nsubject\t%s\nissuer\t%s\n",
		facts.Label, facts.Fingerprint, facts.Subject, facts.Issuer)
	if len(facts.Names) > 0 {
		fmt.Fprintf(table, "names\t%s\n", strings.Join(facts.Names, ", "))
	}
	fmt.Fprintf(table, "begins\t%s\nexpires\t%s\n", facts.Begins.Format(time.RFC3339), facts.Expires.Format(time.RFC3339))
	return table.Flush()
}

func newIdentityDelete(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "delete LABEL",
		Short: "Delete an identity and its key",
		Args:  cobra.ExactArgs(1),
		RunE: a.do(func(_ context.Context, args []string) error {
			store, err := identityStore()
			if err != nil {
				return err
			}
			return store.Delete(args[0])
		}),
	}
}
