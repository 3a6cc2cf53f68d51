package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// completeFlag makes the shell complete the values of a flag.
func completeFlag(c *cobra.Command, flag string, values ...string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist
	}
}

// exclusive makes a command refuse more than one of the flags.
func exclusive(c *cobra.Command, names ...string) {
	c.MarkFlagsMutuallyExclusive(names...) // for the shell, which then completes only one of them
	before(c, func() error {
		if flags := given(c, names); len(flags) > 1 {
			return usage("%s exclude each other", strings.Join(flags, " and "))
		}
		return nil
	})
}

// oneOf makes a command require exactly one of the flags.
func oneOf(c *cobra.Command, names ...string) {
	exclusive(c, names...)
	before(c, func() error {
		if len(given(c, names)) == 0 {
			last := len(names) - 1
			return usage("want --%s or --%s", strings.Join(names[:last], ", --"), names[last])
		}
		return nil
	})
}

// before adds a check that a command makes before it runs.
func before(c *cobra.Command, check func() error) {
	earlier := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if earlier != nil {
			if err := earlier(c, args); err != nil {
				return err
			}
		}
		return check()
	}
}

// given returns the flags among names that are on the command line, with their dashes.
func given(c *cobra.Command, names []string) (flags []string) {
	for _, name := range names {
		if c.Flags().Changed(name) {
			flags = append(flags, "--"+name)
		}
	}
	return flags
}
