package bench

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteTable prints the report for people.
func (r Report) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "Tandem %s, %s on %s, %d processors, %s\n\n",
		r.Version, r.Go, r.System, r.Processors, r.Date.Format("2006-01-02 15:04 MST"))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	columns := []string{
		"", "result", "", "p99", "of SQLite", "goal", "LiteCore",
		"server peak", "allocs/doc", "cpu/doc", "client peak", "allocs/doc", "cpu/doc",
	}
	fmt.Fprintln(t, strings.Join(columns, "\t")+"\t")
	for _, result := range r.Results {
		fmt.Fprintln(t, strings.Join(result.cells(longest(r.Results)), "\t")+"\t")
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, result := range r.Results {
		if len(result.Tenths) > 0 {
			fmt.Fprintf(w, "\n%s, docs/s by tenths: %s\n", result.Name, strings.Join(each(result.Tenths, thousands), " "))
		}
	}
	_, err := fmt.Fprintln(w, "\n\"of SQLite\" is the part of what SQLite alone inserts on this machine. LiteCore 4.1 was measured"+
		"\non another one with two processors. Memory is the process's, allocations are Go's.")
	return err
}

// cells are the result's columns. The name is padded to width, which aligns it to the left.
func (r Result) cells(width int) []string {
	cells := []string{
		fmt.Sprintf("%-*s", width, r.Name), number(r.Value), r.Unit + strings.Repeat(" ", max(0, 6-len(r.Unit))),
		optional(r.P99, number), optional(r.OfLimit, func(v float64) string { return fmt.Sprintf("%.0f %%", v) }), r.goal(), r.LiteCore,
	}
	return append(append(cells, r.Server.cells()...), r.Client.cells()...)
}

func (r Result) goal() string {
	if r.Goal == nil {
		return ""
	}
	sign, mark := "≥", " "
	if r.Goal.Most {
		sign = "≤"
	}
	if !r.Reached() {
		mark = "!"
	}
	return sign + " " + number(r.Goal.Value) + " " + mark
}

func (c *Cost) cells() []string {
	if c == nil {
		return []string{"", "", ""}
	}
	megabytes := func(v float64) string { return fmt.Sprintf("%.0f MB", v/1e6) }
	micros := func(v float64) string { return number(v) + " µs" }
	return []string{
		optional(float64(c.PeakBytes), megabytes), optional(c.AllocationsPerDocument, number), optional(c.MicrosPerDocument, micros),
	}
}

func optional(value float64, format func(float64) string) string {
	if value == 0 {
		return ""
	}
	return format(value)
}

// number prints three digits at the least.
func number(v float64) string {
	switch {
	case math.Abs(v) < 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case math.Abs(v) < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return thousands(v)
	}
}

// thousands prints a whole number with its digits in groups of three.
func thousands(v float64) string {
	digits := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func each(values []float64, format func(float64) string) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = format(v)
	}
	return texts
}

func longest(results []Result) int {
	width := 0
	for _, r := range results {
		width = max(width, len(r.Name))
	}
	return width
}
