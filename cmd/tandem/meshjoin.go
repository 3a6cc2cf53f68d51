package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// joinFlags are the flags of tandem mesh join.
type joinFlags struct {
	memberFlags
	codeFile string
	once     bool
}

func newMeshJoin(a *app) *cobra.Command {
	var f joinFlags
	c := &cobra.Command{
		Use:   "join DB [CODE]",
		Short: "Join a group by a code, and stay",
		Long: "join makes the database a member of the group that a code leads to, and keeps it in sync until\n" +
			"it is stopped; tandem mesh DB goes on later. It creates the database and the collections that\n" +
			"the inviter shares, if they do not exist. CODE is what tandem mesh invite has printed on a\n" +
			"member, or the text of its QR picture. Case and hyphens do not matter, and a typing error is\n" +
			"noticed here.\n\n" +
			"The inviter is found on the local network; elsewhere, name its address by --peer.\n\n" +
			"Others on this machine can see command lines. Without CODE, join asks for it, and --code-file\n" +
			"reads it from a file or from standard input.",
		Example: "  tandem mesh join sales H2W6-…\n" +
			"  tandem mesh join sales --code-file - --peer 192.0.2.7:4985 --once",
		Args: cobra.RangeArgs(1, 2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			code, err := f.code(a, args[1:])
			if err != nil {
				return err
			}
			if err := tandem.CheckJoinCode(code); err != nil {
				return invalidSetting(err)
			}
			return a.withOptions(ctx, args[0], tandem.Options{}, func(db *tandem.Database) error {
				return a.join(ctx, db, code, &f)
			})
		}),
	}
	c.Flags().StringVar(&f.codeFile, "code-file", "", "`file` whose first line is the code; - is standard input")
	c.Flags().BoolVar(&f.once, "once", false, "end after the first full sync with a neighbour")
	f.memberFlags.add(c)
	return c
}

// code returns the code from the command line, a file or the terminal.
func (f *joinFlags) code(a *app, operands []string) (string, error) {
	switch {
	case len(operands) > 0 && f.codeFile != "":
		return "", usage("a code and --code-file exclude each other")
	case len(operands) > 0:
		return operands[0], nil
	case f.codeFile != "":
		return a.firstLine(f.codeFile)
	case a.keyboard == nil:
		return "", usageError{text: "there is no code", hint: "give it as the last argument, or by --code-file"}
	}
	fmt.Fprint(a.err, "code: ")
	return a.firstLine("-")
}

func (a *app) join(ctx context.Context, db *tandem.Database, code string, f *joinFlags) error {
	var mu sync.Mutex
	told := make(map[string]string)
	a.note("looking for the inviter")
	g, err := tandem.JoinPeerGroup(ctx, db, code, tandem.JoinOptions{
		PeerGroupOptions: tandem.PeerGroupOptions{DeviceName: deviceName(f.name)},
		Peers:            f.peers, DisableDiscovery: f.noDiscovery,
		Trouble: func(address string, err error) {
			mu.Lock()
			defer mu.Unlock()
			if told[address] != err.Error() {
				told[address] = err.Error()
				a.note("%s does not lead to the inviter: %s", address, oneLine(err.Error()))
			}
		},
	})
	if ctx.Err() != nil {
		return context.Canceled
	}
	if err != nil {
		return err
	}
	a.tellCreated()
	a.note("joined group %s as %s", oneLine(g.Name()), oneLine(g.DeviceName()))
	if off := g.ClockOff; off.Abs() > clockTolerance {
		a.note("warning: this device's clock differs from the inviter's by %s: set it", off.Abs().Round(time.Minute))
	}
	a.createShared(ctx, db, g.Collections, f)
	hooks := memberHooks{}
	if f.once {
		hooks.until = func(ctx context.Context, m *tandem.MultipeerReplicator) error { return m.Wait(ctx) }
	}
	return a.meshOf(ctx, db, g.PeerGroup, &f.memberFlags, hooks)
}

// createShared makes the collections that the inviter shares, unless others were named. One that cannot be
// made is told, and left out: the device is a member already.
func (a *app) createShared(ctx context.Context, db *tandem.Database, names []string, f *joinFlags) {
	if len(f.collections) > 0 {
		return
	}
	for _, name := range names {
		if _, err := a.createCollection(ctx, db, name); err != nil {
			a.note("warning: the collection %s of the inviter is not shared: %s", oneLine(name), oneLine(err.Error()))
		}
	}
}

// clockTolerance is how far the clocks of two devices may differ without a warning.
const clockTolerance = 5 * time.Minute

// deviceName returns the name of this device for others: the one that was given, or the machine's.
func deviceName(given string) string {
	if given != "" {
		return given
	}
	host, err := os.Hostname()
	if err != nil {
		return ""
	}
	return host
}
