// Package fulltext splits text into words, and reads the text of MATCH.
//
//	t := fulltext.NewTokenizer(fulltext.Options{Language: "en"})
//	t.Each("The runners", func(w fulltext.Word) error { … }) // run, from 4 to 11
//
//	s, err := fulltext.Parse("runner* OR title:shoe", t, []string{"title", "body"})
//	s.Query() // the same for SQLite's FTS5
//
// Words are runs of letters, digits and marks in small letters. A language adds the stemmer of the
// Snowball project, and leaves out the words of its list in the folder stopwords. A [Tokenizer] may
// be used by one goroutine at a time.
package fulltext
