package pkcs_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
	gopkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/identity/pkcs"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readPEM(t testing.TB, name string) []byte {
	t.Helper()
	block, _ := pem.Decode(read(t, name))
	if block == nil {
		t.Fatalf("%s is not PEM", name)
	}
	return block.Bytes
}

// I-15
func TestOpenReadsWhatOpenSSLWrites(t *testing.T) {
	leaf, root, key := readPEM(t, "leaf.pem"), readPEM(t, "root.pem"), read(t, "leaf.pk8")
	for _, name := range []string{"modern", "legacy", "3des", "mixed", "aes", "nomac", "plain"} {
		t.Run(name, func(t *testing.T) {
			file, err := pkcs.Open(read(t, name+".p12"), "secret")
			if err != nil {
				t.Fatal(err)
			}
			if len(file.Keys) != 1 || len(file.Certs) != 2 {
				t.Fatalf("%d keys and %d certificates", len(file.Keys), len(file.Certs))
			}
			if !bytes.Equal(file.Certs[0].DER, leaf) || !bytes.Equal(file.Certs[1].DER, root) {
				t.Error("other certificates")
			}
			if got := file.Keys[0]; got.Alias != "till" || !bytes.Equal(got.ID, file.Certs[0].ID) || len(got.ID) == 0 {
				t.Errorf("alias %q, key ID %x, certificate's %x", got.Alias, got.ID, file.Certs[0].ID)
			}
			if got, err := file.Keys[0].Open("secret"); err != nil || !bytes.Equal(got, key) {
				t.Errorf("other key, %v", err)
			}
		})
	}
}

func TestOpenReadsUncommonPasswords(t *testing.T) {
	for name, password := range map[string]string{"empty": "", "bare": "", "unicode": "pä߀😀", "rfc9579": "1234"} {
		t.Run(name, func(t *testing.T) {
			file, err := pkcs.Open(read(t, name+".p12"), password)
			if err != nil {
				t.Fatal(err)
			}
			der, err := file.Keys[0].Open(password)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := x509.ParsePKCS8PrivateKey(der); err != nil {
				t.Error(err)
			}
			if name == "unicode" && file.Keys[0].Alias != "Müller €" {
				t.Errorf("alias is %q", file.Keys[0].Alias)
			}
		})
	}
}

// I-16
func TestOpenReadsJavasEntries(t *testing.T) {
	file, err := pkcs.Open(read(t, "java.p12"), "secret")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, key := range file.Keys {
		names = append(names, key.Alias)
	}
	if len(names) != 2 || names[0] != "one" || names[1] != "two" || len(file.Certs) != 3 {
		t.Errorf("keys %q, %d certificates", names, len(file.Certs))
	}
}

// I-18
func TestWrongPasswordIsRefused(t *testing.T) {
	for _, name := range []string{"modern", "legacy", "mixed", "plain", "java", "empty"} {
		_, err := pkcs.Open(read(t, name+".p12"), "guess")
		if !errors.Is(err, fault.Crypto) {
			t.Errorf("%s: got %v, want %v", name, err, fault.Crypto)
		}
	}
}

func TestDecryptKeyReadsWhatOpenSSLWrites(t *testing.T) {
	want := read(t, "leaf.pk8")
	for _, name := range []string{"pbkdf2", "sha512", "scrypt", "v1", "des3"} {
		t.Run(name, func(t *testing.T) {
			der := readPEM(t, name+".pem")
			if got, err := pkcs.DecryptKey(der, "secret"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("other key, %v", err)
			}
			if got, err := pkcs.DecryptKey(der, "guess"); err == nil && bytes.Equal(got, want) {
				t.Error("a wrong password opens the key")
			}
		})
	}
}

func TestOpenUndoesEncode(t *testing.T) {
	text := rapid.StringOfN(rapid.Rune(), 0, 20, -1)
	der := readPEM(t, "leaf.pem")
	rapid.Check(t, func(t *rapid.T) {
		password, keyPassword := text.Draw(t, "password"), text.Draw(t, "key password")
		var file pkcs.File
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			alias, id := text.Draw(t, "alias"), rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "id")
			plain := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "key")
			key, err := pkcs.NewKey(alias, id, plain, keyPassword, 1)
			if err != nil {
				t.Fatal(err)
			}
			file.Keys = append(file.Keys, key)
			file.Certs = append(file.Certs, pkcs.Cert{Alias: alias, ID: id, DER: der})
		}
		data, err := file.Encode(password, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pkcs.Open(data, password)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Keys) != len(file.Keys) || len(got.Certs) != len(file.Certs) {
			t.Fatalf("%d keys and %d certificates", len(got.Keys), len(got.Certs))
		}
		for i, want := range file.Keys {
			checkKey(t, got.Keys[i], want, keyPassword)
		}
		if berred, err := pkcs.Open(toBER(data), password); err != nil || len(berred.Keys) != len(file.Keys) {
			t.Fatalf("as BER: %v", err)
		}
	})
}

func checkKey(t *rapid.T, got, want pkcs.Key, password string) {
	if got.Alias != want.Alias || !bytes.Equal(got.ID, want.ID) {
		t.Fatalf("got alias %q and ID %x, want %q and %x", got.Alias, got.ID, want.Alias, want.ID)
	}
	a, errA := got.Open(password)
	b, errB := want.Open(password)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Fatalf("other key: %v, %v", errA, errB)
	}
}

// Two programs that know nothing of each other agree on the form.
func TestAnotherLibraryReadsWhatEncodeWrites(t *testing.T) {
	key, err := pkcs.NewKey("till", []byte{1}, read(t, "leaf.pk8"), "secret", 1000)
	if err != nil {
		t.Fatal(err)
	}
	file := pkcs.File{Keys: []pkcs.Key{key}, Certs: []pkcs.Cert{{Alias: "till", ID: []byte{1}, DER: readPEM(t, "leaf.pem")}}}
	data, err := file.Encode("secret", 1000)
	if err != nil {
		t.Fatal(err)
	}
	if _, cert, _, err := gopkcs12.DecodeChain(data, "secret"); err != nil || cert.Subject.CommonName != "Test leaf" {
		t.Errorf("got %v, %v", cert, err)
	}
}

// BER, as Apple's and Mozilla's programs write it.
func TestOpenReadsBER(t *testing.T) {
	for _, name := range []string{"nomac", "modern", "java"} {
		data := read(t, name+".p12")
		ber := toBER(data)
		if name == "nomac" { // without a checksum the inner structures may be rewritten as well
			ber = toDeepBER(data)
		}
		file, err := pkcs.Open(ber, "secret")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(file.Keys) == 0 || len(file.Certs) < 2 {
			t.Errorf("%s: %d keys and %d certificates", name, len(file.Keys), len(file.Certs))
		}
	}
}
