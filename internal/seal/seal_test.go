package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/crypto/xts"
	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/seal"
)

func rawKey(t testing.TB, fill byte) *seal.Secret {
	t.Helper()
	secret, err := seal.RawKey(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func passphrase(t testing.TB, text string) *seal.Secret {
	t.Helper()
	secret, err := seal.Passphrase(text)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func lock(t testing.TB, keys *seal.Keys, secret *seal.Secret) []byte {
	t.Helper()
	text, err := keys.Lock(secret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheSecretGivesTheKeys(t *testing.T) {
	for name, secret := range map[string]*seal.Secret{"raw": rawKey(t, 1), "passphrase": passphrase(t, "swordfish")} {
		t.Run(name, func(t *testing.T) {
			keys := seal.NewKeys()
			got, err := seal.Unlock(lock(t, keys, secret), secret)
			if err != nil {
				t.Fatal(err)
			}
			if got.Name([]byte("x")) != keys.Name([]byte("x")) {
				t.Error("the keys are others")
			}
		})
	}
}

func TestAWrongSecretIsTold(t *testing.T) {
	keys := seal.NewKeys()
	raw, text := lock(t, keys, rawKey(t, 1)), lock(t, keys, passphrase(t, "swordfish"))
	tests := map[string]struct {
		file   []byte
		secret *seal.Secret
		hint   string
	}{
		"other key":               {raw, rawKey(t, 2), "use the key"},
		"passphrase for raw key":  {raw, passphrase(t, "swordfish"), "not a passphrase"},
		"other passphrase":        {text, passphrase(t, "Swordfish"), "spelling"},
		"raw key, not passphrase": {text, rawKey(t, 1), "not a raw key"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := seal.Unlock(test.file, test.secret)
			if !errors.Is(err, fault.NotADatabase) || !strings.Contains(fault.Of(err).Hint, test.hint) {
				t.Errorf("got %v, want fault.NotADatabase with the hint %q", err, test.hint)
			}
		})
	}
}

func TestADamagedKeyFileIsRefused(t *testing.T) {
	good := lock(t, seal.NewKeys(), rawKey(t, 1))
	change := func(key string, value any) []byte {
		var file map[string]any
		if err := json.Unmarshal(good, &file); err != nil {
			t.Fatal(err)
		}
		if _, top := file[key]; top {
			file[key] = value
		} else {
			file["derive"].(map[string]any)[key] = value
		}
		text, err := json.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	tests := map[string]struct {
		file []byte
		want error
	}{
		"empty":          {nil, fault.CorruptData},
		"half":           {good[:len(good)/2], fault.CorruptData},
		"too long":       {bytes.Repeat([]byte(" "), 1<<20), fault.CorruptData},
		"short key":      {change("wrapped", "AAAA"), fault.CorruptData},
		"no salt":        {change("salt", ""), fault.CorruptData},
		"other way":      {change("by", "rot13"), fault.CorruptData},
		"greedy argon2":  {change("derive", map[string]any{"by": "argon2id", "salt": "AAAAAAAAAAAAAAAAAAAAAA==", "passes": 3, "memoryKiB": 1 << 30, "threads": 4}), fault.CorruptData},
		"idle argon2":    {change("derive", map[string]any{"by": "argon2id", "salt": "AAAAAAAAAAAAAAAAAAAAAA=="}), fault.CorruptData},
		"later format":   {change("format", 2), fault.TooNew},
		"earlier format": {change("format", 0), fault.CorruptData},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := seal.Unlock(test.file, rawKey(t, 1)); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// TestAKeyFileOfFormat1IsStillRead opens files that were written when the format was made.
func TestAKeyFileOfFormat1IsStillRead(t *testing.T) {
	if *update {
		writeTestdata(t)
	}
	for name, secret := range map[string]*seal.Secret{"raw": rawKey(t, 7), "passphrase": passphrase(t, "correct horse")} {
		keys, err := seal.Unlock(testdata(t, name+".key.json"), secret)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sealed := testdata(t, name+".sealed")
		r, err := keys.NewReader(bytes.NewReader(sealed), int64(len(sealed)), []byte("greeting"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if text, err := io.ReadAll(r); string(text) != "hello\n" || err != nil {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
	}
}

func TestASecretDoesNotPrint(t *testing.T) {
	var log strings.Builder
	secret := passphrase(t, "swordfish")
	slog.New(slog.NewJSONHandler(&log, nil)).Info("open", "secret", secret)
	slog.New(slog.NewTextHandler(&log, nil)).Info("open", "secret", secret)
	fmt.Fprintf(&log, "%v %+v %#v %s %q %x", secret, secret, secret, secret, secret, secret)
	asJSON, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	log.Write(asJSON)
	if text := log.String(); strings.Contains(text, "sword") || strings.Contains(text, "73776f7264") {
		t.Errorf("the secret shows in %s", text)
	}
}

func TestEmptyAndShortSecretsAreRefused(t *testing.T) {
	if _, err := seal.Passphrase(""); !errors.Is(err, fault.Invalid) {
		t.Errorf("empty passphrase: got %v", err)
	}
	if _, err := seal.RawKey(make([]byte, 16)); !errors.Is(err, fault.Invalid) {
		t.Errorf("short key: got %v", err)
	}
}

// TestSectorsAreXTS compares with another implementation, under the same key.
func TestSectorsAreXTS(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "key")
		first := rapid.Uint32().Draw(t, "first")
		text := rapid.SliceOfN(rapid.Byte(), 3*seal.SectorSize, 3*seal.SectorSize).Draw(t, "text")
		reference, err := xts.NewCipher(aes.NewCipher, key)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]byte, len(text))
		for at := 0; at < len(text); at += seal.SectorSize {
			sector := uint64(first) + uint64(at/seal.SectorSize)
			reference.Encrypt(want[at:at+seal.SectorSize], text[at:at+seal.SectorSize], sector)
		}
		sectors := seal.SectorsOf(key)
		got := bytes.Clone(text)
		sectors.Encrypt(got, int64(first)*seal.SectorSize)
		if !bytes.Equal(got, want) {
			t.Fatal("the secret form is another")
		}
		sectors.Decrypt(got, int64(first)*seal.SectorSize)
		if !bytes.Equal(got, text) {
			t.Fatal("decrypting does not undo encrypting")
		}
	})
}

// TestARewriteLeavesOtherUnitsAlone is why XTS was chosen: what stands beside a write keeps its bytes.
func TestARewriteLeavesOtherUnitsAlone(t *testing.T) {
	sectors := seal.NewKeys().Sectors("log")
	before, after := make([]byte, seal.SectorSize), make([]byte, seal.SectorSize)
	rand.Read(before)
	copy(after, before)
	after[256]++
	sectors.Encrypt(before, 0)
	sectors.Encrypt(after, 0)
	if !bytes.Equal(before[:256], after[:256]) || !bytes.Equal(before[272:], after[272:]) {
		t.Error("units changed that were not written")
	}
	if bytes.Equal(before[256:272], after[256:272]) {
		t.Error("the unit that was written did not change")
	}
}

func TestRolesHaveKeysOfTheirOwn(t *testing.T) {
	keys := seal.NewKeys()
	one, other := make([]byte, seal.SectorSize), make([]byte, seal.SectorSize)
	keys.Sectors("log").Encrypt(one, 0)
	keys.Sectors("journal").Encrypt(other, 0)
	if bytes.Equal(one, other) {
		t.Error("equal content shows")
	}
}

func BenchmarkSectors(b *testing.B) {
	page := make([]byte, 8192)
	sectors := seal.NewKeys().Sectors("x")
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		sectors.Encrypt(page, 0)
	}
}
