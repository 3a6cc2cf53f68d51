package page

import (
	"embed"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
)

//go:embed templates
var templateFiles embed.FS

// parse reads the template of a view, with those that all views share.
func parse(name string) *template.Template {
	return template.Must(template.New(name).Funcs(functions).ParseFS(templateFiles,
		"templates/layout.html", "templates/parts.html", "templates/"+name+".html"))
}

var functions = template.FuncMap{
	"static": staticURL,
	"seg":    shownID,
	"count":  grouped,
	"size":   sizeText,
	"age":    ageText,
	"when":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"iso":    func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") },
	"short":  shortRevision,
	"groups": fingerprintGroups,
	"words":  fingerprintWords,
	"qr":     qrCode,
	"plural": plural,
	"list":   func(texts ...string) []string { return texts },
	"len64":  func(n int) uint64 { return uint64(n) }, //nolint:gosec // a length
}

// grouped writes a number with its thousands apart.
func grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:] // a narrow space that does not break
	}
	return text
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(uint64(n)) + " " + many
}

func sizeText(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10) + " B"
	}
	value, unit := float64(n), 0
	for ; value >= 999.5 && unit < 4; unit++ {
		value /= 1000
	}
	return fmt.Sprintf("%.3g %s", value, []string{"B", "kB", "MB", "GB", "TB"}[unit])
}

// ageText writes seconds in the largest unit that has some.
func ageText(seconds int64) string {
	for _, unit := range []struct {
		length int64
		name   string
	}{{86400, "d"}, {3600, "h"}, {60, "min"}} {
		if seconds >= unit.length {
			return strconv.FormatInt(seconds/unit.length, 10) + " " + unit.name
		}
	}
	return strconv.FormatInt(max(seconds, 0), 10) + " s"
}

// shortRevision shortens the ID of a revision for people.
func shortRevision(id string) string {
	version, source, found := strings.Cut(id, "@")
	if found && len(source) > 4 {
		return version + "@" + source[:4] + "…"
	}
	if len(id) > 14 {
		return id[:14] + "…"
	}
	return id
}

// fingerprintGroups writes a fingerprint in groups of four digits.
func fingerprintGroups(fingerprint string) string {
	digits := strings.ToLower(strings.ReplaceAll(fingerprint, ":", ""))
	var groups []string
	for len(digits) > 4 {
		groups, digits = append(groups, digits[:4]), digits[4:]
	}
	return strings.Join(append(groups, digits), " ")
}
