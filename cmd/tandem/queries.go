package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/cmd/tandem/prompt"
)

// maxStatement bounds the bytes of a statement.
const maxStatement = 1 << 20

// queries asks for queries at the terminal, or reads them from standard input.
func (a *app) queries(ctx context.Context, path string, f *queryFlags) error {
	params, err := parseParams(f.params)
	if err != nil {
		return err
	}
	if f.live {
		return usage("--live needs a QUERY; at the prompt there is .live")
	}
	return a.with(ctx, path, func(db *tandem.Database) error {
		s := &querySession{a: a, db: db, f: f, params: params, several: true}
		if a.keyboard != nil && a.display != nil {
			return a.converse(ctx, s)
		}
		return s.runAll(ctx, a.in)
	})
}

// runAll runs the statements of a text, until one fails. The last one needs no semicolon.
func (s *querySession) runAll(ctx context.Context, from io.Reader) error {
	lines := bufio.NewReader(from)
	var statements statements
	for {
		line, err := lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		isLast := err != nil
		all, err := statements.add(line)
		if err != nil {
			return err
		}
		if isLast && !prompt.IsBlank(statements.rest) { // a string or comment in it may be open, which its error tells
			all = append(all, strings.TrimSpace(statements.rest))
		}
		for _, text := range all {
			if s.last != "" && !strings.HasPrefix(text, ".") && !s.f.asJSON && !s.f.asCSV {
				fmt.Fprintln(s.a.out) // between two tables
			}
			if err := errors.Join(s.perform(ctx, text), s.a.out.Flush()); errors.Is(err, errQuit) {
				return nil
			} else if err != nil {
				return err
			}
		}
		if isLast {
			return nil
		}
	}
}

// statements are cut out of lines. The zero value has no line.
type statements struct {
	rest string // of the lines, after the last whole statement
}

// add adds a line with its break, and returns the statements that are whole now. A line that begins
// with a dot, where no statement has begun, is a command, and whole by itself. So are help, quit and
// exit, with which no query begins.
func (t *statements) add(line string) (all []string, err error) {
	command := strings.TrimSpace(strings.TrimRight(line, "; \r\n"))
	switch word := strings.ToLower(command); word {
	case "help", "quit", "exit":
		if strings.TrimSpace(t.rest) == "" { // it does not stand in a comment
			command = "." + word
		}
	}
	if prompt.IsBlank(t.rest) && strings.HasPrefix(command, ".") {
		t.rest = ""
		return []string{command}, nil
	}
	if t.rest += line; len(t.rest) > maxStatement {
		t.rest = ""
		return nil, usage("a statement has more than %s: end each with a semicolon", byteCount(int64(maxStatement)))
	}
	for {
		statement, rest, ok := prompt.Cut(t.rest)
		if !ok {
			return all, nil
		}
		t.rest = rest
		if !prompt.IsBlank(statement) {
			all = append(all, strings.TrimSpace(statement))
		}
	}
}

// perform runs a statement or a command.
func (s *querySession) perform(ctx context.Context, text string) error {
	if strings.HasPrefix(text, ".") {
		return s.command(ctx, text)
	}
	s.last = text
	return marked(text, s.run(ctx, text, s.f.mode()))
}

// errQuit ends the prompt.
var errQuit = errors.New("quit")

// promptHelp describes the commands.
const promptHelp = `A query ends with a semicolon, and may go over several lines. Commands:
  .explain [QUERY]      show how a query would be run; without QUERY the last one
  .live [QUERY]         print each result that differs, until Ctrl-C
  .export FILE [QUERY]  write the rows to a file: CSV if its name ends in .csv, else JSON lines
  .param NAME=JSON      set the parameter $NAME for the queries to come
  .help                 show this
  .quit                 end, as quit, exit and Ctrl-D do
Tab completes words, Ctrl-R searches the history, Ctrl-C ends a running query.
A line that begins with a space is not kept in the history.
`

// promptCommands are the names of the commands.
var promptCommands = []string{".explain", ".export", ".help", ".live", ".param", ".quit"}

// command performs a command.
func (s *querySession) command(ctx context.Context, line string) error {
	name, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch name {
	case ".explain":
		return s.withLast(rest, func(text string) error { return s.run(ctx, text, toExplain) })
	case ".live":
		return s.withLast(rest, func(text string) error { return s.run(ctx, text, toFollow) })
	case ".export":
		file, text, _ := strings.Cut(rest, " ")
		if file == "" {
			return usageError{text: ".export needs a FILE", hint: "write .export FILE, or .export FILE QUERY"}
		}
		return s.withLast(strings.TrimSpace(text), func(text string) error { return s.export(ctx, file, text) })
	case ".param":
		if rest == "" {
			return usageError{text: ".param needs NAME=JSON", hint: `write .param city="London"`}
		}
		params, err := parseParams([]string{rest})
		for name, value := range params {
			s.params[name] = value
		}
		return err
	case ".help":
		fmt.Fprint(s.a.out, promptHelp)
		return nil
	case ".quit", ".exit":
		return errQuit
	}
	return usageError{text: fmt.Sprintf("there is no command %s", printable(name)), hint: ".help lists the commands"}
}

// withLast calls fn with a query, or else with the last one.
func (s *querySession) withLast(text string, fn func(text string) error) error {
	if text == "" {
		text = s.last
	}
	if text == "" {
		return usageError{text: "there is no last query", hint: "write the query after the command"}
	}
	s.last = text
	return marked(text, fn(text))
}
