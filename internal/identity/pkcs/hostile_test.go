package pkcs_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/identity/pkcs"
)

func TestTruncatedFilesAreRefused(t *testing.T) {
	for _, name := range []string{"modern.p12", "legacy.p12", "nomac.p12"} {
		data := read(t, name)
		for cut := 0; cut < len(data); cut += 7 {
			if _, err := pkcs.Open(data[:cut], "secret"); !errors.Is(err, fault.WrongFormat) {
				t.Fatalf("%s cut at %d: got %v, want %v", name, cut, err, fault.WrongFormat)
			}
		}
		if _, err := pkcs.Open(append(bytes.Clone(data), 0), "secret"); !errors.Is(err, fault.WrongFormat) {
			t.Errorf("%s with one byte more: %v", name, err)
		}
	}
}

func TestFlippedBitsAreNoticed(t *testing.T) {
	data := read(t, "aes.p12")
	for at := range data {
		flipped := bytes.Clone(data)
		flipped[at] ^= 0x04
		_, err := pkcs.Open(flipped, "secret")
		if err != nil && fault.Of(err) == nil {
			t.Fatalf("byte %d: %v is not a fault", at, err)
		}
	}
}

// A file must not cost hours: the rounds of a derivation come from the file.
func TestTooManyRoundsAreRefused(t *testing.T) {
	der := readPEM(t, "pbkdf2.pem")
	rounds := []byte{0x02, 0x02, 0x08, 0x00} // INTEGER 2048
	at := bytes.Index(der, rounds)
	if at < 0 {
		t.Fatal("the file has other rounds")
	}
	// Every other length stays: the salt gives the two bytes.
	hostile := bytes.Clone(der)
	copy(hostile[at:], []byte{0x02, 0x02, 0x7f, 0xff})
	if _, err := pkcs.DecryptKey(hostile, "secret"); err == nil {
		t.Fatal("other rounds open the key")
	}
	began := time.Now()
	_, err := pkcs.EncryptKey([]byte("key"), "secret", 1<<30)
	if !errors.Is(err, fault.Unsupported) || time.Since(began) > time.Minute {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	_, err := pkcs.Open(bytes.Repeat([]byte{0x30, 0x80}, 100_000), "")
	if !errors.Is(err, fault.WrongFormat) || !strings.Contains(err.Error(), "nested") {
		t.Errorf("got %v", err)
	}
}

// A bit of the last block but one flips the same bit of the padding.
func TestWrongPaddingIsNoticed(t *testing.T) {
	der := readPEM(t, "pbkdf2.pem")
	der[len(der)-16-2] ^= 1
	if _, err := pkcs.DecryptKey(der, "secret"); !errors.Is(err, fault.Crypto) {
		t.Errorf("got %v, want %v", err, fault.Crypto)
	}
}

func FuzzOpen(f *testing.F) {
	for _, name := range []string{"aes", "legacy", "mixed", "nomac", "plain", "java", "empty"} {
		f.Add(read(f, name+".p12"), "secret")
		f.Add(toBER(read(f, name+".p12")), "secret")
	}
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		fuzzing.Within(t, mostForFile, func() { openAll(t, data, password) })
	})
}

// mostForFile bounds what a file costs: scrypt, which allocates up to 64 MiB for a key, is the worst of it.
const mostForFile = 256 << 20

func openAll(t *testing.T, data []byte, password string) {
	t.Helper()
	file, err := pkcs.Open(data, password)
	if err != nil {
		if fault.Of(err) == nil {
			t.Fatalf("%v is not a fault", err)
		}
		return
	}
	for _, key := range file.Keys {
		_, _ = key.Open(password)
	}
	if _, err := file.Encode(password, 1); err != nil {
		t.Fatal(err)
	}
}

func FuzzDecryptKey(f *testing.F) {
	for _, name := range []string{"pbkdf2", "sha512", "scrypt", "v1", "des3"} {
		f.Add(readPEM(f, name+".pem"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzing.Within(t, mostForFile, func() {
			if _, err := pkcs.DecryptKey(data, "secret"); err != nil && fault.Of(err) == nil {
				t.Fatalf("%v is not a fault", err)
			}
		})
	})
}
