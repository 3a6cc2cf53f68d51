package house_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// The page is part of every program that serves it, and is loaded by phones.
const (
	pageMost = 150 << 10 // bytes of all its files
	pageDir  = "rest/internal/page/"
)

// vendored are files of others, which nobody here changes: their names have the version, and this is what
// the packages of npm have.
var vendored = map[string]string{
	pageDir + "static/vendor/htmx-4.0.1.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
}

func TestThePageIsSmallAndItsLibrariesAreUnchanged(t *testing.T) {
	total := 0
	for name, text := range tracked(t, pageDir) {
		if strings.HasSuffix(name, ".go") {
			continue
		}
		total += len(text)
		if !strings.HasPrefix(name, pageDir+"static/vendor/") || strings.HasSuffix(name, ".LICENSE") {
			continue
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:]); got != vendored[name] {
			t.Errorf("%s has the SHA-256 %s, want %q", name, got, vendored[name])
		}
	}
	if total == 0 || total > pageMost {
		t.Errorf("the page has %d bytes, want at most %d", total, pageMost)
	}
}
