package identity

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/zalando/go-keyring"

	"github.com/tandemdb/tandem/internal/fault"
)

// Keyring returns the store in the key store of the operating system: Keychain, Credential Manager
// or Secret Service. Name separates several stores of one user; empty means "tandem". The store is
// one PKCS#12 file in pieces of at most 1,500 bytes, because key stores limit the size of an item.
// Another item names the current pieces, so that a crash leaves the old file or the new one.
//
// If there is no key store, every method fails with [fault.Crypto].
func Keyring(name string) Store {
	if name == "" {
		name = "tandem"
	}
	return &vault{place: keyringPlace(name), rounds: 1}
}

const (
	pieceSize = 1500 // macOS takes about 3,000 bytes in all, Windows 2,560
	maxPieces = maxInput / pieceSize
)

// keyringPlace is the name of a file within the key store.
type keyringPlace string

// keyringHead names the pieces of the current file.
type keyringHead struct {
	Version int    `json:"version"`
	Pieces  int    `json:"pieces"`
	Batch   string `json:"batch"` // random; part of the pieces' names
}

// lock uses a mutex within this process and a file lock against others, because key stores have no
// locks. If the lock file cannot be created, lock works without it.
func (p keyringPlace) lock() (func(), error) {
	keyringUse.Lock()
	unlockFile, err := lockKeyringFile()
	if errors.Is(err, fault.Busy) {
		keyringUse.Unlock()
		return nil, err
	}
	return func() {
		if err == nil {
			unlockFile()
		}
		keyringUse.Unlock()
	}, nil
}

func lockKeyringFile() (func(), error) {
	config, err := os.UserConfigDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(config, "tandem")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return lockFile(filepath.Join(dir, "keyring.lock"))
}

func (p keyringPlace) read() ([]byte, error) {
	head, err := p.head()
	if head == nil || err != nil {
		return nil, err
	}
	var text strings.Builder
	for i := range head.Pieces {
		piece, err := keyring.Get(keyringService, p.piece(head.Batch, i))
		if err != nil {
			return nil, p.damaged(err)
		}
		text.WriteString(piece)
	}
	data, err := base64.StdEncoding.DecodeString(text.String())
	if err != nil {
		return nil, p.damaged(err)
	}
	return data, nil // the file's own checksum detects damage
}

func (p keyringPlace) write(data []byte) error {
	old, err := p.head()
	if err != nil {
		return err
	}
	text := base64.StdEncoding.EncodeToString(data)
	head := keyringHead{
		Version: 1, Pieces: (len(text) + pieceSize - 1) / pieceSize,
		Batch: rand.Text()[:8],
	}
	if head.Pieces > maxPieces {
		return fault.Unsupported.Says("too many identities for the key store")
	}
	for i := range head.Pieces {
		piece := text[i*pieceSize : min((i+1)*pieceSize, len(text))]
		if err := keyring.Set(keyringService, p.piece(head.Batch, i), piece); err != nil {
			p.drop(&head, i)
			return keyringFault("", err)
		}
	}
	encoded, err := json.Marshal(head)
	if err != nil {
		return err
	}
	if err := keyring.Set(keyringService, string(p), string(encoded)); err != nil {
		p.drop(&head, head.Pieces)
		return keyringFault("", err)
	}
	if old != nil {
		p.drop(old, old.Pieces)
	}
	return nil
}

// head returns the head, or nil if it is missing.
func (p keyringPlace) head() (*keyringHead, error) {
	text, err := keyring.Get(keyringService, string(p))
	if errors.Is(err, keyring.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, keyringFault("", err)
	}
	var head keyringHead
	if err := json.Unmarshal([]byte(text), &head); err != nil || head.Pieces < 0 || head.Pieces > maxPieces {
		return nil, p.damaged(err)
	}
	if head.Version != 1 {
		return nil, fault.TooNew.Says("the key store holds format %d, this program knows 1", head.Version)
	}
	return &head, nil
}

// drop removes the first pieces of an outdated head. Pieces that cannot be removed stay unused.
func (p keyringPlace) drop(head *keyringHead, pieces int) {
	for i := range pieces {
		_ = keyring.Delete(keyringService, p.piece(head.Batch, i))
	}
}

func (p keyringPlace) piece(batch string, i int) string {
	return fmt.Sprintf("%s-%s-%d", string(p), batch, i)
}

func (p keyringPlace) damaged(err error) error {
	return fault.CorruptData.Says("the identities in the key store are damaged").Because(err)
}
