package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// unknownCommand returns the usage error for a subcommand that c lacks.
func unknownCommand(c *cobra.Command, name string) error {
	wrong := usageError{text: "unknown command " + strconv.Quote(name) + " for " + c.CommandPath()}
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if near := nearest(name, names); near != "" {
		wrong.hint = "did you mean " + c.CommandPath() + " " + near + "?"
	}
	return wrong
}

// unknownFlag returns the usage error for a flag that c lacks, or err if it reports another
// problem.
func unknownFlag(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || unknown.GetSpecifiedShortnames() != "" {
		return err
	}
	var names []string
	c.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	if near := nearest(unknown.GetSpecifiedName(), names); near != "" {
		return usageError{text: err.Error(), hint: "did you mean --" + near + "?"}
	}
	return err
}

// nearest returns the name most similar to text, or else the only one that begins with text. It
// returns "" if there is none.
func nearest(text string, names []string) string {
	if near := nearestSpelling(text, names); near != "" || text == "" {
		return near
	}
	longer := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, text) })
	if len(longer) != 1 {
		return ""
	}
	return longer[0]
}

func nearestSpelling(text string, names []string) (near string) {
	least := min(3, len(text)/2+1)
	for _, name := range names {
		if d := editDistance(text, name); d < least {
			near, least = name, d
		}
	}
	return near
}

// editDistance counts the letters to insert, delete, replace or swap with their neighbour to turn a
// into b.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
