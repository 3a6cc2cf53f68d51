package bench

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Config selects the measurements. Only Peer is required.
type Config struct {
	// Peer is the command line that starts a process which calls [ServePeer].
	Peer []string

	// Full measures everything, which takes several minutes; otherwise about one.
	Full bool

	// Only names the measurements to make: see [Names]. Empty means all measurements that Full
	// selects.
	Only []string

	// Documents is the number of documents of 1 kB for measuring a rate. Zero means 100,000, and a
	// third of that unless Full is set.
	Documents int

	// Runs is the number of repetitions of each measurement; the median counts. Zero means 5, and 3
	// unless Full is set.
	Runs int

	// Folder holds the databases during the run. Empty means the system's folder for temporary
	// files. Profiles, unless empty, is a folder that receives a processor and an allocation profile
	// of each process; it is made if it does not exist.
	Folder, Profiles string

	// Note, unless nil, is called with the name of each measurement that begins.
	Note func(text string)
}

// Validate reports every setting that cannot work.
func (c Config) Validate() error {
	var errs []error
	if len(c.Peer) == 0 {
		errs = append(errs, errors.New("no command that starts a peer"))
	}
	if c.Documents < 0 {
		errs = append(errs, fmt.Errorf("number of documents is %d, want 1 or more", c.Documents))
	}
	if c.Runs < 0 {
		errs = append(errs, fmt.Errorf("number of runs is %d, want 1 or more", c.Runs))
	}
	for _, name := range c.Only {
		if !slices.Contains(Names(), name) {
			errs = append(errs, fmt.Errorf("unknown measurement %q, want of %s", name, strings.Join(Names(), ", ")))
		}
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	documents, runs := 33_000, 3
	if c.Full {
		documents, runs = 100_000, 5
	}
	c.Documents = cmp.Or(c.Documents, documents)
	c.Runs = cmp.Or(c.Runs, runs)
	if c.Note == nil {
		c.Note = func(string) {}
	}
	return c
}
