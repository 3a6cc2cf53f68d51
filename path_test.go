package tandem_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// An error must not repeat the password of a URL that is given where a folder is wanted.
func TestAURLIsNoFolder(t *testing.T) {
	inFolders(t, "a program without an engine")
	const url = "postgres://u:secret@127.0.0.1:1/shop"
	db := openTemp(t, "shop", tandem.Options{})
	for what, err := range map[string]error{
		"copy":   db.Copy(t.Context(), url),
		"delete": tandem.DeleteDatabase(url),
	} {
		if !errors.Is(err, tandem.ErrUnsupported) || strings.Contains(err.Error()+tandem.HintOf(err), "secret") {
			t.Errorf("%s: got %v, want ErrUnsupported without the password", what, err)
		}
	}
}
