package identity

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// The environment variables that [Default] reads.
const (
	EnvFolder     = "TANDEM_IDENTITIES"                 // a folder
	EnvPassphrase = "TANDEM_IDENTITIES_PASSPHRASE_FILE" // a file whose first line encrypts its keys
)

// Default returns the store for programs that do not choose one:
//
//   - with TANDEM_IDENTITIES set, that folder; its keys are encrypted when
//     TANDEM_IDENTITIES_PASSPHRASE_FILE names a file with a passphrase;
//   - otherwise the folder tandem/identities in [os.UserConfigDir]. On macOS and Windows its
//     keys are encrypted under a secret in the Keychain or Credential Manager. Elsewhere they
//     are protected by the passphrase file if there is one, else by the permissions of the
//     files: a bare server has no key store, and a desktop's is locked until someone logs in.
//
// It fails with [fault.CantOpen] if the folder is missing or the passphrase file has no passphrase.
// It fails with [fault.Invalid] if a variable is set and empty: keys that should be encrypted would
// be unprotected.
func Default() (Store, error) {
	opts, err := defaultOptions()
	if err != nil {
		return nil, err
	}
	if dir, err := variable(EnvFolder); err != nil {
		return nil, err
	} else if dir != "" {
		return Folder(dir, opts), nil
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return nil, fault.CantOpen.In("open identity store", "").Because(err).
			Try("set TANDEM_IDENTITIES to a folder for the identities")
	}
	hasKeyStore := runtime.GOOS == "darwin" || runtime.GOOS == "windows"
	opts.Keyring = hasKeyStore && opts.Passphrase == ""
	return Folder(filepath.Join(config, "tandem", "identities"), opts), nil
}

// variable returns the value of an environment variable, or "" if it is not set.
func variable(name string) (string, error) {
	value, set := os.LookupEnv(name)
	if set && strings.TrimSpace(value) == "" {
		return "", fault.Invalid.In("open identity store", "").Says("the environment variable %s is empty", name).
			Try("give it a value, or unset it")
	}
	return value, nil
}

func defaultOptions() (FolderOptions, error) {
	path, err := variable(EnvPassphrase)
	if path == "" {
		return FolderOptions{}, err
	}
	data, err := readFile(path)
	if err != nil {
		return FolderOptions{}, fault.CantOpen.In("read passphrase", path).Because(err)
	}
	if formatOf(data) == &formatUTF16 {
		return FolderOptions{}, fault.CantOpen.In("read passphrase", path).Says("it is %s", formatUTF16.name).
			Try(formatUTF16.hint)
	}
	line, _, _ := bytes.Cut(withoutBOM(data), []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return FolderOptions{}, fault.CantOpen.In("read passphrase", path).Says("the first line is empty")
	}
	return FolderOptions{Passphrase: string(line)}, nil
}
