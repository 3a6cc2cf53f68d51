package fulltext

import "strings"

// Arguments returns the options as a tokenizer of FTS5 takes them, with spaces between. [FromArguments] reads them.
func (o Options) Arguments() string {
	stops := "-"
	if o.StopWords != nil {
		stops = "=" + strings.Join(strings.Fields(strings.ReplaceAll(*o.StopWords, "\x00", " ")), " ")
	}
	all := []string{"-" + Language(o.Language), flag(o.IgnoreAccents), flag(o.NoStemming), stops, Version}
	for i, a := range all {
		all[i] = "'" + strings.ReplaceAll(a, "'", "''") + "'"
	}
	return strings.Join(all, " ")
}

// FromArguments returns the options that the arguments of a tokenizer stand for, and whether their words are those of this
// version.
func FromArguments(args []string) (o Options, same bool) {
	same = len(args) == 5 && args[4] == Version
	for len(args) < 4 {
		args = append(args, "-")
	}
	o.Language = strings.TrimPrefix(args[0], "-")
	o.IgnoreAccents, o.NoStemming = args[1] == flag(true), args[2] == flag(true)
	if stops, ok := strings.CutPrefix(args[3], "="); ok {
		o.StopWords = &stops
	}
	return o, same
}

func flag(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
