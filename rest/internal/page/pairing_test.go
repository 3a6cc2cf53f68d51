package page

import (
	"bytes"
	"image/png"
	"strings"
	"testing"

	"rsc.io/qr"
)

func TestWordsOfAFingerprint(t *testing.T) {
	zeros := strings.Repeat("00:", 31)
	for _, x := range []struct{ fingerprint, want string }{
		{zeros + "00", "abandon abandon abandon abandon abandon abandon"},
		{"FF:E0:00:00:00:00:00:00:20" + strings.Repeat(":00", 23), "zoo abandon abandon abandon abandon abandon"},
		{"00:00:00:00:00:00:00:00:40" + strings.Repeat(":00", 23), "abandon abandon abandon abandon abandon ability"},
		{"ab:cd", ""},
		{"no digits at all", ""},
	} {
		if got := fingerprintWords(x.fingerprint); got != x.want {
			t.Errorf("%s: %q, want %q", x.fingerprint, got, x.want)
		}
	}
	if len(words()) != 1<<bitsPerWord {
		t.Errorf("there are %d words", len(words()))
	}
}

func TestAPairingCodeIsDrawn(t *testing.T) {
	card := &listenerCard{URLs: []string{"wss://box.local:4984/shop"}, Fingerprint: "AB:CD"}
	if want := "tandem://box.local:4984/shop#fp=ABCD"; card.PairingURI() != want {
		t.Errorf("%s, want %s", card.PairingURI(), want)
	}
	svg := string(qrCode(card.PairingURI()))
	code, err := qr.Encode(card.PairingURI(), qr.M)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(code.PNG()))
	if err != nil {
		t.Fatal(err)
	}
	black := 0
	for y := range code.Size {
		for x := range code.Size {
			if r, _, _, _ := picture.At((x+4)*code.Scale, (y+4)*code.Scale).RGBA(); r == 0 {
				black++
			}
		}
	}
	if got := strings.Count(svg, "h1v1h-1z"); got != black || black == 0 {
		t.Errorf("the drawing has %d black modules, the library's own has %d", got, black)
	}
	if qrCode(strings.Repeat("x", 10_000)) != "" {
		t.Error("a text that is too long was drawn")
	}
}
