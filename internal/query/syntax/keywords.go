package syntax

import (
	"maps"
	"slices"
)

// Keywords returns the reserved words, sorted, in capitals.
func Keywords() []string { return slices.Sorted(maps.Keys(reserved)) }
