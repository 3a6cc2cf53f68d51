package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError describes in plain words what is wrong with a flag.
func flagError(c *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return unknownFlag(c, err)
	}
	name := "--" + invalid.GetFlag().Name
	switch want := wanted[invalid.GetFlag().Value.Type()]; {
	case errors.Is(err, errEmpty):
		return emptySetting(name)
	case want != "":
		return usage("%s %s: want %s", name, invalid.GetValue(), want)
	}
	return usage("%s %s: %v", name, invalid.GetValue(), errors.Unwrap(invalid))
}

// wanted describes the values of each flag type.
var wanted = map[string]string{
	"bool":     "true or false",
	"count":    "a whole number",
	"duration": "a time such as 30s, 5m or 1h",
	"int":      "a whole number",
	"uint16":   "a whole number from 0 to 65535",
}
