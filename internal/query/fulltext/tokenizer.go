package fulltext

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"golang.org/x/text/unicode/norm"
)

// Version changes when a [Tokenizer] may make other words of the same text. It includes the versions
// of Unicode that it depends on.
const Version = "1 of " + unicode.Version + " and " + norm.Version

// Options tell what counts as the same word.
type Options struct {
	Language      string  `json:"language,omitempty"` // as for [Language]; a language that is not known changes nothing
	IgnoreAccents bool    `json:"ignoreAccents,omitempty"`
	StopWords     *string `json:"stopWords,omitempty"` // with spaces between; nil: those of the language
	NoStemming    bool    `json:"noStemming,omitempty"`
}

// Word is a word of a text, as an index has it.
type Word struct {
	Text       string
	Start, End int // bytes of the text
}

// Tokenizer splits text into words.
type Tokenizer struct {
	ignoreAccents bool
	language      string // its code, or ""
	stem          func(*snowballstem.Env) bool
	env           *snowballstem.Env
	stops         map[string]bool
	known         map[string]string // words by what they are in small letters; "" for a stop word
	folded        []byte
}

const (
	maxKnown   = 2000
	maxStemmed = 64    // bytes: what is longer is no word of a language, and the stemmers take quadratic time
	maxWord    = 32768 // bytes of a word that FTS5 keeps
)

// NewTokenizer makes a tokenizer.
func NewTokenizer(o Options) *Tokenizer {
	t := &Tokenizer{ignoreAccents: o.IgnoreAccents, known: map[string]string{}, stops: map[string]bool{}}
	t.language = Language(o.Language)
	var stops string
	if l := languages[t.language]; l != nil {
		stops = l.stops()
		if !o.NoStemming {
			t.stem, t.env = l.stem, snowballstem.NewEnv("")
		}
	}
	if o.StopWords != nil {
		stops = *o.StopWords
	}
	for word := range strings.FieldsSeq(stops) {
		t.stops[string(t.fold(nil, word))] = true
	}
	return t
}

// Each calls yield for each word but stop words, until yield fails.
func (t *Tokenizer) Each(text string, yield func(Word) error) error {
	for at := 0; ; {
		start, end := nextWord(text, at)
		if start == end {
			return nil
		}
		at = end
		if word := t.word(text[start:end]); word != "" {
			if err := yield(Word{word, start, end}); err != nil {
				return err
			}
		}
	}
}

// nextWord returns where the next word begins and ends, both the length of the text if there is
// none.
func nextWord(text string, at int) (start, end int) {
	for start = at; start < len(text); {
		is, n := partOfWord(text[start:])
		if is {
			break
		}
		start += n
	}
	for end = start; end < len(text); {
		is, n := partOfWord(text[end:])
		if !is {
			break
		}
		end += n
	}
	return start, end
}

// partOfWord reports whether the first character of text belongs to a word, and its length.
func partOfWord(text string) (is bool, n int) {
	if c := text[0]; c < utf8.RuneSelf {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9', 1
	}
	r, n := utf8.DecodeRuneInString(text)
	return unicode.In(r, unicode.L, unicode.N, unicode.M, unicode.Co) && r != utf8.RuneError, n
}

// word returns the form of a word in an index, or "" for a stop word.
func (t *Tokenizer) word(original string) string {
	t.folded = t.fold(t.folded[:0], original)
	if word, known := t.known[string(t.folded)]; known {
		return word
	}
	folded := string(t.folded[:min(len(t.folded), maxWord)])
	word := folded
	switch {
	case t.stops[folded]:
		word = ""
	case t.stem != nil && len(folded) <= maxStemmed:
		word = t.stemmed(folded)
	}
	if len(folded) <= maxStemmed {
		if len(t.known) >= maxKnown {
			clear(t.known)
		}
		t.known[folded] = word
	}
	return word
}

// stemmed returns the stem of a word. If nothing were left, the word is its own stem.
func (t *Tokenizer) stemmed(word string) string {
	t.env.SetCurrent(word)
	t.stem(t.env)
	if stem := t.env.Current(); stem != "" {
		return stem
	}
	return word
}

// fold appends a word in small letters, and without accents if they are ignored.
func (t *Tokenizer) fold(dst []byte, word string) []byte {
	ascii := true
	for i := range len(word) {
		c := word[i]
		if c >= utf8.RuneSelf {
			ascii = false
			break
		}
		if c >= 'A' && c <= 'Z' {
			if c == 'I' && t.language == "tr" {
				ascii = false
				break
			}
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	if ascii {
		return dst
	}
	return t.foldUnicode(dst[:0], word)
}

func (t *Tokenizer) foldUnicode(dst []byte, word string) []byte {
	form := norm.NFC
	if t.ignoreAccents {
		form = norm.NFD
	}
	accented := false // the last letter is one that may lose its accents
	for _, r := range form.String(word) {
		if !unicode.Is(unicode.Mn, r) {
			accented = t.ignoreAccents && unicode.In(r, unicode.Latin, unicode.Greek)
		} else if accented {
			continue
		}
		dst = utf8.AppendRune(dst, t.small(r))
	}
	if t.ignoreAccents {
		return norm.NFC.Bytes(dst)
	}
	return dst
}

// small returns a letter in small form. Letters that differ only in their place in a word are the same.
func (t *Tokenizer) small(r rune) rune {
	switch {
	case t.language == "tr":
		r = unicode.TurkishCase.ToLower(r)
	case r == 'ı':
		return r
	default:
		r = unicode.ToLower(unicode.ToUpper(r))
	}
	switch {
	case r == 'ς':
		return 'σ'
	case r == 'ș' && t.language == "ro": // the stemmer knows the letters with a cedilla
		return 'ş'
	case r == 'ț' && t.language == "ro":
		return 'ţ'
	}
	return r
}
