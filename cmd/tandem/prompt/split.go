package prompt

import "strings"

// Cut returns the first statement of a text, without the semicolon that ends it, and the text after
// it. It reports false if no semicolon ends a statement. Semicolons in strings, in names in
// backquotes and in comments end none.
func Cut(text string) (statement, rest string, ok bool) {
	for i := 0; i < len(text); {
		if text[i] == ';' {
			return text[:i], text[i+1:], true
		}
		i = skip(text, i)
	}
	return "", text, false
}

// IsBlank reports whether a text has white space and comments alone.
func IsBlank(text string) bool {
	for i := 0; i < len(text); i = skip(text, i) {
		if !isSpace(text[i]) && !strings.HasPrefix(text[i:], "/*") {
			return false
		}
	}
	return true
}

// Fold returns a statement on one line, for the history. It reports false if that would change what
// the statement says, because a string or a name goes over lines.
func Fold(text string) (line string, ok bool) {
	var b strings.Builder
	afterBreak := false
	for i := 0; i < len(text); {
		end := skip(text, i)
		part := text[i:end]
		isBreak := part == "\n" || part == "\r" || part == "\t"
		if !isBreak && strings.ContainsAny(part, "\n\r") && !strings.HasPrefix(part, "/*") {
			return "", false
		}
		switch {
		case isBreak:
			afterBreak = true
		case afterBreak && part == " ":
		default:
			if afterBreak {
				b.WriteByte(' ')
			}
			afterBreak = false
			b.WriteString(strings.NewReplacer("\n", " ", "\r", " ").Replace(part))
		}
		i = end
	}
	return strings.TrimSpace(b.String()), true
}

// Params returns the names of the parameters in a query, without $.
func Params(text string) (names []string) {
	for i := 0; i < len(text); {
		if text[i] != '$' {
			i = skip(text, i)
			continue
		}
		end := i + 1
		for end < len(text) && isOfWord(rune(text[end])) && text[end] != '.' && text[end] != '`' {
			end++
		}
		names = append(names, text[i+1:end])
		i = end
	}
	return names
}

// isOpen reports whether a text ends within a string, a name in backquotes or a comment.
func isOpen(text string) bool {
	for i := 0; i < len(text); {
		end := skip(text, i)
		part := text[i:end]
		switch {
		case strings.HasPrefix(part, "/*") && (len(part) < 4 || !strings.HasSuffix(part, "*/")):
			return true
		case strings.IndexByte("'\"`", part[0]) >= 0 && (len(part) < 2 || part[len(part)-1] != part[0]):
			return true
		}
		i = end
	}
	return false
}

// skip returns the end of the string, name in backquotes or comment that begins at i, or of the byte
// there. A doubled quote within a string begins another.
func skip(text string, i int) int {
	switch c := text[i]; {
	case c == '\'' || c == '"' || c == '`':
		if end := strings.IndexByte(text[i+1:], c); end >= 0 {
			return i + 1 + end + 1
		}
		return len(text)
	case strings.HasPrefix(text[i:], "/*"):
		if end := strings.Index(text[i+2:], "*/"); end >= 0 {
			return i + 2 + end + 2
		}
		return len(text)
	}
	return i + 1
}

func isSpace(c byte) bool { return strings.IndexByte(" \t\r\n\v\f", c) >= 0 }
