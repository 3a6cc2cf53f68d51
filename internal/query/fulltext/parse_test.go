package fulltext_test

import (
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/query/fulltext"
)

func parse(text string) (string, error) {
	t := fulltext.NewTokenizer(fulltext.Options{Language: "en"})
	s, err := fulltext.Parse(text, t, []string{"title", "a.b"})
	return s.Query(), err
}

func TestASearchIsTranslatedForFTS5(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                           `""`,
		"*":                          `""`,
		"the":                        `""`,
		"()":                         `""`,
		"Fish":                       `"Fish"`,
		"fish chips":                 `("fish" AND "chips")`,
		"fish AND chips":             `("fish" AND "chips")`,
		"fish and chips":             `("fish" AND "chips")`, // a stop word
		"fish OR chips salad":        `("fish" OR ("chips" AND "salad"))`,
		"fish chips NOT salad":       `("fish" AND ("chips" NOT ("salad")))`,
		"fish NOT chips NOT salad":   `("fish" NOT ("chips" OR "salad"))`,
		"the NOT fish":               `""`,
		"fish NOT the":               `"fish"`,
		"(fish OR chips) AND salad":  `(("fish" OR "chips") AND "salad")`,
		`"fish and chips"`:           `"fish chips"`,
		`fish"chips"`:                `("fish" AND "chips")`,
		"fi*":                        `"fi" *`,
		`"fish chi*"`:                `"fish chi" *`,
		"^fish":                      `^ "fish"`,
		"title:fish":                 `c0 : "fish"`,
		"TITLE:fish a.b:chi*":        `(c0 : "fish" AND c1 : "chi" *)`,
		"title:^fish":                `c0 : ^ "fish"`,
		`a.b:"fish chips"`:           `c1 : "fish chips"`,
		"price:fish":                 `("price" AND "fish")`,
		"fish NEAR chips":            `NEAR("fish" "chips" , 10)`,
		"fish NEAR/3 chips NEAR/3 x": `NEAR("fish" "chips" "x" , 3)`,
		"fish NEAR/3 chips NEAR/2 x": `(NEAR("fish" "chips" , 3) AND NEAR("chips" "x" , 2))`,
		"title:fish NEAR/0 chips":    `c0 : NEAR("fish" "chips" , 0)`,
		"fish NEAR the":              `"fish"`,
		"the NEAR/2 fish NEAR/5 x":   `("fish" AND NEAR("fish" "x" , 5))`,
		"(fish NEAR/2 chips) x":      `(NEAR("fish" "chips" , 2) AND "x")`,
		"NEARBY NEAR/x":              `("NEARBY" AND "NEAR" AND "x")`,
		"fish-chips, 3.2!":           `("fish" AND "chips" AND "3" AND "2")`,
		"fish -chips":                `("fish" AND "chips")`,
		"ANDROID ORDER NOTE":         `("ANDROID" AND "ORDER" AND "NOTE")`,
		"café\x00\xff":               `"café"`,
		"fish NEAR/99999999999 x":    `NEAR("fish" "x" , 1000000)`,
	} {
		if got, err := parse(text); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
}

func TestAWrongSearchIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"fish`:                     "quote",
		"(fish":                     "not closed",
		"fish)":                     "not opened",
		"AND":                       "before AND",
		"fish OR":                   "at the end",
		"fish AND OR chips":         "before OR",
		"NOT fish":                  "before NOT",
		"fish NEAR":                 "at the end",
		"(fish OR) chips":           "closing parenthesis",
		"fish NEAR (chips OR x)":    "NEAR",
		"fish NEAR ^chips":          "NEAR",
		"title:fish NEAR a.b:chips": "same column",
		`"fi* chips"`:               "last word",
		"title:(fish)":              "column",
		"title:":                    "column",
		strings.Repeat("(", 1000):   "parentheses",
		strings.Repeat("x ", 1000):  "words",
		strings.Repeat("a", 70_000): "bytes",
	} {
		if got, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %s, %v, want an error with %q", text, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`a AND (b OR "c d*") NOT e`, "title:^x NEAR/2 y", `"`, "((", ")", "a.b:title:x", "_:^*", "NEAR/1 a NEAR b", "the OR the NOT the",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := fulltext.Parse(text, fulltext.NewTokenizer(fulltext.Options{Language: "en"}), []string{"title", "a.b", "_", ""})
		if err != nil {
			return
		}
		if n := len(s.Phrases()); n > 2*256 || (n == 0) != (s.Query() == fulltext.Nothing) {
			t.Errorf("%q: got %d phrases of %s", text, n, s.Query())
		}
	})
}
