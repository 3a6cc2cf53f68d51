//go:build unix

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestE20TheTutorialWorks runs each command of docs/tutorial.md as it stands, but for the port, and looks for what
// the page shows of their output.
func TestE20TheTutorialWorks(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "tutorial.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := withFreePort(t, string(text))
	k := &killing{t: t, dir: t.TempDir()}
	var sync *proc
	steps := regexp.MustCompile("(?s)```sh\n(.*?)\n```\n(?:\n```text\n(.*?)\n```\n)?").FindAllStringSubmatch(page, -1)
	if len(steps) < 10 {
		t.Fatalf("%d steps, want all of the page", len(steps))
	}
	for _, step := range steps {
		commands, shown := step[1], strings.Split(step[2], "\n")
		switch {
		case strings.Contains(commands, "tandem serve"):
			k.shell("exec "+commands).shows(t, shown)
		case strings.Contains(commands, "--continuous"):
			sync = k.shell("exec " + commands)
			sync.shows(t, shown)
		case commands == "tandem get copy eggs": // which takes a moment to come
			k.shell("until "+commands+"; do sleep 0.1; done").shows(t, shown)
			sync.interrupt()
			<-sync.ended
		default:
			p := k.shell("set -e\n" + commands)
			p.wants(t, "")
			p.shows(t, shown)
		}
	}
}

// shows waits until a process has written each of the texts.
func (p *proc) shows(t *testing.T, texts []string) {
	t.Helper()
	for _, text := range texts {
		if text != "" {
			p.wants(t, regexp.QuoteMeta(text))
		}
	}
}
