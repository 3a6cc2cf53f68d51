package document_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestIDsOfDocumentsAreChecked(t *testing.T) {
	for id, ok := range map[string]bool{
		"a": true, "über/страница 😀": true, strings.Repeat("x", 240): true, "-_~%": true,
		"": false, strings.Repeat("x", 241): false, "_design": false, "a\n": false, "a\x00": false, "a\x7f": false, "\xff": false,
	} {
		if err := document.CheckID(id); (err == nil) != ok || err != nil && !errors.Is(err, fault.BadDocID) {
			t.Errorf("CheckID(%.20q) = %v", id, err)
		}
	}
	for id, ok := range map[string]bool{"": false, "_x": true, strings.Repeat("x", 255): true, strings.Repeat("x", 256): false} {
		if err := document.CheckIncomingID(id); (err == nil) != ok || err != nil && !errors.Is(err, fault.BadDocID) {
			t.Errorf("CheckIncomingID(%.20q) = %v", id, err)
		}
	}
	a, b := document.NewID(), document.NewID()
	if a == b || len(a) != 23 || a[0] != '~' || document.CheckID(a) != nil {
		t.Errorf("new IDs %q and %q", a, b)
	}
}

// New IDs sort by their time, and are different at the same time.
func TestNewIDsAreInTheOrderOfTime(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) { // whose clock stands still meanwhile
		last, seen := "", make(map[string]bool)
		for step := time.Duration(256); step < 100*365*24*time.Hour; step *= 3 {
			time.Sleep(step)
			first := document.NewID()
			for range 10 {
				id := document.NewID()
				if id <= last || seen[id] {
					t.Fatalf("after %v: got %q after %q", step, id, last)
				}
				seen[id], first = true, max(first, id)
			}
			last = first
		}
	})
}

func TestNamesOfCollectionsAreChecked(t *testing.T) {
	for text, want := range map[string][2]string{
		"_default": {"_default", "_default"}, "_default._default": {"_default", "_default"}, "users": {"_default", "users"},
		"_default.users": {"_default", "users"}, "shop.Users_1-%": {"shop", "Users_1-%"},
		strings.Repeat("s", 251) + ".c": {strings.Repeat("s", 251), "c"},
	} {
		scope, name, err := document.ParseCollectionName(text)
		if err != nil || scope != want[0] || name != want[1] {
			t.Errorf("ParseCollectionName(%q) = %q, %q, %v", text, scope, name, err)
		}
	}
	for _, text := range []string{
		"", ".", "a.", ".a", "_a", "%a", "a.b.c", "a b", "ä", "a._b", "_system.a", "shop._default", strings.Repeat("s", 252),
	} {
		if scope, name, err := document.ParseCollectionName(text); !errors.Is(err, fault.Invalid) {
			t.Errorf("ParseCollectionName(%q) = %q, %q, %v", text, scope, name, err)
		}
	}
}
