package function

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"sync"
)

// The bounds of regular expressions. A compiled one has steps, which take memory, and for each byte of a text as many of
// them may take time: together some ten seconds at most.
const (
	maxSteps = 20_000
	maxWork  = 1 << 31 // steps times bytes
)

// pattern is a compiled regular expression.
type pattern struct {
	*regexp.Regexp
	steps int
}

// CheckPattern refuses what is no regular expression. The error is for a person.
func CheckPattern(text string) error {
	_, err := compiled(text)
	return err
}

// patternFor returns a regular expression that is to search in s.
func patternFor(s, text string) (*regexp.Regexp, error) {
	p, err := compiled(text)
	if err != nil {
		return nil, err
	}
	if p.steps*len(s) > maxWork {
		return nil, fmt.Errorf("a text of %d bytes is too long for a regular expression of %d steps", len(s), p.steps)
	}
	return p.Regexp, nil
}

// maxCompiled bounds the number of cached patterns.
const maxCompiled = 100

// patterns caches regular expressions, since a query uses one for every row.
var patterns struct {
	sync.Mutex
	compiled map[string]pattern
}

func compiled(text string) (pattern, error) {
	patterns.Lock()
	defer patterns.Unlock()
	if p, ok := patterns.compiled[text]; ok {
		return p, nil
	}
	p, err := compile(text)
	if err != nil {
		return p, fmt.Errorf("the pattern of a regular expression is invalid: %w", shortened(err))
	}
	if patterns.compiled == nil || len(patterns.compiled) >= maxCompiled {
		patterns.compiled = map[string]pattern{}
	}
	patterns.compiled[text] = p
	return p, nil
}

func compile(text string) (pattern, error) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return pattern{}, err
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return pattern{}, err
	}
	if n := len(program.Inst); n > maxSteps {
		return pattern{}, fmt.Errorf("it has %d steps, and may have %d", n, maxSteps)
	}
	re, err := regexp.Compile(text)
	return pattern{re, len(program.Inst)}, err
}

// shortened returns an error without the whole of a long pattern.
func shortened(err error) error {
	const most = 100
	var wrong *syntax.Error
	if errors.As(err, &wrong) && len(wrong.Expr) > most {
		return fmt.Errorf("%s: `%s…`", wrong.Code, wrong.Expr[:most])
	}
	return err
}
