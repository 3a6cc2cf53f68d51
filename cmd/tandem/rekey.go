package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newRekey(a *app) *cobra.Command {
	var newFile string
	var remove bool
	c := &cobra.Command{
		Use:   "rekey DB",
		Short: "Encrypt a database, change its key, or remove the encryption",
		Long: "rekey changes the key or passphrase that opens a database. The present key of an encrypted\n" +
			"database comes from --encryption-key-file, the new one from --new-key-file. A line of 64\n" +
			"hexadecimal digits is a raw key, any other line a passphrase.\n\n" +
			"Changing one key to another takes a moment. Encrypting a database, or decrypting it with\n" +
			"--remove, rewrites the whole database; no other program may have it open.",
		Example: "  tandem rekey notes --new-key-file key\n" +
			"  tandem rekey notes --encryption-key-file key --new-key-file other\n" +
			"  tandem rekey notes --encryption-key-file other --remove",
		Args: cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			if remove == (newFile != "") {
				return usage("rekey needs either --new-key-file or --remove")
			}
			return a.rekey(ctx, args[0], newFile)
		}),
	}
	c.Flags().StringVar(&newFile, "new-key-file", "", "`file` with the new key")
	c.Flags().BoolVar(&remove, "remove", false, "remove the encryption")
	return c
}

// rekey changes a database's key to the one in a file. "" removes the encryption.
func (a *app) rekey(ctx context.Context, path, newFile string) error {
	var key *tandem.EncryptionKey
	if newFile != "" {
		var err error
		if key, err = a.readKey(newFile); err != nil {
			return err
		}
	}
	return a.with(ctx, path, func(db *tandem.Database) error {
		if err := db.ChangeEncryptionKey(ctx, key); err != nil {
			return err
		}
		a.note("%s", outcomeOfRekey(key))
		return nil
	})
}

func outcomeOfRekey(key *tandem.EncryptionKey) string {
	if key == nil {
		return "the database is not encrypted"
	}
	return "the database is encrypted; without its key it cannot be read, so keep a copy of the key elsewhere"
}
