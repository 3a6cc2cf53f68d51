package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// The exit statuses.
const (
	statusDone        = 0
	statusFailed      = 1
	statusUsage       = 2
	statusInterrupted = 130
	statusTerminated  = 143
)

// statusHelp describes the exit statuses.
const statusHelp = "Exit statuses:\n" +
	"    0  all was done; a command that runs until it is stopped was stopped\n" +
	"    1  something failed, or only a part was done; the message says what\n" +
	"    2  the command line or a setting is invalid: nothing was done\n" +
	"  130  interrupted (SIGINT, Ctrl-C) before all was done\n" +
	"  143  ended (SIGTERM) before all was done"

// run executes one command line and returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	diverted := new(interrupts)
	ctx, stop := untilSignal(context.Background(), diverted)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // so that a command whose reader has gone can tidy up
	ctx, gone := context.WithCancelCause(ctx)
	defer gone(nil)

	a := &app{
		in: &input{from: stdin, interrupted: ctx.Done()}, keyboard: terminalOf(stdin),
		out: bufio.NewWriter(outlet{stdout, gone}),
		err: outlet{stderr, gone}, screen: terminalOf(stderr),
		display:     terminalOf(stdout),
		interrupted: ctx.Done(), interrupts: diverted,
	}
	root := newRoot(a)
	root.SetArgs(args)
	found, err := root.ExecuteContextC(ctx)
	if flushed := a.out.Flush(); err == nil && flushed != nil {
		err, a.started = fmt.Errorf("write results: %w", flushed), true
	}
	if err != nil && errors.Is(context.Cause(ctx), errNobodyReads) {
		return statusFailed
	}
	return a.report(ctx, found, err)
}

// app is the state of one run, shared by its subcommands.
type app struct {
	in  io.Reader
	out *bufio.Writer // for results; flushed at the end
	err io.Writer     // for everything else

	keyboard    *os.File        // standard input, if it is a terminal
	screen      *os.File        // standard error, if it is a terminal
	display     *os.File        // standard output, if it is a terminal
	interrupted <-chan struct{} // closed when the command must end
	interrupts  *interrupts

	verbose int // 1 logs events, 2 logs each message, too
	key     keyFlag
	started bool // the command line is valid

	log *rest.Log // keeps what is logged; nil unless keepLog was called

	tellCreated func() // prints once that the open database was created, if it was
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "tandem",
		Short: "JSON document databases that sync from peer to peer",
		Long: "tandem keeps JSON documents in databases on disk, and syncs them with other tandem peers,\n" +
			"with Couchbase Lite apps and with Sync Gateway, over WebSockets and TLS.\n\n" +
			"A DB is the path of a database: a folder whose name ends in .tandem, which may be left out.\n\n" +
			statusHelp,
		Example: "  tandem demo\n" +
			"  tandem import travel airlines.jsonl --collection travel.airlines\n" +
			"  tandem serve travel --user u --password-file pw\n" +
			"  tandem sync copy wss://host:4984/travel --user u --password-file pw --self-signed",
		Version:       tandem.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.PersistentFlags().CountVarP(&a.verbose, "verbose", "v", "log connections to standard error; -vv also each message")
	a.key.add(root)
	addGroup(root, "To begin with:", newDemo(a), newBench(a), newVersion(a), newHelp())
	addGroup(root, "Documents:", newPut(a), newGet(a), newRemove(a), newList(a), newQuery(a), newImport(a), newExport(a),
		newBlob(a), newExpire(a), newHistory(a))
	addGroup(root, "Databases:", newCreate(a), newInfo(a), newCollection(a), newIndex(a), newCopy(a), newCheck(a),
		newCompact(a), newRekey(a), newUpgrade(a))
	addGroup(root, "Sync:", newServe(a), newConsole(a), newSync(a), newMesh(a), newDiscover(a), newIdentity(a), newExplain(a), newConflicts(a), newResolve(a))
	group(root)
	a.complete(root)
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.HasSubCommands() && !c.Runnable() { // completion
			group(c)
		}
	}
	nameOperands(root)
	refuseEmptyFlags(root)
	root.SetFlagErrorFunc(flagError)
	return root
}

// addGroup adds commands under a title of the help.
func addGroup(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, c := range commands {
		c.GroupID = title
		if c.Name() == "help" {
			root.SetHelpCommand(c)
			root.SetCompletionCommandGroupID(title)
		}
		root.AddCommand(c)
	}
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND...]",
		Short: "Show the help of a command",
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkOperands(c, args); err != nil {
				return err
			}
			found, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(cmp.Or(found, c.Root()), args[len(args)-max(len(rest), 1)])
			}
			return found.Help()
		},
	}
}

// nameOperands makes each subcommand describe a wrong number of operands, or an empty one, in the
// words of its help.
func nameOperands(c *cobra.Command) {
	for _, sub := range c.Commands() {
		if fits := sub.Args; fits != nil && (!sub.HasSubCommands() || strings.Contains(sub.Use, " ")) {
			sub.Args = func(c *cobra.Command, args []string) error {
				if fits(c, args) == nil {
					return checkOperands(c, args)
				}
				return wrongOperands(c, len(args))
			}
		}
		nameOperands(sub)
	}
}

// wrongOperands is the usage error for n operands where c wants another number of them.
func wrongOperands(c *cobra.Command, n int) error {
	_, operands, _ := strings.Cut(c.Use, " ")
	command := strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
	wrong := usageError{text: fmt.Sprintf("%s takes %s, not %s", command, cmp.Or(operands, "no arguments"), count(n, "argument"))}
	if wanted := len(strings.Fields(operands)); n > wanted && wanted > 0 {
		wrong.hint = "put quotes around an argument that has spaces; see " + c.CommandPath() + " --help"
	}
	return wrong
}

// group makes a command without an action of its own show its help.
func group(c *cobra.Command) *cobra.Command {
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return unknownCommand(c, args[0])
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return c
}

// action is the work of a subcommand.
type action func(ctx context.Context, args []string) error

// do adapts an action to cobra.
func (a *app) do(act action) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		a.started = true
		return act(c.Context(), args)
	}
}

// usageError reports a command line that parses but cannot be executed. An empty hint refers to the
// help.
type usageError struct {
	text, hint string
	cause      error // nil for none
}

func (e usageError) Error() string { return e.text }
func (e usageError) Unwrap() error { return e.cause }

// invalidSetting makes a usage error of ErrInvalid, because all settings come from the command line.
// It returns any other error unchanged.
func invalidSetting(err error) error {
	if errors.Is(err, tandem.ErrInvalid) {
		return usageError{text: err.Error(), hint: tandem.HintOf(err), cause: err}
	}
	return err
}

func usage(format string, args ...any) error { return usageError{text: fmt.Sprintf(format, args...)} }

// report prints an error and returns the exit status.
func (a *app) report(ctx context.Context, c *cobra.Command, err error) int {
	var wrongUse usageError
	switch {
	case err == nil:
		return statusDone
	case errors.As(err, &wrongUse) || !a.started:
		a.note("tandem: %v", err)
		a.note("hint: %s", cmp.Or(wrongUse.hint, "see "+c.CommandPath()+" --help"))
		return statusUsage
	case errors.Is(err, context.Canceled):
		a.note("tandem: interrupted")
		return interruptedStatus(ctx)
	default:
		a.note("tandem: %v", err)
	}
	if hint := hintOf(err); hint != "" {
		a.note("hint: %s", hint)
	}
	return statusFailed
}

// logger logs warnings to standard error. With -v it also logs events, with -vv each message.
func (a *app) logger() *slog.Logger {
	level := slog.LevelWarn
	switch {
	case a.verbose == 1:
		level = slog.LevelInfo
	case a.verbose > 1:
		level = slog.LevelDebug
	}
	text := slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level})
	if a.log != nil {
		return slog.New(a.log.To(text))
	}
	return slog.New(text)
}

// keepLog has loggers also keep what they log, for GET /_log.
func (a *app) keepLog() { a.log = rest.NewLog(nil) }

// note prints a line on standard error.
func (a *app) note(format string, args ...any) {
	fmt.Fprintln(a.err, printable(fmt.Sprintf(format, args...)))
}
