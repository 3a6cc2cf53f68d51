package joining_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh/joining"
)

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

func TestACodeIsReadAsItWasWritten(t *testing.T) {
	for range 100 {
		code := joining.NewCode()
		text := code.Text()
		if len(text) != 34 || strings.Count(text, "-") != 6 {
			t.Fatalf("the code has the form %q", text)
		}
		easy := strings.NewReplacer("0", "o", "1", "l", "-", "").Replace(strings.ToLower(text))
		for _, form := range []string{text, " " + text + "\n", strings.ReplaceAll(text, "-", " "), easy, code.URI(nil)} {
			read, _, err := joining.ParseCode(form)
			if err != nil || read != code {
				t.Fatalf("%q is read as another code: %v", form, err)
			}
		}
	}
}

func TestTheURIOfACodeHasAddresses(t *testing.T) {
	code := joining.NewCode()
	want := []string{"192.0.2.7:4985", "[2001:db8::1]:4985"}
	uri := code.URI(want)
	read, addresses, err := joining.ParseCode(uri)
	if err != nil || read != code || fmt.Sprint(addresses) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, %v, want %v", uri, addresses, err, want)
	}
}

// Each wrong digit and each swap of neighbours is noticed.
func TestATypingErrorIsNoticed(t *testing.T) {
	text := strings.ReplaceAll(joining.NewCode().Text(), "-", "")
	noticed := func(wrong string) {
		t.Helper()
		if _, _, err := joining.ParseCode(wrong); err == nil {
			t.Errorf("%s is taken for %s", wrong, text)
		} else if strings.Contains(err.Error()+fault.HintOf(err), wrong[:8]) {
			t.Errorf("the error shows the code: %v", err)
		}
	}
	for i := range text {
		for _, digit := range alphabet {
			if byte(digit) != text[i] {
				noticed(text[:i] + string(digit) + text[i+1:])
			}
		}
		if i > 0 && text[i] != text[i-1] {
			noticed(text[:i-1] + text[i:i+1] + text[i-1:i] + text[i+1:])
		}
		noticed(text[:i] + text[i+1:])
		noticed(text[:i] + "U" + text[i+1:])
		noticed(text[:i] + "é" + text[i:])
	}
	noticed(text + "0")
	noticed(strings.Repeat("0", 1<<16))
}

func TestACodeOfALaterVersionIsToldAsThat(t *testing.T) {
	// version 2, a secret of zeros: 2<<125 mod 1021 is 2·(1<<125 mod 1021)
	_, _, err := joining.ParseCode("2000-0000-0000-0000-0000-0000-00N0")
	if !errors.Is(err, fault.Unsupported) {
		t.Errorf("got %v, want that the version is not known", err)
	}
}

// Nothing that prints a code by accident shows its secret.
func TestACodeIsNotPrinted(t *testing.T) {
	code := joining.NewCode()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "code", code)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "code", code)
	text, err := json.Marshal(struct{ C joining.Code }{code})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(code), fmt.Sprintf("%v %+v %#v %s", code, code, code, code), log.String(), string(text)} {
		if strings.Contains(shown, code.Text()[:9]) || strings.Contains(shown, "[") || strings.Contains(shown, "{0x") {
			t.Errorf("the code is printed: %s", shown)
		}
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add(joining.NewCode().Text())
	f.Add(joining.NewCode().URI([]string{"a:1", "b:2"}))
	f.Add("tandem-join:%?a=%")
	f.Fuzz(func(t *testing.T, text string) {
		code, addresses, err := joining.ParseCode(text)
		if err != nil {
			return
		}
		again, same, err := joining.ParseCode(code.URI(addresses))
		if err != nil || again != code || len(same) != len(addresses) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
