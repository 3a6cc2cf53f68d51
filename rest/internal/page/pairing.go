package page

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"sync"

	"rsc.io/qr"
)

// wordList is the English list of BIP 39: 2048 words, none like another.
//
//go:embed words.txt
var wordList string

var words = sync.OnceValue(func() []string { return strings.Fields(wordList) })

// A person compares words sooner than digits. Six have 66 bits: nobody makes a certificate that has the
// words of another.
const (
	wordsShown  = 6
	bitsPerWord = 11
)

// fingerprintWords writes the beginning of a fingerprint in words; "" if it is none.
func fingerprintWords(fingerprint string) string {
	digest, err := hex.DecodeString(strings.ReplaceAll(fingerprint, ":", ""))
	if err != nil || len(digest)*8 < wordsShown*bitsPerWord {
		return ""
	}
	var chosen []string
	bits, have := 0, 0
	for _, b := range digest {
		bits, have = bits<<8|int(b), have+8
		if have < bitsPerWord {
			continue
		}
		have -= bitsPerWord
		chosen = append(chosen, words()[bits>>have])
		bits &= 1<<have - 1
		if len(chosen) == wordsShown {
			break
		}
	}
	return strings.Join(chosen, " ")
}

// PairingURI is what a camera reads to pair with this server, at one of its URLs.
func (c *listenerCard) PairingURI() string {
	if len(c.URLs) == 0 || c.Fingerprint == "" {
		return ""
	}
	u, err := url.Parse(c.URLs[0])
	if err != nil {
		return ""
	}
	return "tandem://" + u.Host + u.EscapedPath() + "#fp=" + strings.ReplaceAll(c.Fingerprint, ":", "")
}

// qrBorder is the empty space around a code that cameras need, in modules.
const qrBorder = 4

// qrCode draws a text as a QR code in SVG, dark on white in both themes.
func qrCode(text string) template.HTML {
	code, err := qr.Encode(text, qr.M)
	if err != nil { // too long
		return ""
	}
	var path strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+qrBorder, y+qrBorder)
			}
		}
	}
	size := code.Size + 2*qrBorder
	//nolint:gosec // numbers alone
	return template.HTML(fmt.Sprintf(`<svg class="qr" role="img" aria-label="QR code for pairing" viewBox="0 0 %d %d">`+
		`<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`, size, size, size, size, path.String()))
}
