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

// An empty setting usually comes from an unset shell variable. Ignoring it would do something else
// than the user asked for, possibly something less secure, so each empty setting is an error. The
// functions of this file detect them in flags, operands, the environment and files.

// emptyHint is the hint about an empty setting.
const emptyHint = "give it a value, or leave it out; a shell variable that is not set gives an empty one"

// errEmpty reports an empty setting.
var errEmpty = errors.New("is empty")

func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

// emptySetting returns the usage error for an empty setting.
func emptySetting(name string) error {
	return usageError{text: fmt.Sprintf("%s %v", name, errEmpty), hint: emptyHint}
}

// refuseEmptyFlags makes every flag of c and its subcommands refuse an empty value.
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

// shownDefault returns the default that the help shows, "" for none. pflag does this only for its
// own types.
func shownDefault(flag *pflag.Flag) string {
	if slices.Contains([]string{"[]", "0s", "0"}, flag.DefValue) {
		return ""
	}
	return flag.DefValue
}

// filledValue is the value of a flag that refuses an empty text.
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

// IsBoolFlag reports whether the flag needs no value. pflag calls it for the help.
func (v filledValue) IsBoolFlag() bool { return v.Type() == "bool" }

// checkOperands refuses empty operands of c.
func checkOperands(c *cobra.Command, args []string) error {
	for i, arg := range args {
		if isBlank(arg) {
			return emptySetting(c.CommandPath() + ": " + operandName(c, i))
		}
	}
	return nil
}

// operandName returns the name of operand i in the help of c.
func operandName(c *cobra.Command, i int) string {
	names := strings.Fields(c.Use)[1:]
	if len(names) == 0 {
		return "the argument"
	}
	return strings.Trim(names[min(i, len(names)-1)], "[].")
}

// environment returns the value of an environment variable, or "" if it is not set.
func environment(name string) (string, error) {
	value, set := os.LookupEnv(name)
	if set && isBlank(value) {
		return "", emptySetting("the environment variable " + name)
	}
	return value, nil
}
