package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newIdentityImport(a *app) *cobra.Command {
	var p12, pem, alias, keyPasswordFile string
	var password passwordFlag
	c := &cobra.Command{
		Use:   "import LABEL",
		Short: "Take an identity from a PKCS#12 or PEM file",
		Long: "import keeps the identity in a file under a label. The password is asked for, or comes from\n" +
			"--password-file or TANDEM_PASSWORD. PKCS#12 may also be in Base64.",
		Example: "  tandem identity import shop --p12 shop.p12 --password-file pw\n" +
			"  tandem identity import shop --pem shop.pem",
		Args: cobra.ExactArgs(1),
		RunE: a.do(func(_ context.Context, args []string) error {
			id, err := a.readIdentity(p12, pem, alias, keyPasswordFile, &password)
			if err != nil {
				return err
			}
			store, err := identityStore()
			if err != nil {
				return err
			}
			a.warnExpiry(id)
			return store.Save(args[0], id, nil)
		}),
	}
	c.Flags().StringVar(&p12, "p12", "", "PKCS#12 `file`")
	c.Flags().StringVar(&pem, "pem", "", "PEM `file` with the key and its certificates")
	c.Flags().StringVar(&alias, "alias", "", "`name` of the key in a PKCS#12 file with several")
	c.Flags().StringVar(&keyPasswordFile, "key-password-file", "", "`file` with the password of the key, if it has another one")
	password.add(c)
	oneOf(c, "p12", "pem")
	return c
}

func (a *app) readIdentity(p12, pem, alias, keyPasswordFile string, f *passwordFlag) (*tandem.TLSIdentity, error) {
	file := cmp.Or(p12, pem)
	data, err := readSmall(file)
	if err != nil {
		return nil, err
	}
	if pem != "" && !bytes.Contains(data, []byte("ENCRYPTED")) {
		return tandem.IdentityFromPEM(data, "")
	}
	password, err := f.password(a, "password of "+file)
	if err != nil {
		return nil, err
	}
	if pem != "" {
		return tandem.IdentityFromPEM(data, password)
	}
	options := tandem.PKCS12Options{Alias: alias}
	if keyPasswordFile != "" {
		if options.KeyPassword, err = a.firstLine(keyPasswordFile); err != nil {
			return nil, err
		}
	}
	return tandem.IdentityFromPKCS12(data, password, options)
}

func newIdentityExport(a *app) *cobra.Command {
	var p12, pem string
	var password passwordFlag
	c := &cobra.Command{
		Use:   "export LABEL",
		Short: "Write an identity with its key to a PKCS#12 or PEM file",
		Long: "export writes key and certificates to a file that only this user may read, encrypted under\n" +
			"a password. A file of that name is replaced. The certificates alone come from `tandem identity show --pem`.",
		Example: "  tandem identity export shop --p12 shop.p12 --password-file pw",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(_ context.Context, args []string) error {
			id, err := loadIdentity(args[0])
			if err != nil {
				return err
			}
			file := cmp.Or(p12, pem)
			secret, err := password.password(a, "password for "+file)
			if err != nil {
				return err
			}
			if secret == "" {
				return withHint(errors.New("the password is empty"), "a key in a file needs one")
			}
			data, err := encodeIdentity(id, pem != "", secret)
			if err != nil {
				return err
			}
			return writeFile(file, 0o600, bytes.NewReader(data))
		}),
	}
	c.Flags().StringVar(&p12, "p12", "", "PKCS#12 `file` to write")
	c.Flags().StringVar(&pem, "pem", "", "PEM `file` to write")
	password.add(c)
	oneOf(c, "p12", "pem")
	return c
}

func encodeIdentity(id *tandem.TLSIdentity, asPEM bool, password string) ([]byte, error) {
	if asPEM {
		return id.ExportPEM(password)
	}
	return id.ExportPKCS12(password)
}
