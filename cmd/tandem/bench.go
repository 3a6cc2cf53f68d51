package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/pprof"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem/internal/bench"
)

func newBench(a *app) *cobra.Command {
	var cfg bench.Config
	var quick, asJSON bool
	var plot string
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast two peers sync on this machine",
		Long: "bench measures, with two processes in temporary folders, how fast documents are stored and\n" +
			"synced, how long small syncs take, and what memory they need. Beside each rate it prints\n" +
			"what SQLite alone inserts on this machine.",
		Example: "  tandem bench\n  tandem bench --full --plot rates.png\n  tandem bench --only pull,push --json",
		Args:    cobra.NoArgs,
		RunE: a.do(func(ctx context.Context, _ []string) error {
			return a.bench(ctx, cfg, asJSON, plot)
		}),
	}
	flags := c.Flags()
	flags.BoolVar(&quick, "quick", false, "the short set, about a minute (the default)")
	flags.BoolVar(&cfg.Full, "full", false, "everything, several minutes")
	flags.StringSliceVar(&cfg.Only, "only", nil, "`names` of what to measure")
	flags.IntVar(&cfg.Documents, "documents", 0, "documents of 1 kB in a transfer (default 33,000; 100,000 with --full)")
	flags.IntVar(&cfg.Runs, "runs", 0, "repetitions, of which the median counts (default 3; 5 with --full)")
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	flags.StringVar(&plot, "plot", "", "draw the rate over progress into a PNG `file`")
	flags.StringVar(&cfg.Profiles, "profiles", "", "write profiles of each process into a `folder`, which is made if needed")
	exclusive(c, "quick", "full")
	c.AddCommand(newBenchPeer(a))
	return c
}

func (a *app) bench(ctx context.Context, cfg bench.Config, asJSON bool, plot string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cfg.Peer = []string{self, "bench", "peer"}
	cfg.Note = func(text string) { a.note("measuring %s", text) }
	if err := cfg.Validate(); err != nil {
		return usage("%v", err)
	}
	report, err := measure(ctx, cfg, plot)
	if ctx.Err() != nil {
		return ctx.Err() // interrupted: the failures of the other processes tell nothing
	}
	if err != nil {
		return err
	}
	if asJSON {
		encoder := json.NewEncoder(a.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	return report.WriteTable(a.out)
}

// measure runs the benchmark, and draws the plot if it has a file name. It opens the plot's file
// first, so that a bad name fails before the long run.
func measure(ctx context.Context, cfg bench.Config, plot string) (report bench.Report, err error) {
	if plot == "" {
		return bench.Run(ctx, cfg)
	}
	err = create(plot, func(w io.Writer) error {
		if report, err = bench.Run(ctx, cfg); err != nil {
			return err
		}
		return report.WritePlot(w)
	})
	return report, err
}

// newBenchPeer is the hidden command that bench runs in its child processes.
func newBenchPeer(a *app) *cobra.Command {
	var cpu, memory string
	c := &cobra.Command{
		Use:    "peer",
		Short:  "Serve a bench process",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: a.do(func(ctx context.Context, _ []string) error {
			return profiled(cpu, memory, func() error { return bench.ServePeer(ctx, a.in, os.Stdout) })
		}),
	}
	c.Flags().StringVar(&cpu, "cpuprofile", "", "write a processor profile to a `file`")
	c.Flags().StringVar(&memory, "memprofile", "", "write an allocation profile to a `file`")
	return c
}

// profiled runs do, and writes the profiles that have a file name.
func profiled(cpu, memory string, do func() error) error {
	if memory != "" {
		runtime.MemProfileRate = 64 << 10 //nolint:reassign // what the variable is for
	}
	if cpu == "" {
		return orProfile(do(), memory)
	}
	return create(cpu, func(w io.Writer) error {
		if err := pprof.StartCPUProfile(w); err != nil {
			return err
		}
		err := do()
		pprof.StopCPUProfile()
		return orProfile(err, memory)
	})
}

// orProfile writes an allocation profile, unless there was an error.
func orProfile(err error, name string) error {
	if err != nil || name == "" {
		return err
	}
	return create(name, func(w io.Writer) error { return pprof.Lookup("allocs").WriteTo(w, 0) })
}

// create creates a file, and removes it if write fails. It never removes a file that is not a
// regular one, such as a device.
func create(name string, write func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	err = errors.Join(err, write(file), file.Close())
	if err != nil && info != nil && info.Mode().IsRegular() {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
