package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/tandemdb/tandem"
)

// The sizes of documents, in bytes.
const kilobyte = 1000

var sizes = []int{100, kilobyte, 10_000, 100_000}

// lab makes one report.
type lab struct {
	cfg       Config
	folder    string
	report    Report
	limits    map[int]float64    // of SQLite, in documents per second, by size
	datasets  map[dataset]string // filled databases, by their content
	scratch   int                // databases made
	measuring string
	profiles  int
}

// dataset describes the content of a filled database.
type dataset struct {
	documents, size int
	versioning      tandem.Versioning
}

// experiment is one named measurement.
type experiment struct {
	name  string
	quick bool // part of the short set
	run   func(*lab, context.Context) error
}

func experiments() []experiment {
	return []experiment{
		{"load", true, (*lab).load},
		{"pull", true, func(l *lab, ctx context.Context) error { return l.kilobytes(ctx, tandem.Pull) }},
		{"push", true, func(l *lab, ctx context.Context) error { return l.kilobytes(ctx, tandem.Push) }},
		{"sizes", false, (*lab).sizes},
		{"trees", false, (*lab).trees},
		{"blob", true, (*lab).blob},
		{"small", true, (*lab).small},
		{"latency", true, (*lab).latency},
		{"crowd", true, (*lab).crowd},
		{"idle", true, (*lab).idle},
		{"million", false, (*lab).million},
	}
}

// Names lists the measurements, in the order in which they are made.
func Names() []string {
	var names []string
	for _, e := range experiments() {
		names = append(names, e.name)
	}
	return names
}

// Run makes the measurements. If one fails, the report contains the earlier ones.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if err := cfg.Validate(); err != nil {
		return Report{}, err
	}
	cfg = cfg.withDefaults()
	if cfg.Profiles != "" {
		if err := os.MkdirAll(cfg.Profiles, 0o700); err != nil {
			return Report{}, err
		}
	}
	folder, err := os.MkdirTemp(cfg.Folder, "tandem-bench-")
	if err != nil {
		return Report{}, err
	}
	l := &lab{cfg: cfg, folder: folder, limits: make(map[int]float64), datasets: make(map[dataset]string)}
	l.report = Report{
		Date: time.Now().UTC().Truncate(time.Second), System: runtime.GOOS + "/" + runtime.GOARCH,
		Processors: runtime.NumCPU(), Go: runtime.Version(), Version: tandem.Version,
	}
	return l.report, errors.Join(l.runAll(ctx), os.RemoveAll(folder))
}

func (l *lab) runAll(ctx context.Context) error {
	for _, e := range experiments() {
		chosen := l.cfg.Full || e.quick
		if len(l.cfg.Only) > 0 {
			chosen = slices.Contains(l.cfg.Only, e.name)
		}
		if !chosen {
			continue
		}
		l.measuring = e.name
		if err := e.run(l, ctx); err != nil {
			return fmt.Errorf("measure %s: %w", e.name, err)
		}
	}
	return nil
}

// path names a database that does not exist yet.
func (l *lab) path() string {
	l.scratch++
	return filepath.Join(l.folder, fmt.Sprintf("db-%03d.tandem", l.scratch))
}

// alone starts one process, runs do, and stops the process.
func (l *lab) alone(ctx context.Context, do func(*process) error) error {
	p, err := l.start(ctx, "peer")
	if err != nil {
		return err
	}
	return errors.Join(do(p), p.stop())
}

// filled returns the path of a database with documents, which must not be changed: see copied.
func (l *lab) filled(ctx context.Context, set dataset) (string, error) {
	if path, made := l.datasets[set]; made {
		return path, nil
	}
	path := l.path()
	err := l.alone(ctx, func(p *process) error {
		if _, err := call[none](p, "open", openArgs{Path: path, Versioning: set.versioning}); err != nil {
			return err
		}
		_, err := call[took](p, "fill", fillArgs{Documents: set.documents, Size: set.size})
		return err
	})
	l.datasets[set] = path
	return path, err
}

// copied returns the path of a copy of a filled database.
func (l *lab) copied(ctx context.Context, set dataset) (string, error) {
	original, err := l.filled(ctx, set)
	if err != nil {
		return "", err
	}
	path := l.path()
	return path, os.CopyFS(path, os.DirFS(original))
}

// limit returns SQLite's own rate for documents of a size, in documents per second.
func (l *lab) limit(ctx context.Context, size int) (float64, error) {
	if rate, known := l.limits[size]; known {
		return rate, nil
	}
	documents := l.documents(size)
	rates, err := l.repeat(func() (float64, error) {
		var t took
		folder := l.path()
		err := errors.Join(os.Mkdir(folder, 0o700), l.alone(ctx, func(p *process) (err error) {
			t, err = call[took](p, "bare", fillArgs{Documents: documents, Size: size, Folder: folder})
			return err
		}), os.RemoveAll(folder))
		return float64(documents) / t.Seconds, err
	})
	if err != nil {
		return 0, err
	}
	l.limits[size] = median(rates)
	l.report.add(Result{
		Name: "SQLite alone, " + sizeName(size), Unit: perSecond, Value: median(rates), Runs: rates, OfLimit: 100,
	})
	return l.limits[size], nil
}

// documents returns the number of documents of a size to measure with.
func (l *lab) documents(size int) int {
	const most = 200 << 20 // bytes
	return max(1, min(l.cfg.Documents, most/size))
}

// repeat measures as often as configured.
func (l *lab) repeat(measure func() (float64, error)) ([]float64, error) {
	values := make([]float64, l.cfg.Runs)
	for i := range values {
		var err error
		if values[i], err = measure(); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func sizeName(size int) string {
	if size < kilobyte {
		return fmt.Sprintf("%d B", size)
	}
	return fmt.Sprintf("%d kB", size/kilobyte)
}
