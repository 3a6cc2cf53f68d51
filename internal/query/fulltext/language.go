package fulltext

import (
	"embed"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/danish"
	"github.com/blevesearch/snowballstem/dutch"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/finnish"
	"github.com/blevesearch/snowballstem/french"
	"github.com/blevesearch/snowballstem/german"
	"github.com/blevesearch/snowballstem/hungarian"
	"github.com/blevesearch/snowballstem/italian"
	"github.com/blevesearch/snowballstem/norwegian"
	"github.com/blevesearch/snowballstem/portuguese"
	"github.com/blevesearch/snowballstem/romanian"
	"github.com/blevesearch/snowballstem/russian"
	"github.com/blevesearch/snowballstem/spanish"
	"github.com/blevesearch/snowballstem/swedish"
	"github.com/blevesearch/snowballstem/turkish"
)

//go:embed stopwords/*.txt
var stopLists embed.FS

// language is how a language forms its words.
type language struct {
	stem  func(*snowballstem.Env) bool
	stops func() string // a line for each stop word
}

func languageOf(code string, stem func(*snowballstem.Env) bool) *language {
	return &language{stem, sync.OnceValue(func() string {
		text, _ := stopLists.ReadFile("stopwords/" + code + ".txt") // its test reads every list
		return string(text)
	})}
}

var languages = map[string]*language{
	"da": languageOf("da", danish.Stem),
	"de": languageOf("de", german.Stem),
	"en": languageOf("en", english.Stem),
	"es": languageOf("es", spanish.Stem),
	"fi": languageOf("fi", finnish.Stem),
	"fr": languageOf("fr", french.Stem),
	"hu": languageOf("hu", hungarian.Stem),
	"it": languageOf("it", italian.Stem),
	"nl": languageOf("nl", dutch.Stem),
	"no": languageOf("no", norwegian.Stem),
	"pt": languageOf("pt", portuguese.Stem),
	"ro": languageOf("ro", romanian.Stem),
	"ru": languageOf("ru", russian.Stem),
	"sv": languageOf("sv", swedish.Stem),
	"tr": languageOf("tr", turkish.Stem),
}

// Languages returns the two letters of each language that this package knows, sorted.
func Languages() []string { return slices.Sorted(maps.Keys(languages)) }

// Language returns the two letters of the language that a name such as "en", "en_US" or "pt-BR"
// means, or "" for a language that this package does not know.
func Language(name string) string {
	code, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(name), "_", "-"), "-")
	if code == "nb" || code == "nn" { // the two forms of Norwegian
		code = "no"
	}
	if languages[code] == nil {
		return ""
	}
	return code
}
