package blip_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/blip"
)

// Users of the package can distinguish failures by the package's own names.
func TestFailuresHaveNamesOfThePackage(t *testing.T) {
	conn := func(configure func(*blip.Config)) *blip.Conn {
		here, there := blip.NewPipePair()
		t.Cleanup(func() { _ = there.Abort() })
		var cfg blip.Config
		configure(&cfg)
		return blip.NewConn(here, cfg)
	}
	nothing := func(*blip.Config) {}
	aborted := conn(nothing)
	aborted.Abort(nil)
	closed := conn(nothing)
	closed.Close(1000, "")
	_, notConnected := closed.Call(t.Context(), &blip.Message{})
	oversized := blip.NewDecoder(1)
	defer oversized.Close()
	_, tooBig := oversized.Decode(frameOf(t, strings.Repeat("x", 100)))
	broken := blip.NewDecoder(100)
	defer broken.Close()
	_, malformed := broken.Decode(nil)
	for name, c := range map[string]struct{ got, want error }{
		"settings":       {conn(func(c *blip.Config) { c.Level = 99 }).Run(t.Context()), blip.ErrInvalid},
		"aborted":        {aborted.Run(t.Context()), blip.ErrAborted},
		"not connected":  {notConnected, blip.ErrNotConnected},
		"dropped":        {fmt.Errorf("sync: %w", &blip.CloseError{Code: 1006}), blip.ErrConnectionLost},
		"too big":        {tooBig, blip.ErrTooBig},
		"malformed":      {malformed, blip.ErrProtocol},
		"an error reply": {fmt.Errorf("sync: %w", &blip.Error{Domain: "HTTP", Code: 404, Text: "no"}), &blip.Error{Domain: "HTTP", Code: 404}},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: got %v, want one that is %v", name, c.got, c.want)
		}
	}
	if err := error(&blip.Error{Domain: "HTTP", Code: 404}); errors.Is(err, &blip.Error{Domain: "HTTP", Code: 403}) || errors.Is(err, context.Canceled) {
		t.Error("an error reply is another one")
	}
}

// frameOf returns a message of one frame.
func frameOf(t *testing.T, body string) []byte {
	t.Helper()
	encoder := blip.NewEncoder(1)
	frame, err := encoder.Append(nil, 1, blip.Compressed, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// The documentation names no error that a reader cannot use.
func TestTheDocumentationNamesNoInternalError(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	internal := regexp.MustCompile(`(?m)^\s*//.*\bfault\.`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := internal.Find(text); found != nil && !strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s: %s", file, found)
		}
	}
}
