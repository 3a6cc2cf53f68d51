package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// jsonLines returns an encoder that writes each value as a line to standard output.
func (a *app) jsonLines() *json.Encoder {
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	return encoder
}

// printable replaces characters that would control a terminal: parts of a text may come from a
// peer.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// count returns a number with the thing it counts.
func count[N int | uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// byteCount formats a number of bytes for people.
func byteCount[N int64 | uint64](n N) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n), "kMGTPE"
	for value /= 1000; value >= 999.95 && len(units) > 1; value /= 1000 {
		units = units[1:]
	}
	return fmt.Sprintf("%.1f %cB", value, units[0])
}

// seconds formats a duration for people.
func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
