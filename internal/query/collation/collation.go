package collation

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// Version changes with the order of strings under some collation.
const Version = "1 of " + collate.CLDRVersion + " and " + norm.Version

// Collation is a way to compare strings. Its zero value compares their bytes.
type Collation struct {
	Unicode          bool   // compare by the rules of Unicode, not by bytes
	IgnoreCase       bool   // without Unicode: only of ASCII letters
	IgnoreDiacritics bool   // only with Unicode
	Locale           string // the locale whose order Unicode follows; "" means no particular one
}

// Name returns the collation's name in SQL. Different collations have different names.
func (c Collation) Name() string {
	switch {
	case !c.Unicode && !c.IgnoreCase:
		return "BINARY"
	case !c.Unicode:
		return "NOCASE"
	}
	name := "TANDEM_UNICODE"
	if c.IgnoreCase {
		name += "_NOCASE"
	}
	if c.IgnoreDiacritics {
		name += "_NODIAC"
	}
	if c.Locale != "" {
		name += ":" + c.Locale
	}
	return name
}

// Parse returns the collation with the given name. It reports false for text that [Collation.Name]
// cannot return.
func Parse(name string) (Collation, bool) {
	switch name {
	case "BINARY":
		return Collation{}, true
	case "NOCASE":
		return Collation{IgnoreCase: true}, true
	}
	c := Collation{Unicode: true}
	options, locale, _ := strings.Cut(name, ":")
	c.Locale = locale
	rest, ok := strings.CutPrefix(options, "TANDEM_UNICODE")
	rest, c.IgnoreCase = strings.CutPrefix(rest, "_NOCASE")
	rest, c.IgnoreDiacritics = strings.CutPrefix(rest, "_NODIAC")
	return c, ok && rest == "" && KnownLocale(locale)
}

// KnownLocale reports whether name is a well-formed locale. A locale without an order of its own
// uses the root's.
func KnownLocale(name string) bool {
	if name == "" {
		return true
	}
	_, err := language.Parse(name)
	return err == nil
}

// Comparer returns a comparison of strings: negative, 0 or positive. The function has buffers of
// its own, so only one goroutine may use it.
func (c Collation) Comparer() func(a, b string) int {
	switch {
	case !c.Unicode && !c.IgnoreCase:
		return strings.Compare
	case !c.Unicode:
		return func(a, b string) int { return strings.Compare(lowerASCII(a), lowerASCII(b)) }
	}
	var options []collate.Option
	if c.IgnoreCase || c.IgnoreDiacritics {
		options = append(options, collate.IgnoreCase)
	}
	if c.IgnoreDiacritics {
		options = append(options, collate.IgnoreDiacritics)
	}
	collator := collate.New(language.Make(c.Locale), options...)
	if c.IgnoreCase || !c.IgnoreDiacritics {
		return collator.CompareString
	}
	return func(a, b string) int { // compare the letters first, and then capitals
		if order := collator.CompareString(a, b); order != 0 {
			return order
		}
		return strings.Compare(caseLevel(a), caseLevel(b))
	}
}

// caseLevel returns one byte for each letter of the folded s, which tells whether the letter was a
// capital.
func caseLevel(s string) string {
	var level strings.Builder
	fold := cases.Fold()
	for _, r := range norm.NFD.String(s) {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		mark := "a"
		if unicode.IsUpper(r) {
			mark = "b"
		}
		level.WriteString(strings.Repeat(mark, len([]rune(fold.String(string(r))))))
	}
	return level.String()
}

// Fold maps strings that c does not distinguish to the same characters, for a search inside
// strings. It distinguishes more than [Collation.Comparer]: 'ß' differs from 'ss' unless case is
// ignored.
func (c Collation) Fold(s string) string {
	if !c.Unicode {
		if c.IgnoreCase {
			return lowerASCII(s)
		}
		return s
	}
	if c.IgnoreDiacritics {
		s = strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Mn, r) {
				return -1
			}
			return r
		}, norm.NFD.String(s))
	}
	if c.IgnoreCase {
		s = cases.Fold().String(s)
	}
	return norm.NFC.String(s)
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
