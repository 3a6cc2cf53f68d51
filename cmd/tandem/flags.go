package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// completeFlag has the shell complete the values of a flag.
func completeFlag(c *cobra.Command, flag string, values ...string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such flag
	}
}

// exclusive refuses a command line with more than one of the flags.
func exclusive(c *cobra.Command, names ...string) {
	c.MarkFlagsMutuallyExclusive(names...) // for the shell, which completes no other then
	before(c, func() error {
		if flags := given(c, names); len(flags) > 1 {
			return usage("%s exclude each other", strings.Join(flags, " and "))
		}
		return nil
	})
}

// oneOf refuses a command line without exactly one of the flags.
func oneOf(c *cobra.Command, names ...string) {
	exclusive(c, names...)
	before(c, func() error {
		if len(given(c, names)) == 0 {
			return usage("want --%s", strings.Join(names, " or --"))
		}
		return nil
	})
}

// before has a command check its flags before it runs, beside what it checks already.
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

// given returns those of the flags that are on the command line, with their dashes.
func given(c *cobra.Command, names []string) (flags []string) {
	for _, name := range names {
		if c.Flags().Changed(name) {
			flags = append(flags, "--"+name)
		}
	}
	return flags
}
