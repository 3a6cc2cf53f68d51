//go:build unix

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheStepsOfTheReadmeWork runs what README.md shows of two devices, as it is written but for the
// port, and with the command that is being tested in place of a build. The password comes from the
// environment in place of a prompt.
func TestTheStepsOfTheReadmeWork(t *testing.T) {
	t.Setenv(envPassword, "secret")
	steps := readmeSteps(t)
	if len(steps) != 3 {
		t.Fatalf("README.md has %d blocks for two devices, want 3", len(steps))
	}
	k := &killing{t: t, dir: t.TempDir()}
	command, err := exec.LookPath("tandem")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(command, filepath.Join(k.dir, "tandem")); err != nil {
		t.Fatal(err)
	}
	prepare, serve, found := strings.Cut(steps[0], "./tandem serve")
	if !found {
		t.Fatalf("the first block serves nothing:\n%s", steps[0])
	}
	k.shell("set -e\n"+prepare).wants(t, "")
	k.shell("exec ./tandem serve"+serve).wants(t, "(?m)^listening ")
	k.shell("exec " + steps[1])
	put, get, _ := strings.Cut(steps[2], "\n")
	k.shell(put).wants(t, "")
	k.shell("until "+get+"; do sleep 0.1; done").wants(t, `"litres": ?2`)
}

// readmeSteps returns the shell blocks of README.md on two devices, with a free port.
func readmeSteps(t *testing.T) (steps []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Two devices in sync\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)\n```").FindAllStringSubmatch(withFreePort(t, section), -1) {
		step := block[1]
		steps = append(steps, strings.Replace(step, "go build -o tandem ./cmd/tandem\n", "", 1))
	}
	return steps
}

// withFreePort returns a text with a free port in place of 4984.
func withFreePort(t *testing.T, text string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(text, "4984", port)
}

// shell starts what somebody types.
func (k *killing) shell(text string) *proc {
	k.t.Helper()
	c := exec.CommandContext(k.t.Context(), "sh", "-c", text)
	c.Dir = k.dir
	c.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "TANDEM_IDENTITIES="+filepath.Join(k.dir, "identities"))
	return k.run(c)
}

// wants waits until a process has written what matches; "" waits for its end, which has to be a success.
func (p *proc) wants(t *testing.T, pattern string) {
	t.Helper()
	if pattern == "" {
		<-p.ended
		if p.err != nil {
			t.Fatalf("%v: %v\n%s", p.cmd.Args, p.err, p.output.String())
		}
		return
	}
	if _, ok := p.output.wait(regexp.MustCompile(pattern), p.ended); !ok {
		t.Fatalf("%v has not written %q, but\n%s", p.cmd.Args, pattern, p.output.String())
	}
}
