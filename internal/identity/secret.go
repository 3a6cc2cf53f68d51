package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"sync"

	"github.com/zalando/go-keyring"

	"github.com/tandemdb/tandem/internal/fault"
)

// keyringService is the service name of all entries in the OS key store.
const keyringService = "tandem-identities"

// keyringUse is held while the key store is in use: its libraries may not allow concurrent calls.
var keyringUse sync.Mutex

// folderSecret returns the secret that the key store keeps for the folder dir. For an empty folder
// it makes a missing secret.
func folderSecret(op, dir string, empty bool) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", ioFault(op, dir, err)
	}
	sum := sha256.Sum256([]byte(abs))
	user := "folder-" + hex.EncodeToString(sum[:16])
	keyringUse.Lock()
	defer keyringUse.Unlock()
	secret, err := keyring.Get(keyringService, user)
	switch {
	case err == nil && secret != "":
		return secret, nil
	case err != nil && !errors.Is(err, keyring.ErrNotFound):
		return "", keyringFault(op, err)
	case !empty:
		return "", fault.Crypto.In(op, dir).Says("the key store has no secret for this folder").
			Try("the folder was moved or copied here; import its identities again")
	}
	secret = rand.Text() + rand.Text()
	if err := keyring.Set(keyringService, user, secret); err != nil {
		return "", keyringFault(op, err)
	}
	return secret, nil
}

func keyringFault(op string, err error) error {
	return fault.Crypto.In(op, "").Says("the key store of the operating system cannot be used").Because(err).
		Try("log in to a session with a key store, or set TANDEM_IDENTITIES to a folder")
}

func keyIsEncrypted(data []byte) bool {
	_, keys, err := parsePEM("", data)
	return err == nil && len(keys) == 1 && keys[0].Type == "ENCRYPTED PRIVATE KEY"
}
