package seal_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/seal"
)

var update = flag.Bool("update", false, "write testdata anew")

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func writeTestdata(t *testing.T) {
	t.Helper()
	for name, secret := range map[string]*seal.Secret{"raw": rawKey(t, 7), "passphrase": passphrase(t, "correct horse")} {
		keys := seal.NewKeys()
		for suffix, text := range map[string][]byte{
			".key.json": lock(t, keys, secret), ".sealed": sealed(t, keys, []byte("hello\n"), "greeting"),
		} {
			if err := os.WriteFile(filepath.Join("testdata", name+suffix), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func sealed(t interface{ Fatal(...any) }, keys *seal.Keys, text []byte, name string) []byte {
	var out bytes.Buffer
	w := keys.NewWriter(&out)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close([]byte(name)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unsealed(keys *seal.Keys, file []byte, name string) ([]byte, error) {
	r, err := keys.NewReader(bytes.NewReader(file), int64(len(file)), []byte(name))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(struct{ io.Reader }{r})
}

const segment = 64 << 10

// sizes are texts around the borders of segments.
var sizes = []int{0, 1, 15, 16, 17, segment - 1, segment, segment + 1, 2 * segment, 3*segment + 5}

func randomText(size int) []byte {
	text := make([]byte, size)
	rand.Read(text)
	return text
}

func TestAStreamReadsAsItWasWritten(t *testing.T) {
	keys := seal.NewKeys()
	for _, size := range sizes {
		text := randomText(size)
		file := sealed(t, keys, text, "n")
		r, err := keys.NewReader(bytes.NewReader(file), int64(len(file)), []byte("n"))
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if r.Size() != int64(size) {
			t.Errorf("%d bytes: size %d", size, r.Size())
		}
		if err := iotest.TestReader(r, text); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestReadingFromAnywhere(t *testing.T) {
	keys := seal.NewKeys()
	text := randomText(3*segment + 100)
	file := sealed(t, keys, text, "n")
	rapid.Check(t, func(t *rapid.T) {
		r, err := keys.NewReader(bytes.NewReader(file), int64(len(file)), []byte("n"))
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.NewReader(text)
		for range rapid.IntRange(1, 10).Draw(t, "moves") {
			whence := rapid.IntRange(0, 2).Draw(t, "whence")
			offset := rapid.Int64Range(-4*segment, 4*segment).Draw(t, "offset")
			at, err := r.Seek(offset, whence)
			wantAt, wantErr := want.Seek(offset, whence)
			if at != wantAt || (err == nil) != (wantErr == nil) {
				t.Fatalf("seek %d from %d: got %d, %v, want %d, %v", offset, whence, at, err, wantAt, wantErr)
			}
			part := make([]byte, rapid.IntRange(0, 2*segment).Draw(t, "size"))
			n, _ := io.ReadFull(r, part)
			wantPart := make([]byte, len(part))
			wantN, _ := io.ReadFull(want, wantPart)
			if n != wantN || !bytes.Equal(part[:n], wantPart[:n]) {
				t.Fatalf("read %d bytes, want %d, or they differ", n, wantN)
			}
		}
	})
}

func TestEveryDamageIsNoticed(t *testing.T) {
	keys := seal.NewKeys()
	text := randomText(2*segment + 50)
	file := sealed(t, keys, text, "n")
	const header, box = 40, segment + 16
	damage := map[string][]byte{
		"nothing":          nil,
		"header alone":     file[:header],
		"one byte short":   file[:len(file)-1],
		"one byte more":    append(bytes.Clone(file), 0),
		"a segment short":  file[:header+2*box],
		"two swapped":      bytes.Join([][]byte{file[:header], file[header+box : header+2*box], file[header : header+box], file[header+2*box:]}, nil),
		"one left out":     bytes.Join([][]byte{file[:header], file[header+box:]}, nil),
		"another's header": bytes.Join([][]byte{sealed(t, keys, text, "n")[:header], file[header:]}, nil),
		"plain":            text,
	}
	for _, at := range []int{0, 8, 39, header, header + box - 1, header + box, len(file) - 1} {
		flipped := bytes.Clone(file)
		flipped[at] ^= 1
		damage["bit flipped at "+string(rune('a'+len(damage)))] = flipped
	}
	for name, bad := range damage {
		if got, err := unsealed(keys, bad, "n"); !errors.Is(err, fault.CorruptData) {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
	}
	if _, err := unsealed(keys, file, "other"); !errors.Is(err, fault.CorruptData) {
		t.Errorf("another's content: got %v", err)
	}
	if _, err := unsealed(seal.NewKeys(), file, "n"); !errors.Is(err, fault.CorruptData) {
		t.Errorf("other keys: got %v", err)
	}
}

func TestEqualTextsDoNotLookAlike(t *testing.T) {
	keys := seal.NewKeys()
	if bytes.Equal(sealed(t, keys, []byte("same"), "n"), sealed(t, keys, []byte("same"), "n")) {
		t.Error("two streams are equal")
	}
}

var errPower = errors.New("power cut")

// failing fails at its n-th write.
type failing struct{ n int }

func (f *failing) Write(p []byte) (int, error) {
	if f.n--; f.n < 0 {
		return 0, errPower
	}
	return len(p), nil
}

func TestWritingFailsAtEachWrite(t *testing.T) {
	text := randomText(2 * segment)
	for n := 0; ; n++ {
		w := seal.NewKeys().NewWriter(&failing{n})
		_, err := w.Write(text)
		if closeErr := w.Close(nil); err == nil {
			err = closeErr
		}
		if err == nil {
			if n != 3 {
				t.Errorf("%d writes were tried, want 3", n)
			}
			return
		}
		if !errors.Is(err, errPower) {
			t.Fatalf("write %d: got %v", n, err)
		}
	}
}

func TestAClosedWriterRefuses(t *testing.T) {
	w := seal.NewKeys().NewWriter(io.Discard)
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, fault.NotOpen) {
		t.Errorf("write: got %v", err)
	}
	if err := w.Close(nil); !errors.Is(err, fault.NotOpen) {
		t.Errorf("close: got %v", err)
	}
}

func FuzzUnlock(f *testing.F) {
	f.Add([]byte(`{"format":1,"derive":{"by":"hkdf-sha256","salt":"AAAAAAAAAAAAAAAAAAAAAA=="},"wrapped":"AA=="}`))
	secret, _ := seal.RawKey(make([]byte, seal.KeySize))
	good, _ := seal.NewKeys().Lock(secret)
	f.Add(good)
	f.Fuzz(func(t *testing.T, text []byte) {
		fuzzing.Bounded(t, len(text), func() {
			if keys, err := seal.Unlock(text, secret); err != nil && fault.Of(err) == nil || (keys == nil) == (err == nil) {
				t.Errorf("got %v, %v", keys, err)
			}
		})
	})
}

func FuzzReader(f *testing.F) {
	keys := seal.NewKeys()
	f.Add(sealed(f, keys, []byte("hello"), "n"))
	f.Add(make([]byte, 40+16))
	f.Fuzz(func(t *testing.T, file []byte) {
		fuzzing.Bounded(t, len(file), func() {
			if _, err := unsealed(keys, file, "n"); err != nil && fault.Of(err) == nil {
				t.Errorf("got %v", err)
			}
		})
	})
}

func BenchmarkWriter(b *testing.B) {
	text := randomText(1 << 20)
	keys := seal.NewKeys()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		w := keys.NewWriter(io.Discard)
		if _, err := w.Write(text); err != nil {
			b.Fatal(err)
		}
	}
}
