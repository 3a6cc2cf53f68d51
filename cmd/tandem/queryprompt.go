package main

import (
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/peterh/liner"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/cmd/tandem/prompt"
)

// converse asks for statements until the user ends it. Errors are printed, and end nothing.
func (a *app) converse(ctx context.Context, s *querySession) error {
	defer a.interrupts.divert(func() {})() // Ctrl-C between a line and its statement
	h := openHistory(historyFile())
	defer h.close()
	e := newEditor(a, s, h)
	defer e.close()
	a.note("%s · .help lists the commands, Ctrl-D ends", s.db.Name())
	for {
		line, err := e.line(ctx)
		switch {
		case errors.Is(err, liner.ErrPromptAborted): // Ctrl-C
			e.statements.rest = ""
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if prompt.IsBlank(e.statements.rest) {
			e.private = strings.HasPrefix(line, " ")
		}
		all, err := e.statements.add(line + "\n")
		if err != nil {
			a.complain(err)
		}
		if len(all) > 0 {
			h.add(strings.Join(all, "; "), e)
		}
		for _, text := range all {
			if err := a.performAtPrompt(ctx, s, text); errors.Is(err, errQuit) {
				return nil
			} else if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
}

// performAtPrompt performs one statement, which Ctrl-C ends, and prints its error.
func (a *app) performAtPrompt(ctx context.Context, s *querySession, text string) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	defer a.interrupts.divert(cancel)()
	err := s.perform(running, text)
	_ = a.out.Flush() // the error of a terminal that is gone comes again
	switch {
	case errors.Is(err, errQuit), ctx.Err() != nil:
	case errors.Is(err, context.Canceled) || running.Err() != nil && err == nil:
		a.note("interrupted")
	case err != nil:
		a.complain(err)
	}
	return err
}

// complain prints an error and its hint.
func (a *app) complain(err error) {
	a.note("%v", err)
	var wrongUse usageError
	hint := hintOf(err)
	if errors.As(err, &wrongUse) {
		hint = wrongUse.hint
	}
	if hint != "" {
		a.note("hint: %s", hint)
	}
}

// editor reads lines from the terminal.
type editor struct {
	state      *liner.State
	statements statements
	words      prompt.Words
	private    bool // the statement begins with a space
	s          *querySession
	looked     time.Time // when the words of the database were read
}

func newEditor(a *app, s *querySession, h *history) *editor {
	e := &editor{state: liner.NewLiner(), s: s}
	e.words = prompt.Words{Commands: promptCommands, Keywords: tandem.QueryKeywords(), Functions: tandem.QueryFunctions()}
	e.state.SetCtrlCAborts(true)
	e.state.SetTabCompletionStyle(liner.TabPrints)
	e.state.SetBeep(false)
	for _, line := range h.lines {
		e.state.AppendHistory(line)
	}
	e.state.SetWordCompleter(func(line string, cursor int) (string, []string, string) {
		e.look()
		return e.words.Complete(e.statements.rest, line, cursor)
	})
	return e
}

// close gives the terminal back as it was.
func (e *editor) close() { _ = e.state.Close() } // the terminal may be gone

// line asks for a line. The end of ctx ends the question.
func (e *editor) line(ctx context.Context) (string, error) {
	sign := "tandem> "
	if !prompt.IsBlank(e.statements.rest) {
		sign = "   ...> "
	}
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // after the end of ctx it ends with the process
		line, err := e.state.Prompt(sign)
		answered <- answer{line, err}
	}()
	select {
	case given := <-answered:
		return given.line, given.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// The bounds of the look at a database's words.
const (
	lookAnew      = 10 * time.Second
	lookFor       = 300 * time.Millisecond
	lookAt        = 50 // documents of each collection
	mostWords     = 1000
	deepestToLook = 3
)

// look reads the names of collections, and of properties in some of their documents.
func (e *editor) look() {
	if time.Since(e.looked) < lookAnew {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookFor)
	defer cancel()
	found := wordsOf(ctx, e.s.db)
	e.words.Collections, e.words.Properties = found.Collections, found.Properties
	e.looked = time.Now()
}

// wordsOf returns the names of collections and properties; fewer once ctx ends.
func wordsOf(ctx context.Context, db *tandem.Database) (w prompt.Words) {
	all, err := db.Collections(ctx)
	if err != nil {
		return w
	}
	known := map[string]bool{}
	for _, c := range all {
		w.Collections = append(w.Collections, c.FullName())
		q, err := c.CreateQuery("SELECT * FROM _ LIMIT $n")
		if err != nil {
			continue
		}
		rows, err := q.Execute(ctx, tandem.Parameters{"n": lookAt})
		if err != nil {
			continue
		}
		for row, err := range rows.All() {
			if err != nil || len(known) >= mostWords {
				break
			}
			body, _ := row.ValueAt(0).(map[string]any)
			note(known, "", body, deepestToLook)
		}
	}
	w.Collections = append(w.Collections, "_")
	for name := range known {
		w.Properties = append(w.Properties, name)
	}
	return w
}

// note adds the paths of an object's properties, as queries write them.
func note(known map[string]bool, above string, object map[string]any, deep int) {
	for key, value := range object {
		if len(known) >= mostWords {
			return
		}
		name := above + quotedName(key)
		known[name] = true
		if below, ok := value.(map[string]any); ok && deep > 1 {
			note(known, name+".", below, deep-1)
		}
	}
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*$`)

// quotedName puts a name in backquotes where queries need them.
func quotedName(name string) string {
	if plainName.MatchString(name) && !slices.Contains(tandem.QueryKeywords(), strings.ToUpper(name)) {
		return name
	}
	return "`" + strings.ReplaceAll(printable(name), "`", "``") + "`"
}
