package main

import (
	"encoding/hex"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// envKeyFile is the environment variable that names the file with the encryption key.
const envKeyFile = "TANDEM_ENCRYPTION_KEY_FILE"

// keyFlag is the flag --encryption-key-file of all commands that open a database.
type keyFlag struct{ file string }

func (f *keyFlag) add(c *cobra.Command) {
	c.PersistentFlags().StringVar(&f.file, "encryption-key-file", "",
		"`file` with the key of an encrypted database: a line of 64 hexadecimal digits is a raw key,\n"+
			"any other a passphrase; - is standard input (default $"+envKeyFile+")")
}

// encryptionKey returns the key of the opened databases, or nil.
func (f *keyFlag) encryptionKey(a *app) (*tandem.EncryptionKey, error) {
	file := f.file
	if file == "" {
		var err error
		if file, err = environment(envKeyFile); file == "" {
			return nil, err
		}
	}
	return a.readKey(file)
}

// readKey reads an encryption key from the first line of a file.
func (a *app) readKey(file string) (*tandem.EncryptionKey, error) {
	line, err := a.firstLine(file)
	if err != nil {
		return nil, err
	}
	if key, err := hex.DecodeString(line); err == nil && len(key) == tandem.EncryptionKeySize {
		return tandem.NewEncryptionKey(key)
	}
	return tandem.NewPassphraseKey(line)
}
