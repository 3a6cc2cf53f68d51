package testsize

import (
	"cmp"
	"fmt"
	"testing"
	"time"
)

// Figure logs a row of what was measured: what it is, the value, and the bound that it is to keep.
// The commands that print figures look for rows. It fails nothing.
func Figure[T cmp.Ordered](t testing.TB, what string, seen, bound T) {
	t.Helper()
	verdict := "kept"
	if seen > bound {
		verdict = "MISSED"
	}
	t.Logf("figure: %-76s %12s  at most %-8s %s", what, text(seen), text(bound), verdict)
}

func text(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return v.Round(time.Millisecond).String()
	case float64:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprint(v)
}
