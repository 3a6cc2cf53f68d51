package fulltext_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/query/fulltext"
)

// words returns the words of a text with spaces between.
func words(t testing.TB, text string, o fulltext.Options) string {
	t.Helper()
	var all []string
	end := 0
	err := fulltext.NewTokenizer(o).Each(text, func(w fulltext.Word) error {
		if w.Start < end || w.End <= w.Start || w.End > len(text) || w.Text == "" {
			t.Errorf("%q: got %q from %d to %d after %d", text, w.Text, w.Start, w.End, end)
		}
		end = w.End
		all = append(all, w.Text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func TestTextIsSplitIntoWords(t *testing.T) {
	t.Parallel()
	own := "Coffee TEA"
	for _, tt := range []struct {
		text string
		o    fulltext.Options
		want string
	}{
		{"Hello, World! 3.2", fulltext.Options{}, "hello world 3 2"},
		{"", fulltext.Options{Language: "en"}, ""},
		{"snake_case don't", fulltext.Options{}, "snake case don t"},
		{"Café CAFÉ cafe\u0301", fulltext.Options{}, "café café café"},
		{"Café ΆΛΦΑ Crème", fulltext.Options{IgnoreAccents: true}, "cafe αλφα creme"},
		{"й и", fulltext.Options{IgnoreAccents: true}, "й и"},
		{"ΟΔΟΣ οδος", fulltext.Options{}, "οδοσ οδοσ"},
		{"日本語 텍스트", fulltext.Options{}, "日本語 텍스트"},
		{"a\xffb", fulltext.Options{}, "a b"},
		{"The runners were running", fulltext.Options{Language: "en_US"}, "runner run"},
		{"The runners were running", fulltext.Options{Language: "xx"}, "the runners were running"},
		{"The runners were running", fulltext.Options{Language: "en", NoStemming: true}, "runners running"},
		{"the coffee and teas", fulltext.Options{Language: "en", StopWords: &own}, "the and tea"},
		{"IŞIK ışık", fulltext.Options{Language: "tr"}, "ışık ışık"},
		{"știința şi viața", fulltext.Options{Language: "ro"}, "ştiinţ viaţ"},
		{strings.Repeat("running", 100), fulltext.Options{Language: "en"}, strings.Repeat("running", 100)},
		{strings.Repeat("x", 40_000), fulltext.Options{}, strings.Repeat("x", 32768)},
	} {
		if got := words(t, tt.text, tt.o); got != tt.want {
			t.Errorf("%.60q, %+v: got %.60q, want %.60q", tt.text, tt.o, got, tt.want)
		}
	}
}

// Each language makes two forms of a word the same, and leaves out its most common word.
func TestEachLanguageHasAStemmerAndStopWords(t *testing.T) {
	t.Parallel()
	for language, text := range map[string][3]string{
		"da": {"og", "hunden", "hunde"}, "de": {"und", "katzen", "katze"}, "en": {"the", "houses", "house"},
		"es": {"que", "gatos", "gato"}, "fi": {"ja", "talossa", "talo"}, "fr": {"les", "chevaux", "cheval"},
		"hu": {"hogy", "házak", "ház"}, "it": {"che", "gatti", "gatto"}, "nl": {"het", "honden", "hond"},
		"no": {"som", "hundene", "hund"}, "pt": {"que", "livros", "livro"}, "ro": {"sunt", "casele", "casa"},
		"ru": {"что", "книги", "книга"}, "sv": {"och", "hundarna", "hund"}, "tr": {"ve", "evler", "ev"},
	} {
		o := fulltext.Options{Language: language}
		if got := words(t, text[0], o); got != "" {
			t.Errorf("%s: got %q for %q, want it left out", language, got, text[0])
		}
		one, other := words(t, text[1], o), words(t, text[2], o)
		if one != other || one == "" {
			t.Errorf("%s: got %q for %q and %q for %q, want the same", language, one, text[1], other, text[2])
		}
	}
	lists, err := fs.Glob(os.DirFS("stopwords"), "*.txt")
	if err != nil || len(lists) != 15 {
		t.Errorf("got %d lists of stop words, %v, want 15", len(lists), err)
	}
}

func TestTheArgumentsOfATokenizerAreItsOptions(t *testing.T) {
	t.Parallel()
	own := "it's o'clock"
	for _, o := range []fulltext.Options{{}, {Language: "en"}, {IgnoreAccents: true}, {NoStemming: true, Language: "da"}, {StopWords: &own}} {
		text := o.Arguments()
		var args []string
		for _, a := range strings.Split(strings.Trim(text, "'"), "' '") {
			args = append(args, strings.ReplaceAll(a, "''", "'"))
		}
		got, same := fulltext.FromArguments(args)
		if _, other := fulltext.FromArguments(append(args[:4:4], "0 of 1")); !same || other {
			t.Errorf("%s: got %v and with another version %v, want that only the first is of this one", text, same, other)
		}
		if got.Language != o.Language || got.IgnoreAccents != o.IgnoreAccents || got.NoStemming != o.NoStemming ||
			(got.StopWords == nil) != (o.StopWords == nil) || o.StopWords != nil && *got.StopWords != own {
			t.Errorf("got %+v from %s, want %+v", got, text, o)
		}
	}
}

func TestAnErrorEndsTheWords(t *testing.T) {
	t.Parallel()
	given := errors.New("given")
	n := 0
	err := fulltext.NewTokenizer(fulltext.Options{}).Each("a b c", func(fulltext.Word) error { n++; return given })
	if !errors.Is(err, given) || n != 1 {
		t.Errorf("got %v after %d words, want the error of the first", err, n)
	}
}

// Any text has words of the same form twice, at places within it.
func FuzzTokenizer(f *testing.F) {
	for _, text := range []string{"The runners", "crème brûlée", "ışık IŞIK", "\xff\xfe", "книги", strings.Repeat("aeiouy", 10), "日本", "e\u0301"} {
		f.Add(text)
	}
	languages := strings.Fields("da de en es fi fr hu it nl no pt ro ru sv tr xx")
	f.Fuzz(func(t *testing.T, text string) {
		for i, language := range languages {
			o := fulltext.Options{Language: language, IgnoreAccents: i%2 == 0}
			got := words(t, text, o)
			if again := words(t, text, o); again != got {
				t.Errorf("%s: %q: got %q, then %q", language, text, got, again)
			}
			if utf8.ValidString(text) && !utf8.ValidString(got) {
				t.Errorf("%s: %q: got %q, which is no UTF-8", language, text, got)
			}
		}
	})
}
