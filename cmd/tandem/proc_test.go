package main

import (
	"os"
	"os/exec"
	"regexp"
	"sync"
	"time"
)

// proc is a process that runs beside a script.
type proc struct {
	cmd    *exec.Cmd
	output output
	ended  chan struct{} // closed when it has ended
	err    error         // of its end; read after ended
}

// interrupt asks the process to end. Windows has no such signal for one process.
func (p *proc) interrupt() {
	if p.cmd.Process.Signal(os.Interrupt) != nil {
		_ = p.cmd.Process.Kill()
	}
}

// output collects what a process writes, for those who wait for it.
type output struct {
	mu      sync.Mutex // guards the following
	text    []byte
	changed chan struct{} // closed and replaced at each write; nil before anybody waits
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// wait waits until the output matches, and returns the groups of the match.
func (o *output) wait(pattern *regexp.Regexp, ended <-chan struct{}) (match []string, ok bool) {
	deadline := time.After(timeout)
	for {
		over := false
		select {
		case <-ended: // so this look is the last
			over = true
		default:
		}
		match, changed := o.look(pattern)
		if match != nil {
			return match, true
		}
		if over {
			return nil, false
		}
		select {
		case <-changed:
		case <-ended:
		case <-deadline:
			return nil, false
		}
	}
}

func (o *output) look(pattern *regexp.Regexp) (match []string, changed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return pattern.FindStringSubmatch(string(o.text)), o.changed
}
