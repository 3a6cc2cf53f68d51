package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The functions exclusive and oneOf report flags that exclude each other, and a missing flag of several.
// The messages of the library for command lines are hard to read.
func TestE10FlagsThatExcludeEachOtherAreToldPlainly(t *testing.T) {
	inEmptyFolder(t)
	groups := 0
	eachCommand(newRoot(&app{}), func(c *cobra.Command) {
		exclude := make(map[string]bool)
		eachFlag(c, func(flag *pflag.Flag) {
			for kind, names := range flag.Annotations {
				switch kind {
				case "cobra_annotation_mutually_exclusive":
					for _, group := range names {
						exclude[group] = true
					}
				case "cobra_annotation_one_required", "cobra_annotation_required_if_others_set", cobra.BashCompOneRequiredFlag:
					t.Errorf("%s --%s: the library says that it is needed: use oneOf, or a check before", c.CommandPath(), flag.Name)
				}
			}
		})
		for _, group := range slices.Sorted(maps.Keys(exclude)) {
			groups++
			wantExclusion(t, c, strings.Fields(group))
		}
	})
	if groups < 10 {
		t.Errorf("%d groups of flags were tried, want all", groups)
	}
}

// wantExclusion gives the first two of the flags at once.
func wantExclusion(t *testing.T, c *cobra.Command, names []string) {
	t.Helper()
	args := append(commandLine(c), operandsOf(c)...)
	for _, name := range names[:2] {
		args = append(args, "--"+name)
		switch flag := c.Flags().Lookup(name); {
		case flag.NoOptDefVal != "":
		case flag.Value.Type() == "int":
			args = append(args, "1")
		default:
			args = append(args, "x")
		}
	}
	var stdout, stderr strings.Builder
	status := run(args, strings.NewReader(""), &stdout, &stderr)
	want := "tandem: --" + names[0] + " and --" + names[1] + " exclude each other\n"
	if status != statusUsage || !strings.HasPrefix(stderr.String(), want) {
		t.Errorf("tandem %q: status %d, messages %q, want %d and %q", args, status, stderr.String(), statusUsage, want)
	}
}
