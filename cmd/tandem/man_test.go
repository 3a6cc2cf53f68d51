package main

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/tandemdb/tandem"
)

// The pages are written by a test, so that what it takes to write them stays out of the command.
var manTo = flag.String("man", "", "write the man pages into this folder")

// TestManPages writes a page for each command and subcommand, from the help.
func TestManPages(t *testing.T) { // E14
	folder := *manTo
	if folder == "" {
		folder = t.TempDir()
	}
	root := newRoot(&app{out: nil, err: io.Discard})
	root.DisableAutoGenTag = true
	released := time.Date(2026, time.November, 29, 0, 0, 0, 0, time.UTC)
	header := doc.GenManHeader{Section: "1", Source: "Tandem " + tandem.Version, Manual: "Tandem", Date: &released}
	if err := doc.GenManTree(root, &header, folder); err != nil {
		t.Fatal(err)
	}
	for _, c := range everyCommand(root) {
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		page, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Errorf("there is no page %s: %v", name, err)
			continue
		}
		for _, want := range []string{"NAME", "SYNOPSIS", strings.Fields(c.Short)[0]} {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
	}
}

// everyCommand lists a command and those below it that the help shows.
func everyCommand(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			all = append(all, everyCommand(sub)...)
		}
	}
	return all
}
