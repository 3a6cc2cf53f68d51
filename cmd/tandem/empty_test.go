package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Each flag of each command, present and future, refuses an empty value before anything happens.
func TestB1EmptyFlagsAreUsageErrors(t *testing.T) {
	inEmptyFolder(t)
	tried := 0
	eachCommand(newRoot(&app{}), func(c *cobra.Command) {
		eachFlag(c, func(flag *pflag.Flag) {
			for _, values := range emptyValues(flag) {
				tried++
				args := append(append(commandLine(c), operandsOf(c)...), values...)
				wantUsageError(t, args, "--"+flag.Name)
			}
		})
	})
	if tried < 200 {
		t.Errorf("%d flags were tried, want all", tried)
	}
}

// So does each operand.
func TestB1EmptyOperandsAreUsageErrors(t *testing.T) {
	inEmptyFolder(t)
	eachCommand(newRoot(&app{}), func(c *cobra.Command) {
		for i := range strings.Fields(c.Use)[1:] {
			for _, empty := range []string{"", " \t"} {
				operands := append(slices.Repeat([]string{"x"}, i), empty)
				for len(operands) < len(operandsOf(c)) {
					operands = append(operands, "x")
				}
				wantUsageError(t, append(commandLine(c), operands...), operandName(c, i))
			}
		}
	})
}

// And each subcommand that there is not, but where any word may be an operand.
func TestUnknownSubcommandsAreUsageErrors(t *testing.T) {
	inEmptyFolder(t)
	var try func(c *cobra.Command)
	try = func(c *cobra.Command) {
		if c.HasSubCommands() && len(operandsOf(c)) == 0 {
			args := append(commandLine(c), "nonesuch")
			status, stdout, stderr := tandemRun(t, args...)
			if status != statusUsage || stdout != "" || !strings.Contains(stderr, `unknown command "nonesuch"`) || !strings.Contains(stderr, "\nhint: ") {
				t.Errorf("tandem %q: status %d, output %q, messages %q; want status %d, and that there is no such command",
					args, status, stdout, stderr, statusUsage)
			}
		}
		for _, sub := range c.Commands() {
			try(sub)
		}
	}
	try(newRoot(&app{}))
}

// inEmptyFolder makes the working directory a new one without anything.
func inEmptyFolder(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("TANDEM_IDENTITIES", filepath.Join(t.TempDir(), "identities"))
}

func eachCommand(c *cobra.Command, do func(*cobra.Command)) {
	if c.RunE != nil && !c.HasSubCommands() {
		do(c)
	}
	for _, sub := range c.Commands() {
		eachCommand(sub, do)
	}
}

func eachFlag(c *cobra.Command, do func(*pflag.Flag)) {
	c.LocalFlags().VisitAll(do)
	c.InheritedFlags().VisitAll(do)
}

// emptyValues are the ways to give a flag an empty value.
func emptyValues(flag *pflag.Flag) [][]string {
	name := "--" + flag.Name
	all := [][]string{{name + "="}, {name + "= "}}
	if flag.NoOptDefVal != "" {
		return all
	}
	all = append(all, []string{name, ""}, []string{name, "\t "})
	if strings.HasSuffix(flag.Value.Type(), "Array") || strings.HasSuffix(flag.Value.Type(), "Slice") {
		all = append(all, []string{name, "a", name, ""})
	}
	if strings.HasSuffix(flag.Value.Type(), "Slice") {
		all = append(all, []string{name, "a,,b"}, []string{name, ","}, []string{name, "a, "})
	}
	return all
}

// commandLine is how c is called.
func commandLine(c *cobra.Command) []string { return strings.Fields(c.CommandPath())[1:] }

// operandsOf returns an operand for each that c needs.
func operandsOf(c *cobra.Command) (operands []string) {
	for _, name := range strings.Fields(c.Use)[1:] {
		if !strings.HasPrefix(name, "[") {
			operands = append(operands, "x")
		}
	}
	return operands
}

// wantUsageError runs a command line that names something empty, in a folder without anything.
func wantUsageError(t *testing.T, args []string, named string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := run(args, strings.NewReader(""), &stdout, &stderr)
	lines := strings.Split(strings.TrimSuffix(stderr.String(), "\n"), "\n")
	if status != statusUsage || len(lines) != 2 ||
		!strings.HasPrefix(lines[0], "tandem: ") || !strings.Contains(lines[0], named) || !strings.Contains(lines[0], "empty") ||
		!strings.HasPrefix(lines[1], "hint: ") || stdout.Len() > 0 {
		t.Errorf("tandem %q: status %d, output %q, messages %q; want status %d, and what is wrong with %s with a hint",
			args, status, stdout.String(), stderr.String(), statusUsage, named)
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("tandem %q left %v (%v)", args, left, err)
	}
}
