//go:build unix

package main

import (
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestThePageAboutRESTWorks runs each command of docs/rest.md as it stands, but for the port, and looks for what
// the page shows of their output; … stands for any text.
func TestThePageAboutRESTWorks(t *testing.T) {
	if out, err := exec.Command("curl", "--help", "http").CombinedOutput(); err != nil || !strings.Contains(string(out), "--json") {
		t.Skip("curl is not there, or older than 7.82, which knows --json")
	}
	page := withFreeRESTPort(t, readDoc(t, "docs/rest.md"))
	k := &killing{t: t, dir: t.TempDir()}
	steps := regexp.MustCompile("(?s)```sh\n(.*?)\n```\n(?:\n```text\n(.*?)\n```\n)?").FindAllStringSubmatch(page, -1)
	ran := 0
	for _, step := range steps {
		commands, shown := step[1], strings.Split(step[2], "\n")
		if strings.Contains(commands, "tandem serve") {
			k.shell("exec "+commands).matches(t, shown)
			continue
		}
		p := k.shell("set -e\n" + commands)
		p.matches(t, shown)
		if <-p.ended; p.err != nil {
			t.Errorf("%s\nended with %v:\n%s", commands, p.err, p.output.String())
		}
		ran += strings.Count(commands, "curl ")
	}
	if all := strings.Count(page, "\ncurl ") + strings.Count(page, "$(curl "); ran != all || ran < 20 {
		t.Errorf("%d of %d curl lines were run", ran, all)
	}
}

// matches waits until a process has written each of the texts, in which … stands for anything.
func (p *proc) matches(t *testing.T, texts []string) {
	t.Helper()
	for _, text := range texts {
		if text != "" {
			p.wants(t, strings.ReplaceAll(regexp.QuoteMeta(text), "…", ".*"))
		}
	}
}

// withFreeRESTPort returns a text with a free port in place of 59840.
func withFreeRESTPort(t *testing.T, text string) string {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	return strings.ReplaceAll(text, "59840", fmt.Sprint(socket.Addr().(*net.TCPAddr).Port))
}
