package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A setting that is given, but empty, is most often a shell variable that is not set. To ignore it
// would do something else than what was asked, and perhaps something less secure: each is an error.
// The functions of this file find all of them: flags, operands, the environment, and files.

// emptyHint is what to try about an empty setting.
const emptyHint = "give it a value, or leave it out; a shell variable that is not set gives an empty one"

// errEmpty reports an empty setting.
var errEmpty = errors.New("is empty")

func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

// emptySetting is the usage error for an empty setting.
func emptySetting(name string) error {
	return usageError{text: fmt.Sprintf("%s %v", name, errEmpty), hint: emptyHint}
}

// refuseEmptyFlags has every flag of c and of its subcommands refuse an empty value.
func refuseEmptyFlags(c *cobra.Command) {
	for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		flags.VisitAll(func(flag *pflag.Flag) {
			if _, done := flag.Value.(filledValue); !done {
				flag.DefValue = shownDefault(flag)
				flag.Value = filledValue{flag.Value}
			}
		})
	}
	for _, sub := range c.Commands() {
		refuseEmptyFlags(sub)
	}
}

// shownDefault returns the default that the help shows, "" for none. For its own types pflag does
// that itself.
func shownDefault(flag *pflag.Flag) string {
	if slices.Contains([]string{"[]", "0s", "0"}, flag.DefValue) {
		return ""
	}
	return flag.DefValue
}

// filledValue is the value of a flag that cannot be set to an empty one.
type filledValue struct{ pflag.Value }

// Set implements [pflag.Value].
func (v filledValue) Set(text string) error {
	if isBlank(text) {
		return errEmpty
	}
	if err := v.Value.Set(text); err != nil {
		return err
	}
	if list, ok := v.Value.(pflag.SliceValue); ok && slices.ContainsFunc(list.GetSlice(), isBlank) {
		return fmt.Errorf("one of the values %w", errEmpty)
	}
	return nil
}

// IsBoolFlag reports whether the flag needs no value, which pflag asks for the help.
func (v filledValue) IsBoolFlag() bool { return v.Type() == "bool" }

// checkOperands refuses an empty operand of c.
func checkOperands(c *cobra.Command, args []string) error {
	for i, arg := range args {
		if isBlank(arg) {
			return emptySetting(c.CommandPath() + ": " + operandName(c, i))
		}
	}
	return nil
}

// operandName names the operand at place i, as the help of c does.
func operandName(c *cobra.Command, i int) string {
	names := strings.Fields(c.Use)[1:]
	if len(names) == 0 {
		return "the argument"
	}
	return strings.Trim(names[min(i, len(names)-1)], "[].")
}

// environment returns the value of an environment variable, "" if it is not set.
func environment(name string) (string, error) {
	value, set := os.LookupEnv(name)
	if set && isBlank(value) {
		return "", emptySetting("the environment variable " + name)
	}
	return value, nil
}
