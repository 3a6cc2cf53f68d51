package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// event is a line of go test -json; see "go doc test2json" and "go help buildjson".
type event struct {
	Action     string
	Package    string
	ImportPath string // in place of Package where something does not build
	Test       string
	Output     string
	Elapsed    float64 // seconds, of what has ended
}

// report is what has become of the tests so far.
type report struct {
	out      io.Writer
	wipe     string
	shown    bool // a line of progress, which comes off before anything else is written
	packages map[string]*progress
	counts   map[string]int // of tests, by how they ended
	slowest  []event
}

// progress is of one package.
type progress struct {
	running []string            // tests, the latest last
	output  map[string][]string // by test that has not passed, "" for the package itself
}

func newReport(out io.Writer, wipe string) *report {
	return &report{out: out, wipe: wipe, packages: make(map[string]*progress), counts: make(map[string]int)}
}

// take looks at one line. What is not an event, as a complaint of the go command, is repeated.
func (r *report) take(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil || e.Action == "" {
		r.say(string(line) + "\n")
		return
	}
	if e.Action == "build-output" {
		r.say(e.Output)
		return
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &progress{output: make(map[string][]string)}
		r.packages[e.Package] = p
	}
	switch e.Action {
	case "run":
		p.running = append(p.running, e.Test)
	case "output":
		p.output[e.Test] = append(p.output[e.Test], e.Output)
	case "pass", "skip", "fail":
		r.end(p, e)
	}
}

// end notes the end of a test or package, and says what has to be said about it.
func (r *report) end(p *progress, e event) {
	said := p.output[e.Test]
	delete(p.output, e.Test)
	if e.Test == "" {
		r.endPackage(p, e, said)
		return
	}
	r.counts[e.Action]++
	p.running = slices.DeleteFunc(p.running, func(name string) bool { return name == e.Test })
	if e.Action == "fail" {
		r.say(said...)
	}
	if !strings.Contains(e.Test, "/") {
		r.slowest = append(r.slowest, e)
	}
}

// endPackage repeats the package's own lines. If it has failed, these may be a panic, and so does
// the output of the tests that it has cut off.
func (r *report) endPackage(p *progress, e event, said []string) {
	delete(r.packages, e.Package)
	if e.Action == "fail" {
		for _, test := range p.running {
			r.say(p.output[test]...)
		}
		r.say(said...)
		return
	}
	for _, line := range said {
		if strings.HasPrefix(line, "ok ") {
			r.say(line)
		}
	}
}

// say writes something that stays.
func (r *report) say(texts ...string) {
	if r.shown {
		_, _ = io.WriteString(r.out, r.wipe)
		r.shown = false
	}
	for _, text := range texts {
		_, _ = io.WriteString(r.out, text) // whom should we tell that standard output is closed?
	}
}

// progress says what is at work now.
func (r *report) progress(since time.Duration) {
	var at []string
	for name, p := range r.packages {
		if n := len(p.running); n > 0 {
			at = append(at, name[strings.LastIndex(name, "/")+1:]+" "+p.running[n-1])
		}
	}
	slices.Sort(at)
	what := cmp.Or(strings.Join(at, ", "), "the compiler")
	text := fmt.Sprintf("%4d s  %d passed, %d failed; at work: %s", int(since.Seconds()), r.counts["pass"], r.counts["fail"], what)
	if r.wipe == "" {
		r.say(text + "\n")
		return
	}
	const width = 100
	r.say(text[:min(len(text), width)])
	r.shown = true
}

// sumUp says what has become of all.
func (r *report) sumUp(took time.Duration) {
	slices.SortFunc(r.slowest, func(a, b event) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
	for _, e := range r.slowest[:min(len(r.slowest), 5)] {
		r.say(fmt.Sprintf("%6.1f s  %s %s\n", e.Elapsed, e.Package, e.Test))
	}
	r.say(fmt.Sprintf("%d tests passed, %d failed, %d were skipped in %d s\n",
		r.counts["pass"], r.counts["fail"], r.counts["skip"], int(took.Seconds())))
}
