package couchbaselite

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

var (
	buildFolder = flag.String("interop", "", "`folder` in which interop/couchbaselite/build has built the driver")
	formOfOurs  = flag.String("interop.versioning", string(tandem.RevTrees), "the `versioning` of Tandem's databases, rev-trees or both")
	tableFile   = flag.String("interop.table", "", "`file` in which the table of stories is replaced by this run's")
)

// results are those of this run. Like a flag, they belong to the test binary.
var results table

func TestMain(m *testing.M) {
	flag.Parse()
	started := time.Now()
	status := m.Run()
	if status == 0 && *tableFile != "" {
		if err := results.write(*tableFile, time.Since(started)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

// table is which story has passed how.
type table struct {
	mu      sync.Mutex // guards the following
	stories []string
	ways    []string
	passed  map[[2]string]bool
}

func (r *table) note(story, how string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.passed == nil {
		r.passed = map[[2]string]bool{}
	}
	if !slices.Contains(r.stories, story) {
		r.stories = append(r.stories, story)
	}
	if !slices.Contains(r.ways, how) {
		r.ways = append(r.ways, how)
	}
	r.passed[[2]string{story, how}] = ok
}

const (
	tableBegin = "<!-- the table of make interop begins -->\n"
	tableEnd   = "<!-- the table of make interop ends -->\n"
)

// write puts the table between its marks.
func (r *table) write(path string, took time.Duration) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), tableBegin)
	_, after, closed := strings.Cut(rest, tableEnd)
	if !ok || !closed {
		return fmt.Errorf("%s has no marks for the table of stories", path)
	}
	return os.WriteFile(path, []byte(before+tableBegin+r.markdown(took)+tableEnd+after), 0o644)
}

func (r *table) markdown(took time.Duration) string {
	slices.Sort(r.ways)
	var b strings.Builder
	fmt.Fprintf(&b, "| Story | %s |\n|---|%s\n", strings.Join(r.ways, " | "), strings.Repeat("---|", len(r.ways)))
	for _, story := range r.stories {
		fmt.Fprintf(&b, "| %s |", story)
		for _, how := range r.ways {
			mark := "–"
			if ok, tried := r.passed[[2]string{story, how}]; tried {
				mark = "failed"
				if ok {
					mark = "passed"
				}
			}
			fmt.Fprintf(&b, " %s |", mark)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "\nThe run took %d s.\n", int(took.Seconds()))
	return b.String()
}
