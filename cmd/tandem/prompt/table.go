package prompt

import (
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

const (
	gap   = 2 // places between two columns
	least = 8 // places that a column keeps when the table is too wide
)

// Table lays out rows below the names of their columns.
type Table struct {
	Names []string
	Width int // of the terminal, in places; 0 for no limit
}

// Write writes rows with their names, if named is set. A table that is too wide has its longest
// cells cut off, with an ellipsis in place of the rest. One of too many columns has a line for each
// cell instead. Cells must have no line breaks.
func (t Table) Write(w io.Writer, rows [][]string, named bool) error {
	widths := t.widths(rows)
	if t.Width > 0 && !fit(widths, t.Width) {
		return t.writeRecords(w, rows)
	}
	if named {
		rows = append([][]string{t.Names}, rows...)
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			cell = cut(cell, widths[i])
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell)+gap))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// widths returns how wide the columns are.
func (t Table) widths(rows [][]string) []int {
	widths := make([]int, len(t.Names))
	measure := func(row []string) {
		for i, cell := range row {
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	measure(t.Names)
	for _, row := range rows {
		measure(row)
	}
	return widths
}

// fit narrows the widest columns until all fit into a width. It reports false if they cannot.
func fit(widths []int, width int) bool {
	room := width - gap*(len(widths)-1)
	sum := func(most int) (n int) {
		for _, w := range widths {
			n += min(w, most)
		}
		return n
	}
	if sum(least) > room {
		return false
	}
	most := least
	for most < width && sum(most+1) <= room {
		most++
	}
	left := room - sum(most) // a place for each of the first columns that are cut off
	for i, w := range widths {
		if w > most {
			widths[i] = most
			if left > 0 {
				widths[i]++
				left--
			}
		}
	}
	return true
}

// writeRecords writes a line for each cell.
func (t Table) writeRecords(w io.Writer, rows [][]string) error {
	widest := 0
	for _, name := range t.Names {
		widest = max(widest, uniseg.StringWidth(name))
	}
	widest = min(widest, t.Width/2)
	var b strings.Builder
	for i, row := range rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		for j, cell := range row {
			name := cut(t.Names[j], widest)
			padding := strings.Repeat(" ", widest-uniseg.StringWidth(name)+gap)
			fmt.Fprintf(&b, "%s%s%s\n", name, padding, cut(cell, max(least, t.Width-widest-gap)))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cut cuts off what is too wide.
func cut(text string, width int) string {
	if uniseg.StringWidth(text) <= width {
		return text
	}
	kept, used := 0, 0
	for rest, state := text, -1; rest != ""; {
		var cluster string
		var wide int
		cluster, rest, wide, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if used+wide > width-1 {
			break
		}
		kept, used = kept+len(cluster), used+wide
	}
	return text[:kept] + "…"
}
