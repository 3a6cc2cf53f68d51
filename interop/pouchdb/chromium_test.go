package pouchdb_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/testsize"
)

// TestPouchDBInChromium serves the test's page and the example app from the server that they sync with, and
// waits for the page's report, which is a document.
func TestPouchDBInChromium(t *testing.T) {
	testsize.Whole(t)
	browser, err := exec.LookPath("chromium")
	if err != nil {
		skip(t, "there is no Chromium here")
	}
	count := 2_000 // the page of the example shows them all, anew with each change
	app := appFolder(t)
	root, err := os.OpenRoot(app)
	check(t, err)
	t.Cleanup(func() { check(t, root.Close()) })
	s := serve(t, root.FS())

	ctx, cancel := context.WithCancel(context.Background())
	page := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--user-data-dir="+t.TempDir(), "--remote-debugging-port=0",
		s.web+"/app/page.html?count="+strconv.Itoa(count))
	page.WaitDelay = 10 * time.Second
	check(t, page.Start())
	t.Cleanup(func() {
		cancel()
		_ = page.Wait() // it was ended
	})
	var report struct {
		Pushed, Pulled int
		Problems       []string
	}
	if !testsize.Eventually(4*testsize.Patience, func() bool {
		d, err := s.coll.Document(context.Background(), "report")
		return err == nil && json.Unmarshal(d.Body(), &report) == nil
	}) {
		t.Fatal("the page has not reported")
	}
	if len(report.Problems) > 0 || report.Pushed != count+1 || report.Pulled < count+1 {
		t.Errorf("the page reports %+v, want %d documents pushed and pulled", report, count+1)
	}
}

// appFolder has the test's page, the example app, and PouchDB beside both.
func appFolder(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	check(t, os.Mkdir(filepath.Join(folder, "example"), 0o700))
	library := filepath.Join(installed(t), "node_modules", "pouchdb", "dist", "pouchdb.min.js")
	for _, f := range [][]string{
		{"testdata/page.html", "page.html"},
		{"../../examples/browser/index.html", "example", "index.html"},
		{library, "pouchdb.min.js"},
		{library, "example", "pouchdb.min.js"},
	} {
		text, err := os.ReadFile(f[0])
		check(t, err)
		check(t, os.WriteFile(filepath.Join(slices.Concat([]string{folder}, f[1:])...), text, 0o600))
	}
	return folder
}
